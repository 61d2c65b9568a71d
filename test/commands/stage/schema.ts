// The few words of JSON Schema that test/commands/schemas uses, so that the pinned schemas need no package.

export interface Schema {
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, Schema>>
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
}

/** Every property is required: hactl writes null, it leaves nothing out. Empty: the value fits. */
export function violations(
  value: unknown,
  schema: Schema,
  root: Schema = schema,
  path = '$',
): readonly string[] {
  const target = schema.$ref === undefined ? schema : root.$defs?.[schema.$ref.replace('#/$defs/', '')]
  if (target === undefined) return [`${path}: the schema has no ${schema.$ref}`]
  if (target.anyOf !== undefined) {
    const tried = target.anyOf.map(option => violations(value, option, root, path))
    return tried.some(found => found.length === 0) ? [] : (tried[0] ?? [])
  }
  const types = typeof target.type === 'string' ? [target.type] : target.type
  if (types !== undefined && !types.some(type => hasType(value, type)))
    return [`${path}: not ${types.join(' or ')}: ${value}`]
  if (target.enum !== undefined && !target.enum.includes(value))
    return [`${path}: not one of ${target.enum.join(', ')}: ${value}`]
  if (target.const !== undefined && target.const !== value) return [`${path}: not ${target.const}: ${value}`]
  if (Array.isArray(value))
    return value.flatMap((item, index) => violations(item, target.items ?? {}, root, `${path}[${index}]`))
  return typeof value === 'object' && value !== null ? ofObject(value, target, root, path) : []
}

function ofObject(value: object, schema: Schema, root: Schema, path: string): readonly string[] {
  const properties = schema.properties ?? {}
  const missing = Object.keys(properties).filter(key => !Object.hasOwn(value, key))
  const found = Object.entries(value).flatMap(([key, item]) => {
    const property = properties[key] ?? schema.additionalProperties
    if (property === false) return [`${path}.${key}: not in the schema`]
    return typeof property === 'object' ? violations(item, property, root, `${path}.${key}`) : []
  })
  return [...missing.map(key => `${path}.${key}: missing`), ...found]
}

function hasType(value: unknown, type: string): boolean {
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value)
  return typeof value === type
}
