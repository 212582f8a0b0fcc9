import { assertEquals, assertStringIncludes } from "@std/assert";
import { createMemoryStore } from "../../lib/queue/memory_store.ts";
import type { Outcome } from "../../lib/queue/store.ts";
import { StoreError } from "../../lib/queue/store_error.ts";
import type { Outlet } from "../../lib/relay/outlet.ts";
import { isPositive, reply } from "../../lib/smtp/reply.ts";
import { EHLO, EHLO_DSN, type Script } from "./fake_hosts.ts";
import { mailbox } from "./fake_relay.ts";
import { emptyBody, type FakeStore } from "./fake_store.ts";
import { entry, octets, queueWorld, type QueueWorldOptions, SimClock } from "./queue_world.ts";

const CONTENT = "Subject: x\r\n\r\n.dot\r\nend\r\n";
const STUFFED = "Subject: x\r\n\r\n..dot\r\nend\r\n";
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Puts one message into a queue and lets some time pass. */
async function attempt(
  options: QueueWorldOptions,
  to: readonly string[],
  time = 60_000,
  more: Parameters<typeof entry>[3] = {},
) {
  const made = queueWorld(options);
  made.store.put(entry("m1", to, made.clock.now(), more), octets(CONTENT));
  made.scheduler.start();
  await made.clock.advance(time);
  return made;
}

function states(made: { readonly store: FakeStore }, id = "m1"): string[] {
  return made.store.recipients(id).map(({ state, lastReply }) =>
    `${state} ${lastReply?.code} ${lastReply?.enhanced}`
  );
}

Deno.test("queued message is delivered in one round trip and one more for its content", async () => {
  const made = await attempt({ hosts: { "192.0.2.3": {} } }, ["bob@y.test", "eve@y.test"]);
  assertEquals(states(made), ["delivered 250 2.0.0", "delivered 250 2.0.0"]);
  assertEquals(made.hosts.seen("192.0.2.3").messages, [STUFFED]);
  const [{ host, address, outcomes }] = made.store.attempts("m1");
  assertEquals([host, address], ["mx.y.test", "192.0.2.3"]);
  assertEquals(outcomes.map(({ index, state }) => [index, state]), [[0, "delivered"], [
    1,
    "delivered",
  ]]);
  assertEquals(made.store.calls.get("record"), 1);
});

Deno.test("queued message has a result for each recipient, and a success stays one", async (t) => {
  const rcpt = (line: string) =>
    line.includes("no") ? "550 5.1.1 nobody" : line.includes("wait") ? "450 4.2.1 wait" : "250 ok";
  const to = ["a@y.test", "no@y.test", "wait@y.test"];
  const table: [string, Script, string[]][] = [
    ["taken", { rcpt }, ["delivered 250 2.0.0", "failed 550 5.1.1", "queued 450 4.2.1"]],
    [
      "put off",
      { rcpt, result: "451 4.3.0 busy" },
      ["queued 451 4.3.0", "failed 550 5.1.1", "queued 450 4.2.1"],
    ],
    [
      "refused",
      { rcpt, result: "554 5.6.0 spam" },
      ["failed 554 5.6.0", "failed 550 5.1.1", "queued 450 4.2.1"],
    ],
    [
      "lost",
      { rcpt, result: "drop" },
      ["queued 451 4.4.2", "failed 550 5.1.1", "queued 450 4.2.1"],
    ],
    ["all refused", { rcpt: "550 5.1.1 nobody" }, Array(3).fill("failed 550 5.1.1")],
    ["MAIL refused", { mail: "550 5.7.1 not you" }, Array(3).fill("failed 550 5.7.1")],
    ["MAIL put off", { mail: "451 4.3.0 busy" }, Array(3).fill("queued 451 4.3.0")],
    ["DATA put off", { data: "451 4.3.0 busy" }, Array(3).fill("queued 451 4.3.0")],
    ["DATA refused", { data: "554 5.7.1 no" }, Array(3).fill("failed 554 5.7.1")],
    ["one at a time", { ehlo: "250 fake.test" }, Array(3).fill("delivered 250 2.0.0")],
  ];
  for (const [name, script, expected] of table) {
    await t.step(name, async () => {
      const made = await attempt({ hosts: { "192.0.2.3": script } }, to);
      assertEquals(states(made), expected);
      const [{ outcomes }] = made.store.attempts("m1");
      for (const { state, due } of outcomes) {
        const isLater = due !== undefined && due > made.clock.now();
        assertEquals(isLater, state === "queued");
      }
      assertEquals(made.store.attempts("m1").length, 1);
      assertEquals(made.scheduler.held, 0);
    });
  }
});

