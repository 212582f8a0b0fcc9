import { assertEquals, assertThrows } from "@std/assert";
import { authoritiesOf, checkCredentials, tlsLevelOf } from "../../lib/cli/tls_out.ts";
import { routingOf, rulesOf } from "../../lib/cli/compose.ts";
import { Failure } from "../../lib/cli/failure.ts";
import type { Config } from "../../lib/config.ts";
import type { Key } from "../../lib/config/names.ts";
import { resolveConfig } from "../../lib/config/sources.ts";
import type { NextHop } from "../../lib/relay/next_hop.ts";
import type { RemoteHop } from "../../lib/relay/resolver.ts";
import { nextHopOf, parseRoute } from "../../lib/relay/route.ts";
import { AUTHORITY, MX } from "../net/tls_fixture.ts";
import { testSystem } from "./surroundings.ts";

function configOf(flags: Partial<Record<Key, string[]>>): Config {
  return resolveConfig({
    flags: new Map(Object.entries(flags) as [Key, string[]][]),
    environment: new Map(),
  }, testSystem);
}

/** The level for the mail of a domain. */
function levelFor(domain: string, config: Config): string {
  const hop: NextHop = nextHopOf(routingOf(config), rulesOf(config), { localPart: "x", domain });
  return tlsLevelOf(config, routingOf(config), rulesOf(config))(hop as RemoteHop);
}

Deno.test("the TLS level of a domain is its own, that of one above it, or that of all", () => {
  const config = configOf({
    tlsOut: ["require"],
    tlsPolicy: ["a.test verify", ".b.test opportunistic", "smart.test opportunistic"],
    routes: [
      "smart.test smtp://10.0.0.1",
      "other.test smtp://10.0.0.1",
      "lmtp.test lmtp://10.0.0.2",
    ],
  });
  const table: [domain: string, level: string][] = [
    ["a.test", "verify"],
    ["A.TEST", "verify"],
    ["x.a.test", "require"],
    ["b.test", "require"],
    ["x.b.test", "opportunistic"],
    ["x.y.b.test", "opportunistic"],
    ["c.test", "require"],
    ["smart.test", "opportunistic"],
    // They have the same next hop.
    ["other.test", "opportunistic"],
    ["lmtp.test", "opportunistic"],
    ["[192.0.2.1]", "require"],
  ];
  for (const [domain, level] of table) assertEquals(levelFor(domain, config), level, domain);
});

Deno.test("the strongest of the levels of one next hop holds", () => {
  for (const order of [[0, 1, 2], [2, 1, 0], [1, 2, 0]]) {
    const all = ["a.test require", "b.test verify", "c.test opportunistic"];
    const config = configOf({ tlsPolicy: order.map((i) => all[i]), route: ["lmtp://10.0.0.1"] });
    assertEquals(levelFor("d.test", config), "verify");
  }
});

Deno.test("authorities are read from their file, or it is said what is wrong with it", () => {
  assertEquals(authoritiesOf(configOf({})), undefined);
  const path = Deno.makeTempFileSync();
  const config = configOf({ tlsAuthorities: [path] });
  Deno.writeTextFileSync(path, `Subject: x\n${AUTHORITY}\n${MX.certificate}`);
  assertEquals(authoritiesOf(config), [AUTHORITY.trim(), MX.certificate.trim()]);
  Deno.writeTextFileSync(path, MX.key);
  const none = assertThrows(() => authoritiesOf(config), Failure, "there is no certificate in");
  assertEquals(none.exitCode, 78);
  Deno.removeSync(path);
  const gone = assertThrows(() => authoritiesOf(config), Failure, "cannot read tlsAuthorities");
  assertEquals([gone.exitCode, gone.message.includes("\n")], [78, false]);
});

Deno.test("what a route logs in by must be there at the start", () => {
  const path = Deno.makeTempFileSync();
  const routes = [
    "mx",
    "smtp://h.test",
    "smtp://a:b@h.test",
    `smtps://a@h.test?password-file=${path}`,
  ];
  Deno.writeTextFileSync(path, "x\n");
  checkCredentials(routes.map(parseRoute));
  Deno.removeSync(path);
  const failure = assertThrows(() => checkCredentials(routes.map(parseRoute)), Failure);
  assertEquals(
    failure.message,
    `cannot use the route smtps://a@h.test:465: ${path} cannot be read (NotFound): ` +
      "put the secret there, on one line",
  );
});
