import { z } from 'zod';
import { BUILT_IN_TOOLS, capability, duration, name, size } from '../../../src/policy/schema.ts';

/** One field of a configuration file, in the words of the field tables. */
export interface Field {
  /** `[]` after a list, `NAME` for a key that the operator chooses. */
  readonly path: string;
  readonly type: string;
  /** `one of`: exactly one of the fields beside it that say so. */
  readonly required: 'yes' | 'no' | 'one of';
  /** As in the file; empty where the schema has none. */
  readonly default: string;
}

const NAMED = new Map<unknown, string>([
  [duration, 'duration'],
  [size, 'size'],
  [name, 'name'],
  [capability, 'capability'],
]);
const EVERY_TOOL = JSON.stringify(BUILT_IN_TOOLS);

/** Every field below a schema, parents before children, in the order of the schema. */
export function fieldsOf(schema: z.ZodType, path = ''): Field[] {
  const inner = unwrapped(schema).schema;
  if (inner instanceof z.ZodArray) return fieldsOf(inner.element as z.ZodType, `${path}[]`);
  if (inner instanceof z.ZodRecord) return fieldsOf(inner.valueType as z.ZodType, joined(path, 'NAME'));
  if (inner instanceof z.ZodUnion) return fieldsOfUnion(inner.options as readonly z.ZodType[], path);
  if (!(inner instanceof z.ZodObject)) return [];
  return Object.entries(inner.shape as Record<string, z.ZodType>).flatMap(([key, child]) => [
    fieldOf(child, joined(path, key)),
    ...fieldsOf(child, joined(path, key)),
  ]);
}

/** A field that only some of the alternatives have is one of several to choose from. */
function fieldsOfUnion(options: readonly z.ZodType[], path: string): Field[] {
  const alternatives = options.map((option) => fieldsOf(option, path)).filter((fields) => fields.length > 0);
  const byPath = Map.groupBy(alternatives.flat(), (field) => field.path);
  return [...byPath.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    return [1 + others.length < alternatives.length ? { ...first, required: 'one of' as const } : first];
  });
}

function fieldOf(schema: z.ZodType, path: string): Field {
  const { schema: inner, optional, fallback } = unwrapped(schema);
  return {
    path,
    type: typeOf(inner),
    required: optional ? 'no' : 'yes',
    default: fallback === undefined ? '' : code(fallback),
  };
}

interface Unwrapped {
  readonly schema: z.ZodType;
  readonly optional: boolean;
  readonly fallback: unknown;
}

function unwrapped(schema: z.ZodType): Unwrapped {
  if (schema instanceof z.ZodOptional) return { ...unwrapped(schema.unwrap() as z.ZodType), optional: true };
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return {
      schema: unwrapped(schema.unwrap() as z.ZodType).schema,
      optional: true,
      fallback: schema.def.defaultValue,
    };
  return { schema, optional: false, fallback: undefined };
}

function typeOf(schema: z.ZodType): string {
  const named = NAMED.get(schema);
  if (named !== undefined) return named;
  if (schema instanceof z.ZodArray)
    return `${mayBeEmpty(schema) ? '' : 'non-empty '}list of ${typeOf(schema.element as z.ZodType)}`;
  if (schema instanceof z.ZodRecord) return `map of NAME to ${typeOf(schema.valueType as z.ZodType)}`;
  if (schema instanceof z.ZodUnion) return typeOfUnion(schema.options as readonly z.ZodType[]);
  if (schema instanceof z.ZodEnum)
    return JSON.stringify(schema.options) === EVERY_TOOL
      ? 'built-in tool'
      : schema.options.map(code).join(', ');
  if (schema instanceof z.ZodLiteral) return code(schema.value);
  if (schema instanceof z.ZodObject) return 'fields';
  if (schema instanceof z.ZodNumber) return `${jsonType(schema)}${range(schema)}`;
  return jsonType(schema);
}

function typeOfUnion(options: readonly z.ZodType[]): string {
  return [...new Set(options.map(typeOf))].join(' or ');
}

/** Below these a bound is a rule of the field; the rest are those of JavaScript's integers. */
const MOST = 1e15;

function range(schema: z.ZodType): string {
  const { minimum, maximum, exclusiveMinimum } = jsonSchema(schema);
  if (exclusiveMinimum !== undefined) return `, more than ${String(exclusiveMinimum)}`;
  if (minimum === undefined || minimum < -MOST) return '';
  return maximum === undefined || maximum > MOST
    ? `, at least ${String(minimum)}`
    : `, ${String(minimum)} to ${String(maximum)}`;
}

const mayBeEmpty = (list: z.ZodType): boolean => (jsonSchema(list).minItems ?? 0) === 0;

const WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  boolean: '`true` or `false`',
  null: '`null`',
};

function jsonType(schema: z.ZodType): string {
  const { type } = jsonSchema(schema);
  return type === undefined ? 'anything' : (WORDS[type] ?? type);
}

interface JsonSchema {
  readonly type?: string;
  readonly minItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
}

const jsonSchema = (schema: z.ZodType): JsonSchema => z.toJSONSchema(schema, { io: 'input' }) as JsonSchema;
const joined = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);

/** A value as YAML writes it on one line. */
function code(value: unknown): string {
  if (JSON.stringify(value) === EVERY_TOOL) return 'every built-in tool';
  if (Array.isArray(value)) return `\`[${value.map(String).join(', ')}]\``;
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}
