/** What the tests of the web server share: a server over a made-up inbox, and ways to ask it. @module */
import { assert, assertEquals } from "@std/assert";
import { Registry } from "../../lib/metrics/registry.ts";
import type { StoreHealth } from "../../lib/metrics/store_health.ts";
import type { Log, LogFields } from "../../lib/net/log.ts";
import { ClientLimits, DEFAULT_RATES } from "../../lib/policy/client_limits.ts";
import { Faults } from "../../lib/policy/faults/faults.ts";
import { EventStreams } from "../../lib/web/events.ts";
import type { WebAccess } from "../../lib/web/login.ts";
import { openApi } from "../../lib/web/openapi.ts";
import { type Route, routeFinder } from "../../lib/web/route.ts";
import { routesOf } from "../../lib/web/routes.ts";
import { SHAPES } from "../../lib/web/schemas.ts";
import { startWeb, type WebOptions, type WebServer } from "../../lib/web/web_server.ts";
import { FakeClock } from "../net/fake_clock.ts";
import { accountsOf, user } from "../policy/sasl/fixture.ts";
import { FakeInbox, type Made } from "./fake_inbox.ts";
import { schemaFaults } from "./schema_check.ts";

export const ID = "0000000000000001";
export const OTHER = "0000000000000002";
export const MISSING = "zzzzzzzzzzzzzzzz";
export const TOKEN = "a-token-of-28-characters-all";

/** A log line: level, event and fields. */
export type Line = readonly [string, string, LogFields];

/** A server with what a test needs to move it. */
export interface World extends AsyncDisposable {
  readonly server: WebServer;
  readonly inbox: FakeInbox;
  readonly clock: FakeClock;
  readonly lines: Line[];
  readonly metrics: Registry;
  /** How the queue is from now on. */
  health: StoreHealth;
}

const PAGE = new TextEncoder().encode("<!doctype html><title>Inbox</title>");

/** Starts a server on loopback with a page of one file. */
export function start(
  messages: readonly Made[] = [{ id: ID }],
  options: Partial<WebOptions> = {},
): World {
  const clock = new FakeClock();
  const inbox = new FakeInbox(clock, ...messages);
  const lines: Line[] = [];
  const log: Log = (...line) => void lines.push(line);
  const metrics = new Registry();
  const server = startWeb({
    inbox,
    metrics,
    health: () => Promise.resolve(world.health),
    hostname: "127.0.0.1",
    port: 0,
    page: (path) =>
      Promise.resolve(
        path === "/"
          ? { type: "text/html", body: PAGE, headers: { "content-security-policy": "x 'self'" } }
          : undefined,
      ),
    faults: new Faults(),
    log,
    clock,
    ...options,
  });
  const world: World = {
    server,
    inbox,
    clock,
    lines,
    metrics,
    health: { kind: "takes mail" },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
  return world;
}

/** Who may come in: the account `user` with the password `pencil`, and the token. */
export function accessOf(clock: FakeClock): WebAccess {
  const clients = new ClientLimits({ rates: DEFAULT_RATES, exempt: [], clock, slots: 64 });
  return { accounts: accountsOf(user), token: TOKEN, clients };
}

/** The table of routes, as a server has it. */
export function routeTable(): readonly Route[] {
  const clock = new FakeClock();
  const inbox = new FakeInbox(clock);
  return routesOf({
    ...{ inbox, clock, streams: new EventStreams(inbox, clock), log: () => {} },
    faults: new Faults(),
    metrics: new Registry(),
    health: () => Promise.resolve({ kind: "takes mail" }),
  });
}

// deno-lint-ignore no-explicit-any
type Described = any;

const routes = routeTable();
const find = routeFinder(routes);
const description = openApi(routes) as Described;

/** Holds an answer against the description of the API. */
function checkDescribed(method: string, path: string, status: number, type: string, text: string) {
  const match = find(method, path);
  if (match.kind !== "route") return;
  const { route } = match;
  const operation = description.paths[route.path][route.method.toLowerCase()];
  const answer = operation.responses[status];
  assert(answer, `${method} ${route.path} is not described to answer ${status}`);
  const media = answer.content?.["application/json"];
  assertEquals(type === "application/json", media !== undefined, `${status} is ${type}`);
  if (media?.schema === undefined || method === "HEAD") return;
  assertEquals(schemaFaults(JSON.parse(text), media.schema, SHAPES), []);
}

/** What a server has answered. */
export interface Said {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // deno-lint-ignore no-explicit-any
  readonly json: any;
}

/** Asks a server, and holds what it answers against its description. */
export async function ask(
  { server }: Pick<World, "server">,
  path: string,
  init: RequestInit = {},
): Promise<Said> {
  const answer = await fetch(new URL(path, server.url), init);
  const { status, headers } = answer;
  const text = await answer.text();
  const type = headers.get("content-type") ?? "";
  checkDescribed(init.method ?? "GET", path.replace(/\?[^]*$/, ""), status, type, text);
  return {
    status,
    headers,
    text,
    json: type === "application/json" && text ? JSON.parse(text) : {},
  };
}

/** A request with a body of JSON. */
export function withJson(method: string, body: unknown): RequestInit {
  return { method, body: JSON.stringify(body), headers: { "content-type": "application/json" } };
}

/** Whether an answer is there as a whole, as far as its Content-Length tells. */
function isWhole(answer: string): boolean {
  const end = answer.indexOf("\r\n\r\n");
  const length = /^content-length: (\d+)\r$/im.exec(answer.slice(0, end + 2))?.[1];
  return end >= 0 && length !== undefined && answer.length >= end + 4 + Number(length);
}

/** Sends octets as they are, and reads the answer: to the end, which is not told for a HEAD. */
export async function sendRaw({ server }: Pick<World, "server">, text: string): Promise<string> {
  const { address, port } = server.address;
  using connection = await Deno.connect({ hostname: address, port });
  await connection.write(Uint8Array.from(text, (character) => character.charCodeAt(0)));
  const buffer = new Uint8Array(65_536);
  let answer = "";
  while (!isWhole(answer)) {
    const count = await connection.read(buffer);
    if (count === null) break;
    answer += String.fromCharCode(...buffer.subarray(0, count));
  }
  return answer;
}

/** A request line and fields as `sendRaw` takes them, on a connection that ends behind the answer. */
export function requestOf(line: string, ...fields: readonly string[]): string {
  return [line, ...fields, "Connection: close", "", ""].join("\r\n");
}

/** The status of what a server has sent. */
export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
}
