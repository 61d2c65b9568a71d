// Request bodies: announced by Content-Length, at most 1 MiB, a JSON object that is not empty.

import type { IncomingMessage } from 'node:http'
import type { Json, JsonObject } from '../../model/cluster/cluster.ts'
import { isJsonObject, tooDeep } from '../../model/settings/patch.ts'
import { page, type Reply } from '../reply.ts'

const BODY_BYTES_MAX = 1024 * 1024

/** `optional`: a missing body, or one announced as empty, is an empty object. */
export type BodyNeed = 'none' | 'needed' | 'optional'

type Received = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly reply: Reply }

type Body =
  | { readonly ok: true; readonly document: JsonObject; readonly text: string }
  | { readonly ok: false; readonly reply: Reply }

/**
 * The text, or the reply that refuses it: 411 without Content-Length, 413 when too large, 400 when the client goes away.
 * How long a client may take is bounded by the listener's request time-out.
 */
export async function receiveBody(request: IncomingMessage, need: BodyNeed): Promise<Received> {
  if (need === 'none') return { ok: true, text: '' }
  const announced = request.headers['content-length']
  if (announced === undefined && need === 'needed') return refuse(411)
  if (Number(announced ?? 0) > BODY_BYTES_MAX) return refuse(413)
  if (need === 'optional' && Number(announced ?? 0) === 0) return { ok: true, text: '' }
  const text = await readText(request)
  return text === null ? refuse(400) : { ok: true, text }
}

/** The body as a JSON object; 400 for anything that is not a non-empty object. */
export function readBody(text: string): Body {
  const document = parseObject(text)
  return document === null || Object.keys(document).length === 0 ? refuse(400) : { ok: true, document, text }
}

/** Like readBody, but no body is an empty object, which is taken too. */
export function readOptionalBody(text: string): Body {
  if (text === '') return { ok: true, document: {}, text }
  const document = parseObject(text)
  return document === null ? refuse(400) : { ok: true, document, text }
}

/** null: the client went away before the end. */
async function readText(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer)
  } catch {
    return null
  }
  return request.complete ? Buffer.concat(chunks).toString('utf8') : null
}

function parseObject(text: string): JsonObject | null {
  try {
    const value = JSON.parse(text) as Json
    return isJsonObject(value) && !tooDeep(value) ? value : null
  } catch {
    return null
  }
}

function refuse(status: number): { readonly ok: false; readonly reply: Reply } {
  return { ok: false, reply: page(status) }
}
