import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Endpoint } from "../../lib/policy/session.ts";
import {
  type RemoteHop,
  type Resolution,
  resolveNextHop,
  type ResolverOptions,
} from "../../lib/relay/resolver.ts";
import { dnsTable, noShuffle, type Records } from "./dns_table.ts";

type Table = Record<string, Records>;

function resolve(
  hop: string | RemoteHop,
  table: Table,
  options: Partial<ResolverOptions> = {},
): Promise<Resolution> {
  const remote: RemoteHop = typeof hop === "string" ? { kind: "mx", domain: hop } : hop;
  return resolveNextHop(remote, { dns: dnsTable(table), random: noShuffle, ...options });
}

/** Writes a resolution on one line: hosts with their addresses, or the reply's codes. */
function summary(resolution: Resolution): string {
  if (resolution.kind === "failure") {
    return `${resolution.reply.code} ${resolution.reply.enhanced}`;
  }
  return resolution.targets.map(({ host, addresses }) => `${host}=${addresses.join(",")}`).join(
    " ",
  );
}

const ourselves = (names: string[], ...endpoints: [string, number][]) => ({
  names: new Set(names),
  endpoints: endpoints.map(([address, port]): Endpoint => ({ address, port })),
});

const twoHosts: Table = {
  "x.test": { mx: [[20, "b.test."], [10, "a.test."]] },
  "a.test": { a: ["192.0.2.1"] },
  "b.test": { a: ["192.0.2.2"] },
};

Deno.test("resolver finds the hosts of a next hop, or one reply", async (t) => {
  const table: [string, string, Table, string][] = [
    ["sorts by preference", "x.test", twoHosts, "a.test=192.0.2.1 b.test=192.0.2.2"],
    ["takes the domain in any form", "X.TEST.", twoHosts, "a.test=192.0.2.1 b.test=192.0.2.2"],
    ["goes by the addresses of the domain where there is no MX record", "x.test", {
      "x.test": { a: ["192.0.2.1"], aaaa: ["2001:db8::1"] },
    }, "x.test=2001:db8::1,192.0.2.1"],
    ["never goes by the addresses of the domain where there is an MX record", "x.test", {
      "x.test": { mx: [[10, "a.test"]], a: ["192.0.2.1"] },
    }, "554 5.4.4"],
    ["never goes by them where the MX records are not known either", "x.test", {
      "x.test": { mx: "fails", a: ["192.0.2.1"] },
    }, "451 4.4.3"],
    ["knows a domain that is not there", "x.test", {}, "550 5.1.2"],
    ["knows a domain whose addresses are not known now", "x.test", {
      "x.test": { a: "fails" },
    }, "451 4.4.3"],
    ["is content with one family of an implicit MX", "x.test", {
      "x.test": { a: "fails", aaaa: ["2001:db8::1"] },
    }, "x.test=2001:db8::1"],
    ["knows a null MX", "x.test", {
      "x.test": { mx: [[0, "."]], a: ["192.0.2.1"] },
    }, "556 5.1.10"],
    ["knows a null MX without its dot", "x.test", { "x.test": { mx: [[0, ""]] } }, "556 5.1.10"],
    ["passes over a null MX among others", "x.test", {
      "x.test": { mx: [[0, "."], [10, "a.test"]] },
      "a.test": { a: ["192.0.2.1"] },
    }, "a.test=192.0.2.1"],
    ["takes turns with the families", "x.test", {
      "x.test": { mx: [[10, "a.test"]] },
      "a.test": {
        a: ["192.0.2.1", "192.0.2.2", "192.0.2.3"],
        aaaa: ["2001:db8::1", "2001:db8::2"],
      },
    }, "a.test=2001:db8::1,192.0.2.1,2001:db8::2,192.0.2.2,192.0.2.3"],
    ["names an address once", "x.test", {
      "x.test": { mx: [[10, "a.test"], [5, "A.test."], [30, "a.test"]] },
      "a.test": { a: ["192.0.2.1", "192.0.2.1"], aaaa: ["::ffff:192.0.2.2"] },
    }, "a.test=192.0.2.2,192.0.2.1"],
    ["passes over MX hosts that are no host names", "x.test", {
      "x.test": {
        mx: [[1, "192.0.2.9."], [2, "a\\015\\012b.test."], [3, "a b"], [4, "[192.0.2.9]"], [
          5,
          "a.test.",
        ]],
      },
      "a.test": { a: ["192.0.2.1"] },
    }, "a.test=192.0.2.1"],
    ["has nobody to ask where no MX host is a host name", "x.test", {
      "x.test": { mx: [[1, "192.0.2.9."]], a: ["192.0.2.1"] },
    }, "554 5.4.4"],
    ["passes over a host whose addresses cannot be looked up", "x.test", {
      ...twoHosts,
      "a.test": { a: "fails", aaaa: "fails" },
    }, "b.test=192.0.2.2"],
    ["waits where nothing is usable and one lookup failed", "x.test", {
      "x.test": { mx: [[10, "a.test"], [20, "b.test"]] },
      "a.test": { aaaa: "fails" },
    }, "451 4.4.3"],
    ["waits where one address is private and one lookup failed", "x.test", {
      "x.test": { mx: [[10, "a.test"]] },
      "a.test": { a: ["10.0.0.1"], aaaa: "fails" },
    }, "451 4.4.3"],
    ["drops loopback, private and embedded addresses", "x.test", {
      "x.test": { mx: [[10, "a.test"], [20, "b.test"]] },
      "a.test": {
        a: ["127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0"],
        aaaa: ["::1", "fd00::1", "64:ff9b::7f00:1", "2002:7f00:1::1", "::ffff:127.0.0.1"],
      },
      "b.test": { a: ["192.168.0.1", "192.0.2.2"] },
    }, "b.test=192.0.2.2"],
    ["ends mail whose every host is private", "x.test", {
      "x.test": { mx: [[10, "a.test"]] },
      "a.test": { a: ["127.0.0.1"] },
    }, "554 5.4.4"],
    ["ends mail for a domain that is a private host", "x.test", {
      "x.test": { a: ["127.0.0.1"] },
    }, "554 5.4.4"],
    ["goes to an address literal", "[192.0.2.1]", {}, "[192.0.2.1]=192.0.2.1"],
    ["goes to an IPv6 literal", "[IPv6:2001:db8::1]", {}, "[IPv6:2001:db8::1]=2001:db8::1"],
    ["goes to no literal inside", "[127.0.0.1]", {}, "554 5.4.4"],
    ["goes to no mapped literal inside", "[IPv6:::ffff:10.0.0.1]", {}, "554 5.4.4"],
    ["goes to no other literal", "[x400:a]", {}, "550 5.1.2"],
    ["goes to no broken literal", "[192.0.2.1", {}, "550 5.1.2"],
    ["goes to no bare address", "192.0.2.1", { "192.0.2.1": { a: ["192.0.2.1"] } }, "550 5.1.2"],
    ["goes to no shortened address", "127.1", {}, "550 5.1.2"],
    ["knows no postmaster of nowhere", "", {}, "550 5.1.1"],
  ];
  for (const [name, domain, records, expected] of table) {
    await t.step(name, async () => {
      assertEquals(summary(await resolve(domain, records)), expected);
    });
  }
});

