// Request bodies: announced by Content-Length, at most 1 MiB, a JSON object that is not empty.

import type { IncomingMessage } from 'node:http'
import type { Json, JsonObject } from '../../model/cluster/cluster.ts'
import { isJsonObject, tooDeep } from '../../model/settings/patch.ts'
import { page, type Reply } from '../reply.ts'

const BODY_BYTES_MAX = 1024 * 1024

type Body =
  | { readonly ok: true; readonly document: JsonObject; readonly text: string }
  | { readonly ok: false; readonly reply: Reply }

/**
 * The body as a JSON object, or the reply that refuses it: 411 without Content-Length, 413 when too large, 400 for
 * anything that is not a non-empty object. How long a client may take is bounded by the listener's request time-out.
 */
export async function readBody(request: IncomingMessage): Promise<Body> {
  const announced = request.headers['content-length']
  if (announced === undefined) return refuse(411)
  if (Number(announced) > BODY_BYTES_MAX) return refuse(413)
  const text = await readText(request)
  if (text === null) return refuse(400)
  const document = parseObject(text)
  return document === null ? refuse(400) : { ok: true, document, text }
}

/** Like readBody, but a missing body, or one announced as empty, is an empty object. */
export async function readOptionalBody(request: IncomingMessage): Promise<Body> {
  const announced = request.headers['content-length']
  if (announced !== undefined && Number(announced) > BODY_BYTES_MAX) return refuse(413)
  if (announced === undefined || Number(announced) === 0) return { ok: true, document: {}, text: '' }
  const text = await readText(request)
  if (text === null) return refuse(400)
  const document = parseObject(text, 'may be empty')
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

function parseObject(
  text: string,
  emptiness: 'may be empty' | 'needs a key' = 'needs a key',
): JsonObject | null {
  try {
    const value = JSON.parse(text) as Json
    if (!isJsonObject(value) || tooDeep(value)) return null
    return emptiness === 'may be empty' || Object.keys(value).length > 0 ? value : null
  } catch {
    return null
  }
}

function refuse(status: number): Body {
  return { ok: false, reply: page(status) }
}
