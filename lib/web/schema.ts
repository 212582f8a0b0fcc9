/** As much of JSON Schema (draft 2020-12) as the API is described with. @module */

/** A schema. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: "object" | "array" | "string" | "integer" | "boolean";
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly const?: boolean;
  readonly pattern?: string;
  readonly format?: "date-time";
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly default?: string | number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false;
  readonly oneOf?: readonly Schema[];
}

/** Text. */
export const TEXT: Schema = { type: "string" };
/** A whole number that is no less than zero. */
export const COUNT: Schema = { type: "integer", minimum: 0 };
/** Yes or no. */
export const TRUTH: Schema = { type: "boolean" };
/** A time, RFC 3339 in UTC. */
export const TIME: Schema = { type: "string", format: "date-time" };

/** A list. */
export function listOf(items: Schema): Schema {
  return { type: "array", items };
}

/** An object that has all of `required`, may have `optional`, and has nothing else. */
export function objectOf(
  required: Readonly<Record<string, Schema>>,
  optional: Readonly<Record<string, Schema>> = {},
): Schema {
  return {
    type: "object",
    properties: { ...required, ...optional },
    required: Object.keys(required),
    additionalProperties: false,
  };
}