Deno.test("queued message asks for the notices that its entry has, where DSN is offered", async () => {
  const mail = { reversePath: mailbox("joe@us.test"), smtpUtf8: false };
  const recipient = { domain: "y.test", due: 0, held: false };
  const made = await attempt({ hosts: { "192.0.2.3": { ehlo: EHLO_DSN } } }, [], 60_000, {
    mail: { ...mail, ret: "headers", envid: "QQ+2B3" },
    recipients: [
      { ...recipient, mailbox: mailbox("a@y.test"), notify: ["failure"], orcpt: "rfc822;A@y.test" },
      { ...recipient, mailbox: mailbox("b@y.test"), notify: "never" },
      { ...recipient, mailbox: mailbox("c@y.test") },
    ],
  });
  assertEquals(made.hosts.seen("192.0.2.3").commands.slice(1, 5), [
    "MAIL FROM:<joe@us.test> RET=HDRS ENVID=QQ+2B3",
    "RCPT TO:<a@y.test> NOTIFY=FAILURE ORCPT=rfc822;A@y.test",
    "RCPT TO:<b@y.test> NOTIFY=NEVER",
    "RCPT TO:<c@y.test>",
  ]);
  assertEquals(states(made), Array(3).fill("delivered 250 2.0.0"));
});

Deno.test("queued message goes to LMTP with a result for each recipient", async () => {
  const script: Script = {
    result: ["250 2.0.0 stored", "552 5.2.2 full", "451 4.3.0 later"],
  };
  const options = { hosts: { "192.0.2.9": script }, route: "lmtp://192.0.2.9:24" };
  const made = await attempt(options, ["a@y.test", "b@y.test", "c@y.test"]);
  assertEquals(states(made), ["delivered 250 2.0.0", "failed 552 5.2.2", "queued 451 4.3.0"]);
});

Deno.test("queued message is delivered here, discarded, or stays where there is no way", async (t) => {
  const taken: string[] = [];
  const local: Outlet = () => ({
    rcpt: ({ forwardPath: { localPart } }) => {
      if (localPart === "full") return reply(452, "4.2.2", "full");
      taken.push(localPart);
      return reply(250, "2.1.5", "ok");
    },
    data: () => {},
    write: () => {},
    end: () => taken.map(() => reply(250, "2.0.0", "stored")),
    abort: () => {},
  });
  const to = ["ann@local.test", "full@local.test"];
  await t.step("here", async () => {
    const made = await attempt({ local }, to);
    assertEquals(states(made), ["delivered 250 2.0.0", "queued 452 4.2.2"]);
    assertEquals(taken, ["ann"]);
  });
  await t.step("nowhere", async () => {
    assertEquals(states(await attempt({}, to)), ["queued 451 4.3.5", "queued 451 4.3.5"]);
  });
  await t.step("discarded", async () => {
    assertEquals(states(await attempt({ route: "discard" }, ["a@y.test"])), [
      "delivered 250 2.0.0",
    ]);
  });
});

