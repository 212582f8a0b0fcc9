import { assert, assertEquals } from "@std/assert";
import {
  ClientLimits,
  type ClientRates,
  DEFAULT_RATES,
  type LimitedClient,
} from "../../lib/policy/client_limits.ts";
import type { MaybePromise } from "../../lib/policy/hooks.ts";
import { parseCidr } from "../../lib/policy/network.ts";
import { type Reply, replyText } from "../../lib/smtp/reply.ts";
import { FakeClock } from "../net/fake_clock.ts";

const MINUTE = 60_000;
const NO_VERIFIER = {
  salt: new Uint8Array(0),
  iterations: 4096,
  storedKey: new Uint8Array(32),
  serverKey: new Uint8Array(32),
};
const HOUR = 60 * MINUTE;

function from(address: string, account?: string): LimitedClient {
  return { remote: { address, port: 40000 }, account };
}

const client = from("192.0.2.7");
const neighbour = from("192.0.2.200");
const stranger = from("198.51.100.7");

function limits(
  rates: Partial<ClientRates> = {},
): { readonly limits: ClientLimits; readonly clock: FakeClock } {
  const clock = new FakeClock();
  const exempt = [parseCidr("10.0.0.0/8"), parseCidr("2001:db8:1::/48")];
  const made = new ClientLimits({
    rates: { ...DEFAULT_RATES, ...rates },
    exempt,
    clock,
    slots: 64,
  });
  return { limits: made, clock };
}

/** How often something is done before it is refused, and what is said then. */
function untilRefused(act: () => MaybePromise<Reply | undefined>): [number, string] {
  for (let count = 0; count < 10_000; count++) {
    const refusal = act();
    assert(!(refusal instanceof Promise));
    if (refusal !== undefined) return [count, replyText(refusal)];
  }
  return [10_000, ""];
}

Deno.test("client limits refuse a network what is over its rate, and say for how long", async () => {
  const rate = { count: 5, period: 10_000 };
  const table: [
    rates: Partial<ClientRates>,
    act: (limits: ClientLimits, who: LimitedClient) => MaybePromise<Reply | undefined>,
    said: string,
  ][] = [
    [
      { connectionRate: rate },
      (limits, { remote }) => limits.connect(remote.address),
      "421 4.7.0 Too many connections from 192.0.2.0/24: at most 5 in 10 seconds, try again in 2 seconds",
    ],
    [
      { messageRate: rate },
      (limits, who) => limits.mail(who),
      "450 4.7.1 Too many messages from 192.0.2.0/24: at most 5 in 10 seconds, try again in 2 seconds",
    ],
    [
      { recipientRate: rate },
      (limits, who) => limits.rcpt(who),
      "450 4.7.1 Too many recipients from 192.0.2.0/24: at most 5 in 10 seconds, try again in 2 seconds",
    ],
  ];
  for (const [rates, act, said] of table) {
    const made = limits(rates);
    assertEquals(untilRefused(() => act(made.limits, client)), [5, said]);
    // Of one network there is no second; others do not notice.
    assertEquals(untilRefused(() => act(made.limits, neighbour)), [0, said]);
    assertEquals(untilRefused(() => act(made.limits, stranger))[0], 5);
    await made.clock.advance(2_000);
    assertEquals(untilRefused(() => act(made.limits, neighbour)), [1, said]);
    await made.clock.advance(HOUR);
    assertEquals(untilRefused(() => act(made.limits, client)), [5, said]);
  }
});

Deno.test("client limits count an IPv6 client by its /56", () => {
  const { limits: made } = limits({ connectionRate: { count: 2, period: HOUR } });
  const connect = (address: string) => made.connect(address)?.lines[0];
  assertEquals(connect("2001:db8:2:100::1"), undefined);
  assertEquals(connect("2001:db8:2:1ff::1"), undefined);
  assertEquals(
    connect("2001:db8:2:180:1:2:3:4"),
    "Too many connections from 2001:db8:2:100::/56: at most 2 in 60 minutes, try again in 30 minutes",
  );
  assertEquals(connect("2001:db8:2:200::1"), undefined);
});

Deno.test("client limits let this host and exempt networks do what they like", () => {
  const rate = { count: 1, period: HOUR };
  const { limits: made } = limits({
    connectionRate: rate,
    messageRate: rate,
    recipientRate: rate,
    failureRate: rate,
  });
  for (const address of ["127.0.0.1", "127.9.9.9", "::1", "10.1.2.3", "2001:db8:1:9::9"]) {
    const who = from(address);
    for (let i = 0; i < 3; i++) {
      made.refused(who);
      assertEquals(made.connect(address), undefined);
      assertEquals(made.mail(who), undefined);
      assertEquals(made.rcpt(who), undefined);
    }
  }
});

