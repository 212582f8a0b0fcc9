import { assertEquals, assertMatch } from "@std/assert";
import { createMemoryStore } from "../../lib/queue/memory_store.ts";
import { DEFAULT_SCHEDULE } from "../../lib/queue/schedule.ts";
import type { Store } from "../../lib/queue/store.ts";
import { statusNotices } from "../../lib/relay/notices.ts";
import type { Outlet } from "../../lib/relay/outlet.ts";
import { reply } from "../../lib/smtp/reply.ts";
import { EHLO, type Script } from "./fake_hosts.ts";
import { entry, octets, queueWorld, SimClock } from "./queue_world.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const CONTENT = "From: joe@local.test\r\nSubject: Hello\r\n\r\nHow are you?\r\n";

/** A message that reached the mailbox of a local domain, and when. */
interface Received {
  readonly hours: number;
  readonly from: string;
  readonly text: string;
}

/** Takes local mail, and keeps it. */
function localMailbox(clock: SimClock, received: Received[]): Outlet {
  const begun = clock.now();
  return ({ reversePath }) => {
    let text = "";
    const decoder = new TextDecoder();
    return {
      rcpt: () => reply(250, "2.1.5", "ok"),
      data: () => {},
      write(bytes) {
        text += decoder.decode(bytes, { stream: true });
      },
      end() {
        const from = reversePath === null ? "<>" : reversePath.localPart;
        received.push({ hours: (clock.now() - begun) / HOUR, from, text });
        return [reply(250, "2.0.0", "stored")];
      },
      abort: () => {},
    };
  };
}

/** A queue with real notices. */
async function live(
  script: Script,
  time: number,
  more: Parameters<typeof entry>[3] & { readonly to?: readonly string[] } = {},
) {
  const clock = new SimClock();
  const store: Store = createMemoryStore();
  const received: Received[] = [];
  let ids = 0;
  const made = queueWorld({
    clock,
    store,
    hosts: { "192.0.2.3": script },
    local: localMailbox(clock, received),
    notices: statusNotices({
      store,
      hostname: "us.test",
      lifetime: DEFAULT_SCHEDULE.lifetime,
      nextId: () => `n${String(++ids).padStart(15, "0")}`,
      isHeld: () => false,
    }),
  });
  const { to = ["bob@y.test"], ...rest } = more;
  const body = store.stage();
  await body.write(octets(CONTENT));
  const id = "m000000000000001";
  await store.commit(entry(id, to, clock.now(), { from: "joe@local.test", ...rest }), body);
  made.scheduler.start();
  await clock.advance(time);
  await clock.run(made.scheduler.drain());
  await clock.run(made.pool.close());
  return { ...made, received, store, id };
}

Deno.test("notices tell the sender of the delay after four hours and of the failure after five days", async () => {
  const made = await live({ greeting: "421 4.3.2 busy" }, 6 * DAY);
  assertEquals(made.received.map(({ hours, from }) => [Math.round(hours), from]), [
    [4, "<>"],
    [120, "<>"],
  ]);
  const [delay, failure] = made.received.map(({ text }) => text);
  assertMatch(delay, /^To: <joe@local\.test>\r$/m);
  assertMatch(delay, /^Action: delayed\r$/m);
  assertMatch(delay, /^Final-Recipient: rfc822; ?bob@y\.test\r$/m);
  assertMatch(delay, /^Will-Retry-Until: /m);
  assertMatch(failure, /^Action: failed\r$/m);
  assertMatch(failure, /^Subject: Hello\r$/m);
  const { recipients } = await made.store.stats();
  assertEquals(recipients, { queued: 0, held: 0, delivered: 2, failed: 1, removed: 0 });
});

Deno.test("notices are one for a message, whatever became of its recipients", async () => {
  const rcpt = (line: string) => line.includes("no") ? "550 5.1.1 nobody" : "250 ok";
  const to = ["no1@y.test", "yes@y.test", "no2@y.test"];
  const { received } = await live({ rcpt }, 60_000, { to });
  assertEquals(received.length, 1);
  assertEquals(received[0].text.match(/^Action: failed\r$/mg)?.length, 2);
  assertEquals(received[0].text.includes("yes@y.test"), false);
});

Deno.test("notices are never made of a notice, nor where the sender wants none", async () => {
  const script: Script = { rcpt: "550 5.1.1 nobody" };
  const bounced = await live(script, 6 * DAY, { from: null });
  assertEquals(bounced.received, []);
  const { recipients } = await bounced.store.stats();
  assertEquals(recipients.failed, 1);
  assertEquals((await bounced.store.stats()).messages, 0);

  const unwanted = {
    mailbox: { localPart: "bob", domain: "y.test" },
    domain: "y.test",
    held: false,
  };
  const silent = await live(script, 60_000, {
    recipients: [{ ...unwanted, due: Date.UTC(2030, 0, 1), notify: "never" }],
  });
  assertEquals(silent.received, []);
});

Deno.test("notices tell of success where that was asked for and no next hop will", async (t) => {
  const asked = { held: false, due: Date.UTC(2030, 0, 1), notify: ["success"] as const };
  const bob = { ...asked, mailbox: { localPart: "bob", domain: "y.test" }, domain: "y.test" };
  const ann = {
    ...asked,
    mailbox: { localPart: "ann", domain: "local.test" },
    domain: "local.test",
  };
  const withDsn = `${EHLO.replace("250 SMTPUTF8", "250-SMTPUTF8")}\r\n250 DSN`;
  const table = [
    ["a host without DSN", {}, [bob], ["relayed"]],
    ["a host with DSN", { ehlo: withDsn }, [bob], []],
    ["a mailbox here", {}, [ann], ["delivered"]],
  ] as const;
  for (const [name, script, recipients, actions] of table) {
    await t.step(name, async () => {
      const { received } = await live(script, 60_000, { recipients });
      const notices = received.filter(({ from }) => from === "<>");
      assertEquals(
        notices.flatMap(({ text }) => text.match(/^Action: (\w+)/m)?.slice(1) ?? []),
        [...actions],
      );
    });
  }
});

Deno.test("notices go to those whom the sender's mailbox stands for, or to itself where aliases refuse it", async () => {
  const expansions = [
    [
      [{ localPart: "ann", domain: "local.test" }, { localPart: "bob", domain: "b.test" }],
      "ann bob",
    ],
    [reply(554, "5.4.6", "In a circle"), "joe"],
    [undefined, "joe"],
  ] as const;
  for (const [expansion, expected] of expansions) {
    const store = createMemoryStore();
    const body = store.stage();
    await body.write(octets(CONTENT));
    await store.commit(
      entry("m000000000000001", ["bob@y.test"], 0, { from: "joe@local.test" }),
      body,
    );
    const [lease] = await store.claim({}, { owner: "o", now: 0, until: 1000, limit: 1 });
    const notices = statusNotices({
      store,
      hostname: "us.test",
      lifetime: DAY,
      nextId: () => "n000000000000001",
      isHeld: () => false,
      aliases: { isLocal: () => true, expand: () => expansion },
    });
    const outcome = { index: 0, state: "failed" as const, reply: reply(550, "5.1.1", "No") };
    const [notice] = await notices(lease.entry, [outcome], 0);
    notice.body.abort();
    const { recipients } = notice.entry;
    assertEquals(recipients.map(({ mailbox }) => mailbox.localPart).join(" "), expected);
    assertEquals(recipients.every(({ notify }) => notify === "never"), true);
  }
});
