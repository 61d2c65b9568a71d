// Whether an authority signed a certificate, by the signatures alone: what somebody who holds only the authority could verify.

import { X509Certificate } from 'node:crypto'

/** What `certificates` (PEM, the server's own first) leads to is in `authorities` (PEM). Dates are not looked at. */
export function isSignedBy(certificates: Buffer, authorities: Buffer): boolean {
  const [first, ...between] = certificatesIn(certificates)
  const roots = certificatesIn(authorities)
  let current = first
  for (let step = 0; current !== undefined && step <= between.length; step += 1) {
    const issued = current
    const isIssuer = (other: X509Certificate) => issued.checkIssued(other) && issued.verify(other.publicKey)
    if (roots.some(root => root.fingerprint256 === issued.fingerprint256 || isIssuer(root))) return true
    current = between.find(other => other !== issued && isIssuer(other))
  }
  return false
}

function certificatesIn(pem: Buffer): readonly X509Certificate[] {
  const blocks =
    pem.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  return blocks.map(block => new X509Certificate(block))
}