Deno.test("client limits keep no rate that is off", () => {
  const off = {
    connectionRate: undefined,
    messageRate: undefined,
    recipientRate: undefined,
    failureRate: undefined,
    authFailures: undefined,
    accountMessageRate: undefined,
    accountRecipientRate: undefined,
  };
  const { limits: made } = limits(off);
  for (const who of [client, from("192.0.2.7", "joe")]) {
    for (let i = 0; i < 2000; i++) {
      made.refused(who);
      assertEquals(made.failed(who), undefined);
      made.succeeded(who);
    }
    assertEquals(untilRefused(() => made.connect(who.remote.address))[0], 10_000);
    assertEquals(untilRefused(() => made.mail(who))[0], 10_000);
    assertEquals(untilRefused(() => made.rcpt(who))[0], 10_000);
    assertEquals(made.mayTry(who), undefined);
  }
});

Deno.test("client limits count an account wherever it comes from, in place of its network", () => {
  const { limits: made } = limits({
    messageRate: { count: 1, period: HOUR },
    recipientRate: { count: 1, period: HOUR },
    accountMessageRate: { count: 3, period: HOUR },
    accountRecipientRate: { count: 4, period: HOUR },
  });
  const joe = [from("192.0.2.7", "joe"), from("198.51.100.7", "joe"), from("127.0.0.1", "joe")];
  for (const who of joe) assertEquals(made.mail(who), undefined);
  for (const who of joe) {
    assertEquals(untilRefused(() => made.mail(who)), [
      0,
      "450 4.7.1 Too many messages from your account: at most 3 in 60 minutes, " +
      "try again in 20 minutes",
    ]);
  }
  assertEquals(untilRefused(() => made.rcpt(joe[0]))[0], 4);
  assertEquals(made.mail(from("192.0.2.7", "ann")), undefined);
  // The network's own are as they were.
  assertEquals(untilRefused(() => made.mail(client))[0], 1);
});

Deno.test("an account's own quota holds in place of the common one", async () => {
  const quotas = new Map([["ann", 2], ["bob", 50]]);
  for (const isLate of [false, true]) {
    const made = new ClientLimits({
      rates: { ...DEFAULT_RATES, accountMessageRate: { count: 5, period: HOUR } },
      exempt: [],
      clock: new FakeClock(),
      slots: 64,
      accounts: {
        find(name) {
          const count = quotas.get(name);
          const quota = count === undefined ? undefined : { count, period: HOUR };
          const account = { name, allowedFrom: [], quota, verifier: NO_VERIFIER };
          return isLate ? Promise.resolve(account) : account;
        },
      },
    });
    for (const [name, most] of [["ann", 2], ["bob", 50], ["joe", 5]] as const) {
      const who = from("192.0.2.7", name);
      let sent = 0;
      while (await made.mail(who) === undefined) sent++;
      assertEquals(sent, most, name);
    }
  }
});

Deno.test("client limits take nothing from a network that collects refusals, until it pauses", async () => {
  const { limits: made, clock } = limits({ failureRate: { count: 20, period: 10 * MINUTE } });
  for (let i = 0; i < 20; i++) {
    assertEquals(made.connect(client.remote.address), undefined);
    made.refused(client);
  }
  const said = "421 4.7.0 Too many refusals to 192.0.2.0/24, try again in 30 seconds";
  assertEquals(untilRefused(() => made.connect(neighbour.remote.address)), [0, said]);
  assertEquals(untilRefused(() => made.mail(neighbour)), [0, said]);
  // An account is not made to answer for its neighbours.
  assertEquals(made.mail(from("192.0.2.8", "joe")), undefined);
  assertEquals(made.connect(stranger.remote.address), undefined);
  await clock.advance(30_000);
  assertEquals(made.connect(client.remote.address), undefined);
  made.refused(client);
  assertEquals(made.connect(client.remote.address)?.code, 421);
});

/** Fails to log in a number of times; answers how long each reply took. */
async function fail(
  { limits, clock }: { limits: ClientLimits; clock: FakeClock },
  who: LimitedClient,
  times: number,
): Promise<number[]> {
  const delays: number[] = [];
  for (let i = 0; i < times; i++) {
    const start = clock.now();
    let isOver = false;
    const failed = Promise.resolve(limits.failed(who)).then(() => void (isOver = true));
    while (!isOver) await clock.advance(100);
    await failed;
    delays.push(clock.now() - start);
  }
  return delays;
}

Deno.test("each failed login is answered later than the last, up to a few seconds", async () => {
  const made = limits();
  assertEquals(await fail(made, client, 8), [500, 1000, 2000, 4000, 5000, 5000, 5000, 5000]);
  assertEquals(await fail(made, stranger, 2), [500, 1000]);
  assertEquals(made.clock.waiting, 0);
  await made.clock.advance(10 * MINUTE);
  assertEquals(await fail(made, client, 1), [500]);
});

