import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { ClientLimits, DEFAULT_RATES } from "../../lib/policy/client_limits.ts";
import type { Accounts } from "../../lib/policy/accounts.ts";
import { makeLogin, type WebAccess } from "../../lib/web/login.ts";
import { WebError } from "../../lib/web/responses.ts";
import { FakeClock } from "../net/fake_clock.ts";
import { accountsOf, user } from "../policy/sasl/fixture.ts";
import { accessOf, type Line, TOKEN } from "./fixture.ts";

const CLIENT = { address: "192.0.2.1", port: 1025 };
const NEIGHBOUR = { address: "192.0.2.2", port: 1025 };
const STRANGER = { address: "198.51.100.1", port: 1025 };

function basic(name: string, password: string): string {
  const octets = new TextEncoder().encode(`${name}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...octets))}`;
}

function setUp(more: Partial<WebAccess> = {}) {
  const clock = new FakeClock();
  const lines: Line[] = [];
  const access = { ...accessOf(clock), ...more };
  const login = makeLogin({ access, clock, log: (...line) => void lines.push(line) });
  return { clock, lines, login };
}

/** Lets the time pass that a refusal takes. */
async function refused(clock: FakeClock, found: Promise<string>): Promise<WebError> {
  let isOver = false;
  const error = assertRejects(() => found.finally(() => isOver = true), WebError);
  // Hashing takes turns of the event loop that the clock knows nothing of.
  while (!isOver) {
    await clock.advance(1000);
    await new Promise((resolve) => setTimeout(resolve));
  }
  return await error;
}

Deno.test("token and account let in", async (t) => {
  const table: readonly (readonly [string, string])[] = [
    [`Bearer ${TOKEN}`, "(token)"],
    [`bearer   ${TOKEN}`, "(token)"],
    [basic("anybody", TOKEN), "(token)"],
    [basic("", TOKEN), "(token)"],
    [basic("user", "pencil"), "user"],
    // Prepared as SASL does it: a full-width letter is the letter.
    [basic("\uff55ser", "pencil"), "user"],
    [basic("us\u00ader", "pencil"), "user"],
  ];
  for (const [field, who] of table) {
    await t.step(field, async () => {
      assertEquals(await setUp().login(field, CLIENT), who);
    });
  }
});

Deno.test("anything else does not", async (t) => {
  const fields = [
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(1)}`,
    `Bearer ${TOKEN} x`,
    `Bearer`,
    `Token ${TOKEN}`,
    TOKEN,
    "",
    basic("user", "pencils"),
    basic("user", ""),
    basic("User", "pencil"),
    basic("nobody", "pencil"),
    basic("", ""),
    basic("user\0", "pencil"),
    basic("x".repeat(3000), "pencil"),
    `Basic ${btoa("user")}`,
    `Basic ${btoa("user:pencil").replace(/=+$/, "")}`,
    "Basic !!!!",
  ];
  for (const field of fields) {
    await t.step(field.slice(0, 60), async () => {
      const { clock, lines, login } = setUp();
      const error = await refused(clock, login(field, CLIENT));
      assertEquals(error.status, 401);
      assertEquals(lines.length, 1);
      assertEquals(lines[0][2].client, CLIENT.address);
      assertEquals(JSON.stringify(lines).includes("pencil"), false);
    });
  }
});

Deno.test("who shows nothing is asked to, and has not failed", async () => {
  const { clock, lines, login } = setUp();
  for (let i = 0; i < 50; i++) {
    const error = await assertRejects(() => login(null, CLIENT), WebError);
    assertEquals([error.status, "www-authenticate" in error.headers], [401, true]);
  }
  assertEquals([clock.waiting, lines], [0, []]);
});

Deno.test("refusal takes time, and many of them lock the network out", async () => {
  const { clock, login } = setUp();
  for (let i = 0; i < 10; i++) {
    assertEquals((await refused(clock, login(`Bearer wrong${i}`, CLIENT))).status, 401);
  }
  const locked = await refused(clock, login(`Bearer ${TOKEN}`, NEIGHBOUR));
  assertEquals(locked.status, 429);
  assertMatch(locked.message, /192\.0\.2\.0\/24, try again in \d+ minutes/);
  assertEquals(await login(`Bearer ${TOKEN}`, STRANGER), "(token)");
  await clock.advance(11 * 60_000);
  assertEquals(await login(`Bearer ${TOKEN}`, CLIENT), "(token)");
});

Deno.test("who is in stays in for a while, whatever the neighbours do", async () => {
  const { clock, login } = setUp();
  assertEquals(await login(basic("user", "pencil"), CLIENT), "user");
  for (let i = 0; i < 9; i++) await refused(clock, login(`Bearer wrong${i}`, NEIGHBOUR));
  assertEquals(await login(basic("user", "pencil"), CLIENT), "user");
});

/** Accounts that count how often they are asked. */
function counted(): { accounts: Accounts; readonly count: number } {
  let count = 0;
  const { find } = accountsOf(user);
  return {
    accounts: { find: (name) => (count++, find(name)) },
    get count() {
      return count;
    },
  };
}

Deno.test("password is looked at once in five minutes, and once for requests at the same time", async () => {
  const asked = counted();
  const { clock, login } = setUp({ accounts: asked.accounts });
  const field = basic("user", "pencil");
  await Promise.all([1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map(() => login(field, CLIENT)));
  assertEquals(asked.count, 1);
  await clock.advance(4 * 60_000);
  await login(field, CLIENT);
  assertEquals(asked.count, 1);
  await clock.advance(60_000);
  await login(field, CLIENT);
  assertEquals(asked.count, 2);
});

Deno.test("wrong password is forgotten at once", async () => {
  const asked = counted();
  const { clock, login } = setUp({ accounts: asked.accounts });
  for (let i = 0; i < 3; i++) await refused(clock, login(basic("user", "x"), CLIENT));
  assertEquals(asked.count, 3);
});

Deno.test("network has eight logins at once, and all have two hundred", async () => {
  const never = new Promise<undefined>(() => {});
  const { login } = setUp({ accounts: { find: () => never } });
  const begin = (i: number, address: string) => {
    let status = 0;
    login(basic(`u${i}`, "x"), { address, port: 1 }).catch((error) => status = error.status);
    return () => status;
  };
  const ofNetwork = Array.from({ length: 9 }, (_, i) => begin(i, `192.0.2.${i}`));
  await new Promise((resolve) => setTimeout(resolve));
  const ofAll = Array.from({ length: 193 }, (_, i) => begin(i, `10.0.${i}.1`));
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(ofNetwork.map((status) => status()), [0, 0, 0, 0, 0, 0, 0, 0, 429]);
  assertEquals(ofAll.filter((status) => status() === 429).length, 1);
});

Deno.test("accounts that cannot be looked up are not a wrong password", async () => {
  const { lines, login } = setUp({ accounts: { find: () => Promise.reject(new Error("gone")) } });
  const error = await assertRejects(() => login(basic("user", "pencil"), CLIENT), WebError);
  assertEquals(error.status, 503);
  assertEquals(lines[0][1], "login-failed");
});

Deno.test("way in that is none, or can be guessed, is refused at the start", () => {
  const clock = new FakeClock();
  const clients = new ClientLimits({ rates: DEFAULT_RATES, exempt: [], clock, slots: 64 });
  for (const token of [undefined, "", "short", "has space in the middle", "line\nbreak-and-more"]) {
    const access = { token, clients };
    assertThrows(() => makeLogin({ access, clock, log: () => {} }), RangeError);
  }
});