Deno.test("resolver goes inside where that is allowed", async () => {
  const table: Table = {
    "x.test": { mx: [[10, "a.test"]] },
    "a.test": { a: ["127.0.0.1", "224.0.0.1"], aaaa: ["fd00::1"] },
  };
  const found = await resolve("x.test", table, { allowLocal: true, mxPort: 2525 });
  assertEquals(summary(found), "a.test=fd00::1,127.0.0.1");
  assert(found.kind === "hosts");
  assertEquals(found.targets[0].port, 2525);
  assertEquals(found.dropped, [
    { host: "a.test", address: "224.0.0.1", reason: "a multicast address" },
  ]);
  assertEquals(
    summary(await resolve("[127.0.0.1]", {}, { allowLocal: true })),
    "[127.0.0.1]=127.0.0.1",
  );
});

Deno.test("resolver drops hosts at or above our own preference", async (t) => {
  const table: Table = {
    "x.test": { mx: [[10, "a.test"], [20, "us.test"], [20, "b.test"], [30, "c.test"]] },
    "a.test": { a: ["192.0.2.1"] },
    "us.test": { a: ["192.0.2.10"] },
    "b.test": { a: ["192.0.2.2"] },
    "c.test": { a: ["192.0.2.3"] },
    "alias.test": { mx: [[10, "other-name-of-us.test"], [20, "a.test"]] },
    "other-name-of-us.test": { a: ["192.0.2.10"] },
    "us.example": { a: ["127.0.0.1"] },
    "unsure.test": { mx: [[10, "broken.test"], [20, "us.test"]] },
    "broken.test": { a: "fails" },
    "unsure-behind-us.test": { mx: [[10, "us.test"], [20, "broken.test"]] },
  };
  const byName = ourselves(["us.test"]);
  const byAddress = ourselves([], ["192.0.2.10", 25]);
  const everywhere = ourselves([], ["0.0.0.0", 25]);
  const cases: [string, string, Partial<ResolverOptions>, string][] = [
    ["by our name", "x.test", { ourselves: byName }, "a.test=192.0.2.1"],
    ["by our address", "x.test", { ourselves: byAddress }, "a.test=192.0.2.1"],
    [
      "but not by our address with another port",
      "x.test",
      { ourselves: byAddress, mxPort: 2525 },
      "a.test=192.0.2.1 us.test=192.0.2.10 b.test=192.0.2.2 c.test=192.0.2.3",
    ],
    ["until none is left: a loop", "alias.test", { ourselves: byAddress }, "554 5.4.6"],
    ["a loop by implicit MX", "us.example", { ourselves: everywhere }, "554 5.4.6"],
    [
      "a loop by implicit MX where local MX is allowed",
      "us.example",
      { ourselves: everywhere, allowLocal: true },
      "554 5.4.6",
    ],
    ["a loop by literal", "[192.0.2.10]", { ourselves: byAddress }, "554 5.4.6"],
    ["a host before us may come back", "unsure.test", { ourselves: byName }, "451 4.4.3"],
    ["a host behind us matters not", "unsure-behind-us.test", { ourselves: byName }, "554 5.4.6"],
  ];
  for (const [name, domain, options, expected] of cases) {
    await t.step(name, async () => {
      assertEquals(summary(await resolve(domain, table, options)), expected);
    });
  }
  const found = await resolve("x.test", table, { ourselves: byName });
  assertEquals(found.dropped, [
    { host: "us.test", reason: "it is this server" },
    { host: "b.test", reason: "not preferred to this server" },
    { host: "c.test", reason: "not preferred to this server" },
  ]);
});