Deno.test("a network that fails to log in is locked out, each time for longer, and no other is", async () => {
  const made = limits({ authFailures: { count: 3, period: MINUTE } });
  const lockedFor: string[] = [];
  for (let round = 0; round < 10; round++) {
    assertEquals(made.limits.mayTry(client), undefined);
    await fail(made, client, 3);
    const refusal = made.limits.mayTry(neighbour);
    assertEquals(refusal && replyText(refusal).slice(0, 10), "421 4.7.0 ");
    lockedFor.push(refusal?.lines[0].split("try again in ")[1] ?? "");
    assertEquals(made.limits.mayTry(stranger), undefined);
    while (made.limits.mayTry(client) !== undefined) await made.clock.advance(MINUTE);
  }
  assertEquals(lockedFor, [
    "10 minutes",
    "20 minutes",
    "40 minutes",
    "80 minutes",
    "3 hours",
    "6 hours",
    "11 hours",
    "22 hours",
    "24 hours",
    "24 hours",
  ]);
  await made.clock.advance(25 * HOUR);
  await fail(made, client, 3);
  assertEquals(
    made.limits.mayTry(client)?.lines[0],
    "Too many failed logins from 192.0.2.0/24, try again in 10 minutes",
  );
});

Deno.test("attempts that were under way when the lock came on do not make it longer", () => {
  const made = limits();
  for (let i = 0; i < 100; i++) made.limits.failed(client);
  assert(made.limits.mayTry(client)?.lines[0].endsWith("try again in 10 minutes"));
});

Deno.test("failed logins are counted for this host and exempt networks as well", async () => {
  for (const address of ["127.0.0.1", "10.1.2.3"]) {
    const made = limits();
    await fail(made, from(address), 10);
    assertEquals(made.limits.mayTry(from(address))?.code, 421);
  }
});

Deno.test("a login forgives the failures before it, once in their time", async () => {
  const made = limits({ authFailures: { count: 10, period: 10 * MINUTE } });
  // Without a failure there is nothing to forgive, and nothing is used up.
  made.limits.succeeded(client);
  await fail(made, client, 9);
  made.limits.succeeded(neighbour);
  assertEquals(await fail(made, client, 1), [500]);
  await fail(made, client, 8);
  made.limits.succeeded(client);
  await fail(made, client, 1);
  assertEquals(made.limits.mayTry(client)?.code, 421);
});

Deno.test("a network has failed lately until its failures are forgotten", async () => {
  const made = limits({ authFailures: { count: 10, period: 10 * MINUTE } });
  assertEquals(made.limits.hasFailed(client), false);
  await fail(made, client, 1);
  assert(made.limits.hasFailed(neighbour));
  assertEquals(made.limits.hasFailed(stranger), false);
  await made.clock.advance(MINUTE);
  assertEquals(made.limits.hasFailed(client), false);
});

Deno.test("a login from another network forgives nothing", async () => {
  const made = limits();
  await fail(made, client, 9);
  made.limits.succeeded(stranger);
  await fail(made, client, 1);
  assertEquals(made.limits.mayTry(client)?.code, 421);
});

Deno.test("a clock that is put back locks nobody out for longer", async () => {
  const made = limits();
  await fail(made, client, 10);
  let now = made.clock.now() - 24 * HOUR;
  made.clock.now = () => now;
  assert(made.limits.mayTry(client)?.lines[0].endsWith("try again in 10 minutes"));
  assertEquals(made.limits.connect(client.remote.address), undefined);
  now += 24 * HOUR + 10 * MINUTE;
  assertEquals(made.limits.mayTry(client), undefined);
});

Deno.test("what is known of clients takes the same memory however many there are", () => {
  const clock = new FakeClock();
  const rates = { ...DEFAULT_RATES, connectionRate: { count: 60, period: MINUTE } };
  const made = new ClientLimits({ rates, exempt: [], clock, slots: 1024 });
  for (let n = 0; n < 60_000; n++) {
    const address = `${1 + n % 120}.${n >> 10 & 255}.${n >> 2 & 255}.1`;
    made.connect(address);
    made.refused(from(address));
  }
  // A client that goes on is not forgotten for all the others.
  for (let i = 0; i < DEFAULT_RATES.connectionRate!.count; i++) {
    made.connect("203.0.113.5");
    for (let n = 0; n < 100; n++) made.connect(`${1 + n}.${i & 255}.${9 + (i >> 8)}.1`);
  }
  assertEquals(made.connect("203.0.113.5")?.code, 421);
});