Deno.test("queued message with more recipients than a program may have goes to all of them at once", async () => {
  const transactions: string[][] = [];
  const outlet: Outlet = () => {
    const taken: string[] = [];
    return {
      rcpt: ({ forwardPath: { localPart } }) => {
        taken.push(localPart);
        return reply(250, "2.1.5", "ok");
      },
      data: () => {},
      write: () => {},
      end: () => {
        transactions.push(taken);
        return taken.map((name) =>
          name === "u13" ? reply(550, "5.1.1", "nobody") : reply(250, "2.0.0", "stored")
        );
      },
      abort: () => {},
    };
  };
  const to = Array.from({ length: 24 }, (_, i) => `u${i}@y.test`);
  const made = await attempt({ route: "pipe:/bin/x", outlets: () => outlet }, to);
  assertEquals(transactions.map(({ length }) => length), [10, 10, 4]);
  assertEquals(transactions.flat().map((name) => `${name}@y.test`), to);
  const expected = to.map((name) =>
    name === "u13@y.test" ? "failed 550 5.1.1" : "delivered 250 2.0.0"
  );
  assertEquals(states(made), expected);
});

Deno.test("queued message for several domains goes to their smarthost once", async () => {
  const to = ["a@x.test", "b@y.test", "c@z.test", "d@x.test"];
  const made = await attempt({ hosts: { "192.0.2.9": {} }, route: "smtp://192.0.2.9" }, to);
  assertEquals(states(made), Array(4).fill("delivered 250 2.0.0"));
  assertEquals(made.hosts.seen("192.0.2.9").messages.length, 1);
  assertEquals(made.store.attempts("m1").length, 1);
});

Deno.test("queued messages share sessions", async () => {
  const made = queueWorld({ hosts: { "192.0.2.3": {} } });
  for (let i = 0; i < 50; i++) {
    made.store.put(entry(`m${i}`, ["bob@y.test"], made.clock.now()), octets(CONTENT));
  }
  made.scheduler.start();
  await made.clock.advance(60_000);
  const { messages, commands, ends } = made.hosts.seen("192.0.2.3");
  assertEquals(messages.length, 50);
  const sessions = commands.filter((line) => line.startsWith("EHLO")).length;
  assertEquals(sessions <= 20, true, `${sessions} sessions`);
  assertEquals(commands.filter((line) => line === "RSET"), []);
  // At rest for five seconds, they are ended as they should be.
  assertEquals(ends, Array(sessions).fill("QUIT"));
});

Deno.test("queued message goes over a new session where a kept one is of no use any more", async (t) => {
  let sessions = 0;
  let messages = 0;
  const table: [string, Script][] = [
    ["refuses another", {
      get mail() {
        return messages % 2 === 1 && sessions++ === 0 ? "451 4.7.0 one is enough" : "250 ok";
      },
    }],
    ["refuses another with 421", {
      get mail() {
        return messages % 2 === 1 && sessions++ === 0 ? "421 4.7.0 one is enough" : "250 ok";
      },
    }],
    ["drops another", {
      get mail() {
        return messages % 2 === 1 && sessions++ === 0 ? "drop" : "250 ok";
      },
    }],
  ];
  for (const [name, script] of table) {
    await t.step(name, async () => {
      sessions = messages = 0;
      const made = queueWorld({ hosts: { "192.0.2.3": script }, pool: { perHop: 1 } });
      for (const id of ["m1", "m2"]) {
        made.store.put(entry(id, ["bob@y.test"], made.clock.now()), octets(CONTENT));
        made.scheduler.start();
        made.scheduler.wake();
        await made.clock.advance(1_000);
        messages++;
      }
      assertEquals(states(made, "m1"), ["delivered 250 2.0.0"]);
      assertEquals(states(made, "m2"), ["delivered 250 2.0.0"]);
      assertEquals(made.store.attempts("m2").length, 1);
      const { commands } = made.hosts.seen("192.0.2.3");
      assertEquals(commands.filter((line) => line.startsWith("EHLO")).length, 2);
    });
  }
});

Deno.test("queued message goes over a session that had a transaction without mail data", async () => {
  const rcpt = (line: string) => line.includes("no") ? "550 5.1.1 nobody" : "250 ok";
  const made = queueWorld({ hosts: { "192.0.2.3": { rcpt } }, pool: { perHop: 1 } });
  const now = made.clock.now();
  made.store.put(entry("m1", ["no@y.test"], now), octets(CONTENT));
  made.store.put(entry("m2", ["yes@y.test"], now + 1), octets(CONTENT));
  made.scheduler.start();
  await made.clock.advance(1_000);
  assertEquals([states(made, "m1"), states(made, "m2")], [["failed 550 5.1.1"], [
    "delivered 250 2.0.0",
  ]]);
  const { commands } = made.hosts.seen("192.0.2.3");
  assertEquals(commands.filter((line) => line.startsWith("EHLO")).length, 1);
});

