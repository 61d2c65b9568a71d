// The four kinds of reply: status only, JSON, plain text (sent as text/html, as ever), and a small HTML error page.
// The page carries the phrases that patronictl looks for.

import type { ServerResponse } from 'node:http'
import { STATUS_CODES } from 'node:http'
import { printable, printableLines } from '../model/command/printable.ts'
import { OUTCOME_HEADER, type OutcomeCode } from '../wire/outcome-code.ts'

type Headers = readonly (readonly [string, string])[]

/** The headers that all replies of a server share, except those of status only, which have none of ours. */
export interface CommonHeaders {
  /** The `Server` header. */
  readonly server: string
  /** Set by the operator; not sent with error pages. */
  readonly extra: Headers
}

export type Reply =
  | { readonly kind: 'status'; readonly status: number; readonly code?: string }
  | { readonly kind: 'json'; readonly status: number; readonly body: string }
  | { readonly kind: 'text'; readonly status: number; readonly body: string; readonly headers?: Headers }
  | { readonly kind: 'metrics'; readonly body: string }
  /** `message` defaults to the status's own words. */
  | { readonly kind: 'page'; readonly status: number; readonly message?: string }

/** `code`: for hactl commands, in a header. */
export function statusOnly(status: number, code: string | null = null): Reply {
  return code === null ? { kind: 'status', status } : { kind: 'status', status, code }
}

export function json(status: number, body: string): Reply {
  return { kind: 'json', status, body }
}

export function text(status: number, body: string, headers: Headers = []): Reply {
  return { kind: 'text', status, body, headers }
}

/** A text reply with the code from which a hactl command knows the outcome of its request. */
export function outcomeReply(status: number, code: OutcomeCode, body: string): Reply {
  return text(status, body, [[OUTCOME_HEADER, code]])
}

export function page(status: number, message?: string): Reply {
  return message === undefined ? { kind: 'page', status } : { kind: 'page', status, message }
}

export function replyStatus(reply: Reply): number {
  return reply.kind === 'metrics' ? 200 : reply.status
}

/** Sends `reply`; does nothing when the client has gone or was answered already. */
export function send(response: ServerResponse, reply: Reply, common: CommonHeaders): void {
  if (response.headersSent || response.destroyed) return
  switch (reply.kind) {
    case 'status':
      response.writeHead(reply.status, [
        ...(reply.code === undefined ? [] : [OUTCOME_HEADER, reply.code]),
        ...['Content-Length', '0'],
      ])
      response.end()
      return
    case 'json':
      sendBody(response, reply.status, 'application/json', reply.body, [], common)
      return
    case 'text':
      // It may quote what is in etcd, and is read in terminals.
      sendBody(response, reply.status, 'text/html', printableLines(reply.body), reply.headers ?? [], common)
      return
    case 'metrics':
      sendBody(response, 200, 'text/plain', reply.body, [], common)
      return
    case 'page':
      sendPage(response, reply.status, reply.message, common)
  }
}

function sendBody(
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  own: Headers,
  { server, extra }: CommonHeaders,
): void {
  const headers = ['Server', server, ...own.flat(), 'Content-Type', type]
  headers.push('Content-Length', String(Buffer.byteLength(body)), ...extra.flat())
  response.writeHead(status, headers)
  response.end(body)
}

function sendPage(
  response: ServerResponse,
  status: number,
  message: string | undefined,
  { server }: CommonHeaders,
): void {
  const words = STATUS_CODES[status] ?? 'Error'
  const body = errorPage(status, message ?? words)
  const headers = ['Server', server, 'Connection', 'close', 'Content-Type', 'text/html;charset=utf-8']
  headers.push('Content-Length', String(Buffer.byteLength(body)))
  response.writeHead(status, message === undefined ? words : reasonPhrase(message), headers)
  response.end(body)
}

const EXPLANATIONS: Readonly<Record<number, string>> = {
  400: 'Bad request syntax or unsupported method',
  409: 'Request conflict',
  411: 'Client must specify Content-Length',
  413: 'Entity is too large',
  422: 'The values are refused',
  500: 'Server got itself in trouble',
  501: 'Server does not support this operation',
  502: 'Invalid responses from another server/proxy',
  503: 'The server cannot process the request now',
}

function errorPage(status: number, message: string): string {
  const explanation = EXPLANATIONS[status] ?? STATUS_CODES[status] ?? ''
  return [
    '<!DOCTYPE html>',
    '<html><head><meta charset="utf-8"><title>Error response</title></head><body>',
    '<h1>Error response</h1>',
    `<p>Error code: ${status}</p>`,
    `<p>Message: ${escapeHtml(printable(message))}.</p>`,
    `<p>Error code explanation: ${status} - ${explanation}.</p>`,
    '</body></html>\n',
  ].join('\n')
}

function escapeHtml(message: string): string {
  return message.replace(/[&<>"]/g, sign => `&#${sign.charCodeAt(0)};`)
}

/** A status line takes printable ASCII on one line only. */
function reasonPhrase(message: string): string {
  return message.replace(/[^ -~]/g, '?').slice(0, 200)
}