Deno.test("resolver spreads the load over hosts of equal preference", async () => {
  const table: Table = {
    "x.test": { mx: [[10, "a.test"], [10, "b.test"], [10, "c.test"], [5, "first.test"]] },
  };
  for (const name of ["a", "b", "c", "first"]) table[`${name}.test`] = { a: ["192.0.2.1"] };
  const orders = new Map<string, number>();
  let state = 1;
  const random = () => (state = (state * 48271) % 0x7fffffff) / 0x7fffffff;
  for (let i = 0; i < 600; i++) {
    const found = await resolve("x.test", table, { random });
    assert(found.kind === "hosts");
    const order = found.targets.map(({ host }) => host[0]).join("");
    orders.set(order, (orders.get(order) ?? 0) + 1);
  }
  assertEquals([...orders.keys()].sort(), ["fabc", "facb", "fbac", "fbca", "fcab", "fcba"]);
  for (const [order, count] of orders) assert(count > 60 && count < 140, `${order} ${count}`);
});

Deno.test("resolver bounds what a domain may make it do", async () => {
  const table: Table = {
    "x.test": {
      mx: Array.from({ length: 500 }, (_, i) => [500 - i, `h${i}.test`] as const),
    },
  };
  const many = Array.from({ length: 200 }, (_, i) => `198.51.100.${i}`);
  for (let i = 0; i < 500; i++) table[`h${i}.test`] = { a: many };
  const asked: string[] = [];
  const found = await resolve("x.test", table, { dns: dnsTable(table, asked) });
  assertEquals(asked.length, 1 + 2 * 20);
  assert(found.kind === "hosts");
  assertEquals(found.targets.map(({ host }) => host), ["h499.test", "h498.test", "h497.test"]);
  assertEquals(found.targets.map(({ addresses }) => addresses.length), [8, 8, 8]);
});

Deno.test("resolver goes to the host of a route without asking for MX records", async (t) => {
  const table: Table = {
    "relay.test": { mx: [[10, "other.test"]], a: ["10.0.0.1"], aaaa: ["::1"] },
    "broken.test": { a: "fails", aaaa: "fails" },
  };
  const us = ourselves(["relay.test"], ["127.0.0.1", 2525]);
  const cases: [string, RemoteHop, string][] = [
    ["by name", { kind: "smtp", host: "relay.test", port: 25 }, "relay.test=::1,10.0.0.1"],
    ["by address", { kind: "lmtp", host: "127.0.0.1", port: 24 }, "127.0.0.1=127.0.0.1"],
    ["not there", { kind: "smtp", host: "none.test", port: 25 }, "451 4.3.5"],
    ["not known", { kind: "smtp", host: "broken.test", port: 25 }, "451 4.4.3"],
    ["ourselves", { kind: "smtp", host: "127.0.0.1", port: 2525 }, "451 4.4.6"],
  ];
  for (const [name, hop, expected] of cases) {
    await t.step(name, async () => {
      assertEquals(summary(await resolve(hop, table, { ourselves: us })), expected);
    });
  }
});

Deno.test("resolver stops when it is told to", async () => {
  for (const hop of ["mx", "smtp"] as const) {
    const controller = new AbortController();
    const never = () =>
      new Promise<never>((_, reject) => {
        controller.signal.addEventListener("abort", () => reject(new Error("Cannot wait")));
      });
    const dns = { mx: never, a: never, aaaa: never, txt: never, ptr: never };
    const remote: RemoteHop = hop === "mx"
      ? { kind: "mx", domain: "x.test" }
      : { kind: "smtp", host: "x.test", port: 25 };
    const resolving = resolveNextHop(remote, { dns }, controller.signal);
    controller.abort(new Error("enough"));
    await assertRejects(() => resolving, Error, "enough");
  }
});