Deno.test("queued message lives five days: schedule, delay notice, expiry", async () => {
  const told: [hours: number, states: string[]][] = [];
  const begun = Date.UTC(2030, 0, 1);
  const made = await attempt(
    {
      hosts: { "192.0.2.3": { greeting: "421 4.3.2 busy" } },
      notices: ({ id }, outcomes: readonly Outcome[], now) => {
        if (id !== "m1") return Promise.resolve([]);
        const due = outcomes.filter(({ state, delayTold }) => state === "failed" || delayTold);
        if (due.length === 0) return Promise.resolve([]);
        told.push([(now - begun) / HOUR, due.map(({ state }) => state)]);
        const notice = entry(`notice${told.length}`, ["joe@local.test"], now, { from: null });
        return Promise.resolve([{ entry: notice, body: emptyBody }]);
      },
    },
    ["bob@y.test"],
    6 * DAY,
  );
  const minutes = made.store.attempts("m1").map(({ begun: at }) =>
    Math.round((at - begun) / 60_000)
  );
  assertEquals(minutes.slice(0, 9), [0, 5, 20, 50, 110, 230, 240, 480, 960]);
  assertEquals(minutes.at(-1), 5 * 24 * 60);
  assertEquals(told, [[4, ["queued"]], [120, ["failed"]]]);
  assertEquals(states(made), ["failed 421 4.3.2"]);
  // At the time of the notice, ten minutes behind an attempt, the next hop is left alone.
  assertEquals(made.hosts.tried.length, minutes.length - 1);
  assertEquals([...made.store.messages.keys()], ["m1", "notice1", "notice2"]);
});

Deno.test("queued message with a null reverse-path is given up without a word of delay", async () => {
  const delayed: boolean[] = [];
  const made = await attempt(
    {
      notices: (_, outcomes) => {
        delayed.push(outcomes.some(({ delayTold }) => delayTold));
        return Promise.resolve([]);
      },
    },
    ["bob@y.test"],
    6 * DAY,
    { from: null },
  );
  assertEquals(states(made), ["failed 451 4.4.1"]);
  assertEquals(delayed.includes(true), false);
});

Deno.test("queued message that cannot be read is not ended, and stays", async () => {
  const made = queueWorld({ hosts: { "192.0.2.3": {} } });
  made.store.put(entry("m1", ["bob@y.test"], made.clock.now()), octets(CONTENT));
  made.store.failures.set("read", 1);
  made.scheduler.start();
  await made.clock.advance(60_000);
  assertEquals(states(made), ["queued 451 4.3.0"]);
  assertEquals(made.hosts.seen("192.0.2.3").messages, []);
  await made.clock.advance(600_000);
  assertEquals(states(made), ["delivered 250 2.0.0"]);
});

Deno.test("queued message keeps its result while the store fails", async () => {
  const made = queueWorld({ hosts: { "192.0.2.3": {} } });
  made.store.put(entry("m1", ["bob@y.test"], made.clock.now()), octets(CONTENT));
  made.store.failures.set("record", 20);
  made.scheduler.start();
  await made.clock.advance(1_800_000);
  assertEquals(states(made), ["delivered 250 2.0.0"]);
  assertEquals(made.hosts.seen("192.0.2.3").messages.length, 1);
});

Deno.test("queued message is not given up before its sender can be told", async () => {
  let isFull = true;
  const made = queueWorld({
    hosts: { "192.0.2.3": { rcpt: "550 5.1.1 nobody" } },
    notices: () => isFull ? Promise.reject(new Error("no room")) : Promise.resolve([]),
  });
  made.store.put(entry("m1", ["bob@y.test"], made.clock.now()), octets(CONTENT));
  made.scheduler.start();
  await made.clock.advance(60_000);
  assertEquals(states(made), ["queued 550 5.1.1"]);
  isFull = false;
  await made.clock.advance(600_000);
  assertEquals(states(made), ["failed 550 5.1.1"]);
});

