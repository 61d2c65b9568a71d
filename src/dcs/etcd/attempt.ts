// One try of one call at one endpoint: bounded by the monotonic clock, cancelled when it is over, and with etcd's own
// status code and text in the answer (the library's error classes lose the code).

import {
  type CallOptions,
  InterceptingCall,
  type InterceptorOptions,
  ListenerBuilder,
  type NextCall,
  RequesterBuilder,
  type StatusObject,
} from '@grpc/grpc-js'
import { errorText } from '../../model/error-text.ts'
import type { Millis, WallMillis } from '../../model/units.ts'
import type { CallFailure } from './call-errors.ts'

const OK = 0
const DEADLINE_EXCEEDED = 4
const CANCELLED = 1

/** Call options for the raw stubs, and how the call ended. */
export interface Trace {
  readonly options: CallOptions
  /** Status that etcd or gRPC ended the call with; null while it runs. */
  status(): StatusObject | null
  cancel(code: number, why: string): void
}

/**
 * `token` null: none is sent. `deadlineWallMs` null: a stream without end. Every call asks etcd to answer only while
 * its member knows a raft leader (`hasleader`): a member that is cut off fails at once, and ends a watch by itself.
 */
export function traced(token: string | null, deadlineWallMs: WallMillis | null): Trace {
  let status: StatusObject | null = null
  let call: ReturnType<NextCall> | null = null
  let cancelled: { readonly code: number; readonly why: string } | null = null
  const listener = new ListenerBuilder()
    .withOnReceiveStatus((received, next) => {
      status = received
      // On `invalid auth token` the library repeats the call without bound, so it must not see that text.
      next(received.code === OK ? received : { ...received, details: 'etcd call failed' })
    })
    .build()
  const requester = new RequesterBuilder()
    .withStart((metadata, _listener, next) => {
      metadata.set('hasleader', 'true')
      if (token !== null) metadata.set('token', token)
      next(metadata, listener)
      if (cancelled !== null) call?.cancelWithStatus(cancelled.code, cancelled.why)
    })
    .build()
  const interceptor = (options: InterceptorOptions, nextCall: NextCall) => {
    call = nextCall(options)
    return new InterceptingCall(call, requester)
  }
  return {
    options: { interceptors: [interceptor], ...(deadlineWallMs !== null && { deadline: deadlineWallMs }) },
    status: () => status,
    cancel: (code, why) => {
      cancelled ??= { code, why }
      call?.cancelWithStatus(code, why)
    },
  }
}

export type Tried<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: CallFailure }

/**
 * Runs `send` with a limit that a jump of the wall clock cannot move. `abort` ends it early, e.g. when the store
 * closes.
 */
export async function tryOnce<T>(
  send: (options: CallOptions) => Promise<T>,
  limits: {
    readonly token: string | null
    readonly ms: Millis
    readonly wallMs: WallMillis
    readonly abort: AbortSignal
  },
): Promise<Tried<T>> {
  const { token, ms, wallMs, abort } = limits
  const trace = traced(token, wallMs + ms)
  const late: CallFailure = { code: DEADLINE_EXCEEDED, details: `no answer within ${Math.round(ms)} ms` }
  const { promise: over, resolve: giveUp } = Promise.withResolvers<Tried<T>>()
  const timer = setTimeout(() => giveUp({ ok: false, failure: late }), ms)
  const closed = () => giveUp({ ok: false, failure: { code: CANCELLED, details: 'the store is closed' } })
  abort.addEventListener('abort', closed, { once: true })
  const answered: Promise<Tried<T>> = startCall(send, trace)
  const result = await Promise.race([answered, over])
  clearTimeout(timer)
  abort.removeEventListener('abort', closed)
  if (!result.ok) trace.cancel(CANCELLED, 'no longer wanted')
  return result
}

async function startCall<T>(send: (options: CallOptions) => Promise<T>, trace: Trace): Promise<Tried<T>> {
  try {
    return { ok: true, value: await send(trace.options) }
  } catch (error) {
    return { ok: false, failure: failureOf(error, trace.status()) }
  }
}

export function failureOf(error: unknown, status: StatusObject | null): CallFailure {
  if (status !== null && status.code !== OK) return { code: status.code, details: status.details }
  const details = errorText(error)
  return { code: null, details }
}
