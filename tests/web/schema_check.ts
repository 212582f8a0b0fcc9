/** Whether a value is what a schema says: the keywords that the API is described with, and no others. @module */
import type { Schema } from "../../lib/web/schema.ts";

type Named = Readonly<Record<string, Schema>>;

const TYPES: Readonly<Record<NonNullable<Schema["type"]>, (value: unknown) => boolean>> = {
  object: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  array: Array.isArray,
  string: (value) => typeof value === "string",
  integer: Number.isSafeInteger,
  boolean: (value) => typeof value === "boolean",
};

/** Keywords that say nothing of values. */
const SILENT: ReadonlySet<string> = new Set(["description", "default"]);

/** What is wrong with a value; nothing if it fits. */
export function schemaFaults(value: unknown, schema: Schema, named: Named, at = "it"): string[] {
  const faults: string[] = [];
  const fail = (what: string) => void faults.push(`${at} ${what}: ${JSON.stringify(value)}`);
  const inside = (member: unknown, part: Schema, name: string) =>
    void faults.push(...schemaFaults(member, part, named, `${at}.${name}`));
  const list = Array.isArray(value) ? value : [];
  const members: Readonly<Record<string, unknown>> = TYPES.object(value)
    ? { ...value as object }
    : {};

  for (const keyword of Object.keys(schema) as (keyof Schema)[]) {
    if (schema[keyword] === undefined || SILENT.has(keyword)) continue;
    switch (keyword) {
      case "$ref": {
        const target = named[schema.$ref!.replace("#/components/schemas/", "")];
        if (target === undefined) fail(`has an unknown shape ${schema.$ref}`);
        else faults.push(...schemaFaults(value, target, named, at));
        break;
      }
      case "type":
        if (!TYPES[schema.type!](value)) fail(`is no ${schema.type}`);
        break;
      case "enum":
        if (!schema.enum!.includes(value as string)) fail(`is none of ${schema.enum}`);
        break;
      case "const":
        if (value !== schema.const) fail(`is not ${schema.const}`);
        break;
      case "pattern":
        if (!new RegExp(schema.pattern!).test(String(value))) fail(`is not ${schema.pattern}`);
        break;
      case "format":
        if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(String(value))) fail("is no time");
        break;
      case "minimum":
        if (Number(value) < schema.minimum!) fail("is too small");
        break;
      case "maximum":
        if (Number(value) > schema.maximum!) fail("is too large");
        break;
      case "minItems":
        if (list.length < schema.minItems!) fail("is too short");
        break;
      case "maxItems":
        if (list.length > schema.maxItems!) fail("is too long");
        break;
      case "items":
        for (const [i, item] of list.entries()) inside(item, schema.items!, `${i}`);
        break;
      case "properties":
        for (const [name, part] of Object.entries(schema.properties!)) {
          if (name in members) inside(members[name], part, name);
        }
        break;
      case "required":
        for (const name of schema.required!) {
          if (!Object.hasOwn(members, name)) fail(`has no ${name}`);
        }
        break;
      case "additionalProperties":
        for (const name of Object.keys(members)) {
          if (!Object.hasOwn(schema.properties ?? {}, name)) fail(`has ${name}`);
        }
        break;
      case "oneOf": {
        const fitting = schema.oneOf!.filter((part) =>
          schemaFaults(value, part, named).length === 0
        );
        if (fitting.length !== 1) fail(`is ${fitting.length} of the alternatives`);
        break;
      }
      default:
        fail(`has a schema with ${keyword}, which this check does not know`);
    }
  }
  return faults;
}