Deno.test("queued message is not delivered again by us when its lease was lost meanwhile", async () => {
  let isStolen = false;
  const script: Script = {
    get result() {
      // Behind the end of the mail data: the next hop has the message, and nobody can know that yet.
      if (!isStolen) made.store.steal("m1");
      isStolen = true;
      return "250 2.0.0 queued";
    },
  };
  const made = queueWorld({ hosts: { "192.0.2.3": script } });
  made.store.put(entry("m1", ["bob@y.test", "eve@y.test"], made.clock.now()), octets(CONTENT));
  made.scheduler.start();
  await made.clock.advance(60_000);
  made.scheduler.wake();
  await made.clock.advance(60_000);
  assertEquals(made.hosts.seen("192.0.2.3").messages.length, 1);
  assertEquals(states(made), ["delivered 250 2.0.0", "delivered 250 2.0.0"]);
  assertEquals(made.events.includes("lease-lost"), true);
});

Deno.test("queued message has its notice sent at once where its record was uncertain", async () => {
  for (const isRecorded of [true, false]) {
    const clock = new SimClock();
    const store = createMemoryStore();
    const made = queueWorld({
      clock,
      store,
      hosts: { "192.0.2.1": {}, "192.0.2.3": { rcpt: "550 5.1.1 nobody" } },
      notices: async (_, outcomes, now) => {
        if (!outcomes.some(({ state }) => state === "failed")) return [];
        const body = store.stage();
        await body.write(octets("Subject: failed\r\n\r\n"));
        return [{ entry: entry("n1", ["joe@x.test"], now, { from: null }), body }];
      },
    });
    const record = store.record.bind(store);
    let calls = 0;
    store.record = async (...values) => {
      if (++calls > 1) return await record(...values);
      // The scheduler has gone to sleep by then.
      const { promise, resolve } = Promise.withResolvers<void>();
      clock.after(10_000, resolve);
      await promise;
      if (isRecorded) await record(...values);
      throw new StoreError("uncertain", "Cannot tell whether the queue was changed: it is on fire");
    };
    const body = store.stage();
    await body.write(octets(CONTENT));
    await store.commit(entry("m1", ["bob@y.test"], clock.now()), body);
    made.scheduler.start();
    const seen = async () => [
      (await store.show("m1"))?.recipients[0].state,
      (await store.attempts("m1")).length,
      made.hosts.seen("192.0.2.1").messages.length,
    ];
    await clock.advance(60_000);
    assertEquals(await seen(), isRecorded ? ["failed", 1, 1] : ["queued", 1, 0]);
    await clock.advance(600_000);
    assertEquals(await seen(), ["failed", isRecorded ? 1 : 2, 1]);
  }
});

Deno.test("queued message whose lease was lost before its end is not ended", async () => {
  for (const isLost of [false, true]) {
    const made = queueWorld({ hosts: { "192.0.2.3": {} }, scheduler: { leaseTime: 60_000 } });
    made.store.put(entry("m1", ["bob@y.test"], made.clock.now()), octets(CONTENT));
    const read = made.store.read.bind(made.store);
    made.store.read = async function* (id) {
      if (isLost) made.store.messages.get("m1")!.kept[0].token = "somebody else's";
      const { promise, resolve } = Promise.withResolvers<void>();
      made.clock.after(40_000, resolve);
      await promise;
      yield* read(id);
    };
    made.scheduler.start();
    await made.clock.advance(59_000);
    assertEquals(made.hosts.seen("192.0.2.3").messages, isLost ? [] : [STUFFED]);
    assertEquals(made.hosts.seen("192.0.2.3").ends, [isLost ? "closed" : "QUIT"]);
  }
});

