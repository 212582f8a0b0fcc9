import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { Schema } from "../../lib/web/schema.ts";
import { ID as ID_SCHEMA, SHAPES } from "../../lib/web/schemas.ts";
import { ask, ID, routeTable, start } from "./fixture.ts";
import { schemaFaults } from "./schema_check.ts";

const routes = routeTable();

/** A value that each parameter takes. */
const VALUES: Readonly<Record<string, string>> = {
  to: "joe@example.org",
  from: "ann@example.net",
  subject: "Hello",
  text: "Hi",
  state: "held",
  since: "1h",
  before: "2026-01-02T00:00:00Z",
  size: "<1MiB",
  has: "attachment",
  seen: "false",
  cursor: "0",
  limit: "1",
  timeout: "0",
  images: "1",
  view: "1",
  query: "Hello",
  tz: "Europe/Paris",
  start: "0",
};

Deno.test("every route is described, with its parameters and nothing else", async () => {
  await using world = start();
  const { json } = await ask(world, "/api/openapi.json");
  assertEquals(json.openapi, "3.1.0");
  const described = Object.entries<Record<string, unknown>>(json.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`)
  );
  assertEquals(described.sort(), routes.map(({ method, path }) => `${method} ${path}`).sort());
  for (const { method, path, query } of routes) {
    const { parameters, responses } = json.paths[path][method.toLowerCase()];
    const inPath = path.match(/(?<=\{)[a-z]+/g) ?? [];
    assertEquals(
      parameters.map(({ name }: { name: string }) => name),
      [...inPath, ...query.map(({ name }) => name)],
    );
    assert(Object.keys(responses).some((status) => status.startsWith("2")), path);
  }
});

Deno.test("every reference leads to a shape", async () => {
  await using world = start();
  const { text, json } = await ask(world, "/api/openapi.json");
  const names = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name);
  assert(names.length > 0);
  for (const name of names) assert(name in json.components.schemas, name);
});

Deno.test("every parameter that is described is taken, and no other", async (t) => {
  await using world = start([{ id: ID, content: { html: "<p>" } }]);
  world.inbox.onWait = () => world.clock.advance(10_000);
  for (const { method, path, query, share } of routes) {
    if (share === "stream") continue;
    const target = path.replace(/\{(id|message)\}/, ID).replace("{index}", "0");
    const required = query.filter(({ isRequired }) => isRequired).map(({ name }) => name);
    await t.step(`${method} ${path}`, async () => {
      for (const { name, schema } of query) {
        const value = VALUES[name];
        assert(value !== undefined, name);
        const typed = schema.type === "integer" ? Number(value) : value;
        assertEquals(schemaFaults(typed, schema, SHAPES), []);
        const given = new Set([...required, name]);
        const asked = `${target}?${new URLSearchParams(
          [...given].map((one) => [one, VALUES[one]]),
        )}`;
        const { status, text } = await ask(world, asked, { method });
        assertNotEquals(status, 400, `${name}: ${text}`);
      }
      if (required.length > 0) assertEquals((await ask(world, target, { method })).status, 400);
      for (const name of Object.keys(VALUES)) {
        if (query.some((parameter) => parameter.name === name)) continue;
        assertEquals((await ask(world, `${target}?${name}=1`, { method })).status, 400, name);
      }
    });
  }
});

Deno.test("the check of answers finds what does not fit", () => {
  const table: readonly (readonly [unknown, Schema])[] = [
    [1, { type: "string" }],
    [1.5, { type: "integer" }],
    [null, { type: "object" }],
    [-1, { type: "integer", minimum: 0 }],
    [2, { type: "integer", maximum: 1 }],
    ["x", { enum: ["y"] }],
    [false, { const: true }],
    ["x", ID_SCHEMA],
    ["2026-01-01", { format: "date-time" }],
    [[1], { items: { type: "string" } }],
    [[], { minItems: 1 }],
    [[1, 2], { maxItems: 1 }],
    [{}, { required: ["a"] }],
    [{ a: 1 }, { properties: { a: { type: "string" } } }],
    [{ b: 1 }, { properties: {}, additionalProperties: false }],
    [{ id: ID }, { $ref: "#/components/schemas/ListItem" }],
    [1, { $ref: "#/components/schemas/Nothing" }],
    [1, { oneOf: [{ type: "string" }, { type: "boolean" }] }],
  ];
  for (const [value, schema] of table) {
    assertNotEquals(schemaFaults(value, schema, SHAPES), [], JSON.stringify([value, schema]));
  }
});
