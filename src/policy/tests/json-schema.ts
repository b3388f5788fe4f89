// As much of JSON Schema 2020-12 as src/policy/schema.json uses: an editor's view of a description.

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface Schema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly type?: string;
  readonly const?: Json;
  readonly enum?: readonly Json[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly propertyNames?: Schema;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
}

/** Where the value breaks the schema: paths, with what is wrong; empty: it is valid. */
export function schemaErrors(schema: Schema, value: Json, root: Schema = schema, path = ''): string[] {
  const errors: string[] = [];
  const fail = (what: string): void => void errors.push(`${path === '' ? '/' : path}: ${what}`);
  if (schema.$ref !== undefined) {
    const target = root.$defs?.[schema.$ref.replace('#/$defs/', '')];
    if (target === undefined) throw new Error(`no ${schema.$ref}`);
    errors.push(...schemaErrors(target, value, root, path));
  }
  if (schema.type !== undefined && !hasType(value, schema.type)) fail(`not of type ${schema.type}`);
  if (schema.const !== undefined && value !== schema.const) fail(`not ${JSON.stringify(schema.const)}`);
  if (schema.enum !== undefined && !schema.enum.includes(value)) fail('not one of the words');
  if (typeof value === 'string' && schema.pattern !== undefined && !new RegExp(schema.pattern).test(value)) {
    fail(`does not match ${schema.pattern}`);
  }
  if (typeof value === 'number' && value < (schema.minimum ?? -Infinity)) fail('too small');
  if (typeof value === 'number' && value > (schema.maximum ?? Infinity)) fail('too large');
  const valid = (one: Schema): boolean => schemaErrors(one, value, root, path).length === 0;
  if (schema.oneOf !== undefined && schema.oneOf.filter(valid).length !== 1) fail('not exactly one of the forms');
  if (schema.anyOf !== undefined && !schema.anyOf.some(valid)) fail('none of the forms');
  if (Array.isArray(value) && schema.items !== undefined) {
    const { items } = schema;
    (value as Json[]).forEach((item, i) => errors.push(...schemaErrors(items, item, root, `${path}/${i}`)));
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    errors.push(...objectErrors(schema, value as Readonly<Record<string, Json>>, root, path));
  }
  return errors;
}

function objectErrors(schema: Schema, value: Readonly<Record<string, Json>>, root: Schema, path: string): string[] {
  const errors: string[] = [];
  const keys = Object.keys(value);
  for (const key of schema.required ?? []) if (!keys.includes(key)) errors.push(`${path}/${key}: missing`);
  if (keys.length < (schema.minProperties ?? 0)) errors.push(`${path}: too few entries`);
  if (keys.length > (schema.maxProperties ?? Infinity)) errors.push(`${path}: too many entries`);
  for (const key of keys) {
    const at = `${path}/${key}`;
    if (schema.propertyNames !== undefined) errors.push(...schemaErrors(schema.propertyNames, key, root, at));
    const own = schema.properties?.[key];
    const other = schema.additionalProperties;
    if (own !== undefined) errors.push(...schemaErrors(own, value[key], root, at));
    else if (other === false) errors.push(`${at}: unknown`);
    else if (typeof other === 'object') errors.push(...schemaErrors(other, value[key], root, at));
  }
  return errors;
}

function hasType(value: Json, type: string): boolean {
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'null') return value === null;
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  return typeof value === type;
}