Deno.test("only a crash between the remote's 250 and the record delivers twice", async (t) => {
  const points: [string, Script, boolean][] = [
    ["before the remote's 250", { result: "hang" }, false],
    ["between the remote's 250 and the record", {}, true],
  ];
  for (const [name, script, isDelivered] of points) {
    await t.step(name, async () => {
      const made = queueWorld({ hosts: { "192.0.2.3": script } });
      made.store.put(entry("m1", ["bob@y.test"], made.clock.now()), octets(CONTENT));
      // The process that crashes never gets its answer from the store.
      const { promise: never } = Promise.withResolvers<boolean>();
      const record = made.store.record.bind(made.store);
      made.store.record = () => never;
      made.scheduler.start();
      await made.clock.advance(1_000);
      assertEquals(made.store.recipients("m1")[0].state, "queued");

      made.store.record = record;
      const { clock, store } = made;
      const again = queueWorld({ clock, store, hosts: { "192.0.2.3": {} } });
      again.scheduler.start();
      await clock.advance(1_000);
      assertEquals(states(again), ["delivered 250 2.0.0"]);
      assertEquals(again.hosts.seen("192.0.2.3").messages.length, 1);
      const results = made.hosts.seen("192.0.2.3").messages.length;
      assertEquals(results, 1);
      assertEquals(isDelivered, script.result === undefined);
    });
  }
});

Deno.test("queued message that was recorded is not sent again after a restart", async () => {
  const made = await attempt({ hosts: { "192.0.2.3": {} } }, ["bob@y.test"]);
  const { clock, store } = made;
  const again = queueWorld({ clock, store, hosts: { "192.0.2.3": {} } });
  again.scheduler.start();
  await clock.advance(DAY);
  assertEquals(again.hosts.seen("192.0.2.3").messages, []);
});

Deno.test("queued message is refused where the next hop cannot take its real size", async () => {
  const ehlo = `${EHLO.replace("250 SMTPUTF8", "250-SMTPUTF8")}\r\n250 SIZE 10`;
  const made = await attempt({ hosts: { "192.0.2.3": { ehlo } } }, ["bob@y.test"]);
  assertEquals(states(made), ["failed 552 5.3.4"]);
  const { lastReply } = made.store.recipients("m1")[0];
  assertEquals(isPositive(lastReply!), false);
  assertStringIncludes(lastReply!.lines[0], "10 octets");
});

Deno.test("queued messages leave a store that keeps to the contract", async () => {
  const clock = new SimClock();
  const store = createMemoryStore();
  const rcpt = (line: string) => line.includes("no") ? "550 5.1.1 nobody" : "250 ok";
  const made = queueWorld({
    clock,
    store,
    hosts: { "192.0.2.1": { connect: "refuse" }, "192.0.2.2": { rcpt }, "192.0.2.3": { rcpt } },
    notices: async (original, outcomes, now) => {
      if (!outcomes.some(({ state }) => state === "failed")) return [];
      const body = store.stage();
      await body.write(octets("Subject: failed\r\n\r\n"));
      const to = ["joe@y.test"];
      return [{ entry: entry(`n${original.id.slice(1)}`, to, now, { from: null }), body }];
    },
  });
  for (let i = 0; i < 100; i++) {
    const id = `m${String(i).padStart(15, "0")}`;
    const body = store.stage();
    await body.write(octets(CONTENT));
    const to = [`a${i}@x.test`, `b${i}@y.test`, ...i % 10 === 0 ? [`no${i}@y.test`] : []];
    await store.commit(entry(id, to, clock.now()), body);
  }
  made.scheduler.start();
  await clock.advance(60_000);
  const { recipients, messages } = await store.stats();
  const expected = { queued: 0, held: 0, delivered: 210, failed: 10, removed: 0 };
  assertEquals([recipients, messages], [expected, 0]);
  const attempts = await store.attempts(`m${"1".padStart(15, "0")}`);
  assertEquals(attempts.map(({ host, address }) => `${host} ${address}`).sort(), [
    "mx.y.test 192.0.2.3",
    "mx2.x.test 192.0.2.2",
  ]);
  const delivered = made.hosts.seen("192.0.2.3").messages;
  assertEquals(delivered.filter((text) => text === STUFFED).length, 100);
  assertEquals(delivered.length, 110);
  await clock.run(made.scheduler.drain());
  await clock.run(made.pool.close());
});
