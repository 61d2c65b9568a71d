// GET, PATCH and PUT /config: the dynamic configuration. Unlike Patroni, hactl refuses values that no node could
// use (422, with the reasons), unless `force=true` is in the query or in a `Force` header.

import type { ClusterView, JsonObject, Versioned } from '../../model/cluster/cluster.ts'
import { deepEqualText, isJsonObject, patchDocument } from '../../model/settings/patch.ts'
import { parseBoolean } from '../../model/settings/values.ts'
import { encodeJson } from '../../wire/python-json.ts'
import type { Asked } from '../asked.ts'
import { type Context, READ_BUDGET_MS } from '../endpoint-context.ts'
import { json, page, type Reply, text } from '../reply.ts'
import { readBody } from '../request/body.ts'

const PUT_TRIES_MAX = 3

/** 200 with the document; 502 when there is none, as in Patroni. While etcd is away the last known one is shown. */
export async function getConfig({ readings, read }: Asked): Promise<Reply> {
  const fresh = await read()
  const view = fresh.known ? fresh : readings.cluster()
  const config = view.known ? validConfig(view.value) : null
  return config === null ? page(502) : json(200, encodeJson(config.value))
}

/** Merges the body into the document just read; a change by somebody else in between gives 409. */
export async function patchConfig(context: Context): Promise<Reply> {
  const body = readBody(context.request.body)
  if (!body.ok) return body.reply
  const read = await context.reads.read()
  const config = read.known ? validConfig(read.value) : null
  if (config === null) return page(503)
  const merged = patchDocument(config.value, body.document)
  if (!isJsonObject(merged)) throw new Error('merging two objects gave none')
  if (merged === config.value) return json(200, encodeJson(merged))
  const refusal = refuseInvalid(context, merged, config.value)
  if (refusal !== null) return refusal
  const outcome = await context.store.writeConfig(merged, config.modRevision, READ_BUDGET_MS)
  if (outcome.kind === 'refused') return page(409)
  if (outcome.kind === 'unreachable') return page(503, `Writing the configuration: ${outcome.why}`)
  context.state.wake('rest: dynamic configuration changed')
  return json(200, encodeJson(merged))
}

/** Replaces the document, whatever it is now. */
export async function putConfig(context: Context): Promise<Reply> {
  const body = readBody(context.request.body)
  if (!body.ok) return body.reply
  for (let attempt = 0; attempt < PUT_TRIES_MAX; attempt += 1) {
    const read = await context.reads.read()
    if (!read.known) return page(502)
    const existing = validConfig(read.value)
    if (existing !== null && deepEqualText(existing.value, body.document)) break
    const refusal = refuseInvalid(
      context,
      body.document,
      existing?.value ?? null,
      emptyingOf(context, body.document),
    )
    if (refusal !== null) return refusal
    const revision = read.value.config?.modRevision ?? null
    const outcome = await context.store.writeConfig(body.document, revision, READ_BUDGET_MS)
    if (outcome.kind === 'unreachable') return page(502)
    if (outcome.kind === 'done') {
      context.state.wake('rest: dynamic configuration replaced')
      break
    }
    if (attempt === PUT_TRIES_MAX - 1) return page(502)
  }
  return json(200, encodeJson(body.document))
}

function validConfig(cluster: ClusterView): Versioned<JsonObject> | null {
  const config = cluster.config
  if (config === null || !config.value.valid) return null
  return { value: config.value.document, modRevision: config.modRevision }
}

/** A body meant for another program, or a key misspelt, must not set the whole cluster back to its defaults. */
function emptyingOf(context: Context, document: JsonObject): readonly string[] {
  if (context.hasSetting(document)) return []
  return ['it holds no setting that hactl knows: everything would be set back to its default']
}

/** An error that was there before must not prevent another change, such as a pause. `also`: further reasons. */
function refuseInvalid(
  context: Context,
  document: JsonObject,
  existing: JsonObject | null,
  also: readonly string[] = [],
): Reply | null {
  const force = context.target.query.get('force') ?? context.request.force ?? 'false'
  const known = new Set(existing === null ? [] : context.validateDynamic(existing))
  const reasons = [...context.validateDynamic(document).filter(reason => !known.has(reason)), ...also]
  if (reasons.length === 0) return null
  if (parseBoolean(force) !== true) return text(422, reasons.join('\n'))
  context.log.warning(`REST API: configuration stored by force although: ${reasons.join('; ')}`)
  return null
}
