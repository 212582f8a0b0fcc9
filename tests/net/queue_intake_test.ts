import { assert, assertEquals, assertRejects } from "@std/assert";
import type { IntakeTransaction } from "../../lib/net/intake.ts";
import { queueIntake } from "../../lib/net/queue_intake.ts";
import type { Session } from "../../lib/policy/session.ts";
import { createMemoryStore } from "../../lib/queue/memory_store.ts";
import type { Expansion } from "../../lib/queue/recipients.ts";
import { StoreError } from "../../lib/queue/store_error.ts";
import { type Store, StoreFullError } from "../../lib/queue/store.ts";
import { reply } from "../../lib/smtp/reply.ts";
import { stateDirectory } from "../queue/state_directory.ts";
import { FakeClock } from "./fake_clock.ts";

const SESSION: Session = {
  id: "s1",
  remote: { address: "192.0.2.7", port: 40000 },
  local: { address: "192.0.2.1", port: 25 },
  protocol: "ESMTP",
  heloName: "client.test",
  tls: undefined,
  account: undefined,
};
const utf8 = new TextEncoder();

function fixture(store: Store = createMemoryStore(), aliases?: Expansion) {
  const clock = new FakeClock();
  const events: string[] = [];
  let woken = 0;
  const intake = queueIntake({
    store,
    lifetime: 1000,
    isHeld: ({ localPart }) => localPart === "held",
    aliases,
    checkRoute(route) {
      if (route === "bad") throw new SyntaxError("Cannot use the route");
    },
    wake: () => woken++,
    log: (_level, event) => events.push(event),
    clock,
  });
  return { store, clock, intake, events, woken: () => woken };
}

async function begin(
  { intake }: ReturnType<typeof fixture>,
  to: readonly string[],
  size?: number,
  session: Session = SESSION,
): Promise<IntakeTransaction> {
  const mail = { reversePath: { localPart: "a", domain: "a.test" }, smtpUtf8: false, size };
  const transaction = await intake.mail(session, mail, "m000000000000001");
  assert("rcpt" in transaction);
  for (const address of to) {
    const [localPart, domain = ""] = address.split("@");
    const answer = await transaction.rcpt({ forwardPath: { localPart, domain } });
    assertEquals(answer.code, 250);
  }
  return transaction;
}

async function contentOf(store: Store, id: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const slice of store.read(id)) text += decoder.decode(slice);
  return text;
}

/** A store of which some methods are others. */
function changed(changes: Partial<Store>): Store {
  const store = createMemoryStore();
  return new Proxy(store, {
    get(target, name) {
      if (name in changes) return Reflect.get(changes, name);
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

Deno.test("queue intake keeps how a client was secured and who it was", async () => {
  const session: Session = {
    ...SESSION,
    tls: { version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384" },
    account: "joe",
  };
  const made = fixture();
  const transaction = await begin(made, ["joe@b.test"], undefined, session);
  await transaction.data("");
  await transaction.end();
  const { protocol, account, tls } = (await made.store.show("m000000000000001"))!.origin;
  assertEquals([protocol, account, tls], [
    "ESMTPSA",
    "joe",
    "TLSv1.3 TLS_AES_256_GCM_SHA384",
  ]);
});

Deno.test("queue intake says 250 once the message is committed, whole and with its facts", async () => {
  const made = fixture();
  const transaction = await begin(made, ["joe@B.test", "held@b.test", "x@[192.0.2.9]"]);
  assertEquals(await transaction.data("Received: x\r\n"), undefined);
  const buffer = utf8.encode("Subject: x\r\n");
  await transaction.write(buffer);
  buffer.fill(0);
  await transaction.write(utf8.encode("\r\nbody\r\n"));
  assertEquals(made.woken(), 0);
  const answer = await transaction.end();
  assert("code" in answer);
  assertEquals([answer.code, answer.lines], [250, ["Queued as m000000000000001"]]);
  assertEquals(made.woken(), 1);
  const entry = await made.store.show("m000000000000001");
  assert(entry !== undefined);
  assertEquals(entry.expires - entry.accepted, 1000);
  assertEquals(entry.origin, {
    client: "192.0.2.7",
    heloName: "client.test",
    protocol: "ESMTP",
    session: "s1",
  });
  assertEquals(entry.recipients.map(({ domain, state }) => [domain, state]), [
    ["b.test", "queued"],
    ["b.test", "held"],
    ["[192.0.2.9]", "queued"],
  ]);
  assertEquals(
    await contentOf(made.store, entry.id),
    "Received: x\r\nSubject: x\r\n\r\nbody\r\n",
  );
});

Deno.test("queue intake keeps what MAIL and the header section ask of TLS", async () => {
  const { store, intake } = fixture();
  const mail = { reversePath: null, smtpUtf8: false, requireTls: true };
  const transaction = await intake.mail(SESSION, mail, "m000000000000001");
  assert("rcpt" in transaction);
  await transaction.rcpt({ forwardPath: { localPart: "b", domain: "b.test" } });
  await transaction.data("");
  await transaction.end({ tlsRequiredNo: true });
  const kept = await store.show("m000000000000001");
  assertEquals(kept?.mail, { ...mail, tlsRequiredNo: true });
});

Deno.test("queue intake keeps nothing of a message that was broken off", async () => {
  const made = fixture();
  const transaction = await begin(made, ["joe@b.test"]);
  await transaction.data("");
  await transaction.write(utf8.encode("x\r\n"));
  transaction.abort();
  assertEquals((await made.store.stats()).messages, 0);
  assertEquals(made.woken(), 0);
});

Deno.test("queue intake refuses at MAIL what there is no room for", async () => {
  const made = fixture(changed({ hasRoom: (octets = 0) => octets < 100 }));
  await begin(made, [], 99);
  const mail = { reversePath: null, smtpUtf8: false, size: 100 };
  const refused = await made.intake.mail(SESSION, mail, "m000000000000001");
  assert("code" in refused);
  assertEquals([refused.code, refused.enhanced], [452, "4.3.1"]);
});

Deno.test("queue intake answers a store that fails with 4yz, and is never woken for it", async () => {
  const errors = [
    [new StoreFullError("Cannot keep more"), "452 4.3.1", "queue-full"],
    [new Error("Cannot write: EIO"), "451 4.3.0", "queue-failed"],
  ] as const;
  for (const [error, code, event] of errors) {
    const aborted: string[] = [];
    const inData = fixture(changed({
      stage: () => ({
        size: 0,
        write: () => Promise.reject(error),
        async *read() {},
        abort: () => void aborted.push("write"),
      }),
    }));
    const atEnd = fixture(changed({ commit: () => Promise.reject(error) }));
    for (const made of [inData, atEnd]) {
      const transaction = await begin(made, ["joe@b.test"]);
      await transaction.data("Received: x\r\n");
      await transaction.write(utf8.encode("x\r\n"));
      const answer = await transaction.end();
      assert("code" in answer);
      assertEquals(`${answer.code} ${answer.enhanced}`, code);
      assertEquals(made.events, [event]);
      assertEquals(made.woken(), 0);
      assertEquals((await made.store.stats()).messages, 0);
    }
    assertEquals(aborted, ["write"]);
  }
});

Deno.test("queue intake answers 451 where a commit is uncertain, and has it looked for", async () => {
  const store = createMemoryStore();
  const made = fixture(changed({
    stage: () => store.stage(),
    async commit(entry, body) {
      await store.commit(entry, body);
      throw new StoreError("uncertain", "Cannot tell whether the queue was changed: EIO");
    },
  }));
  const transaction = await begin(made, ["joe@b.test"]);
  await transaction.data("Received: x\r\n");
  const answer = await transaction.end();
  assert("code" in answer);
  assertEquals(`${answer.code} ${answer.enhanced}`, "451 4.3.0");
  assertEquals([made.events, made.woken()], [["queue-failed"], 1]);
  transaction.abort();
  assertEquals(await contentOf(store, "m000000000000001"), "Received: x\r\n");
});

Deno.test("queue intake refuses and expands recipients by the aliases", async () => {
  const refusal = reply(554, "5.4.6", "In a circle");
  const made = fixture(createMemoryStore(), {
    isLocal: () => true,
    expand({ localPart, domain }) {
      if (localPart === "loop") return refusal;
      return localPart === "all"
        ? ["ann", "bob"].map((localPart) => ({ localPart, domain }))
        : undefined;
    },
  });
  const transaction = await begin(made, ["bob@b.test", "all@b.test"]);
  const loop = { forwardPath: { localPart: "loop", domain: "b.test" } };
  assertEquals(await transaction.rcpt(loop), refusal);
  await transaction.data("");
  await transaction.write(utf8.encode("x\r\n"));
  const answer = await transaction.end();
  assert("code" in answer);
  assertEquals(answer.code, 250);
  const [lease] = await made.store.claim({}, {
    owner: "o",
    now: made.clock.now(),
    until: 1e15,
    limit: 1,
  });
  assertEquals(
    lease.entry.recipients.map(({ mailbox, orcpt }) => [mailbox.localPart, orcpt]),
    [["bob", undefined], ["ann", "rfc822;all@b.test"]],
  );
});

Deno.test("queue intake wakes nobody for a message that is held", async () => {
  const made = fixture();
  const transaction = await begin(made, ["held@b.test"]);
  await transaction.data("");
  await transaction.write(utf8.encode("Subject: x\r\n\r\n"));
  const answer = await transaction.end();
  assert("code" in answer && answer.code === 250);
  assertEquals(made.woken(), 0);
});

const NEW_HEAD = utf8.encode("Subject: new\r\n\r\n");

for (const size of [10, 300_000]) {
  Deno.test(`queue intake stages a message of ${size} octets anew behind another head`, async () => {
    await using directory = await stateDirectory();
    await using store = await directory.open();
    const made = fixture(store);
    const transaction = await begin(made, ["joe@b.test"]);
    await transaction.data("Received: x\r\n");
    await transaction.write(utf8.encode("Subject: old\r\nX: y\r\n\r\n"));
    const body = "x".repeat(size);
    await transaction.write(utf8.encode(body));
    const newHead = { octets: NEW_HEAD, replaces: 22 };
    const headerChanges = ["replaced Subject", "removed X"];
    const answer = await transaction.end({ tlsRequiredNo: false, newHead, headerChanges });
    assert("code" in answer);
    assertEquals(answer.code, 250);
    const content = `Received: x\r\nSubject: new\r\n\r\n${body}`;
    assertEquals(await contentOf(store, "m000000000000001"), content);
    const entry = await store.show("m000000000000001");
    assertEquals([entry?.size, entry?.headerChanges], [content.length, headerChanges]);
    // What was staged first is forgotten.
    const blobs = [...Deno.readDirSync(`${directory.path}/blobs`)];
    assertEquals(blobs.length, size > 256 * 1024 ? 1 : 0);
  });
}

Deno.test("queue intake keeps nothing of a message that cannot be staged anew", async () => {
  let staged = 0;
  const aborted: number[] = [];
  const made = fixture(changed({
    stage() {
      const number = ++staged;
      return {
        size: 0,
        write() {
          if (number === 2) throw new StoreFullError("Cannot write: no room");
        },
        async *read() {},
        abort: () => void aborted.push(number),
      };
    },
  }));
  const transaction = await begin(made, ["joe@b.test"]);
  await transaction.data("");
  const newHead = { octets: NEW_HEAD, replaces: 0 };
  const answer = await transaction.end({ tlsRequiredNo: false, newHead });
  assert("code" in answer);
  assertEquals(answer.code, 452);
  assertEquals([...new Set(aborted)].sort(), [1, 2]);
});

Deno.test("queue intake sends recipients elsewhere as policy has decided", async () => {
  const made = fixture();
  const { intake, store } = made;
  const transaction = await intake.mail(SESSION, { reversePath: null, smtpUtf8: false }, "m1");
  assert("rcpt" in transaction);
  const rcpt = { forwardPath: { localPart: "all", domain: "b.test" } };
  const forwardPaths = [{ localPart: "held", domain: "c.test" }, {
    localPart: "x",
    domain: "d.test",
  }];
  await transaction.rcpt(rcpt, { forwardPaths, route: "smtp://e.test" });
  await transaction.rcpt({ forwardPath: { localPart: "y", domain: "b.test" } }, { route: "hold" });
  await assertRejects(async () => await transaction.rcpt(rcpt, { route: "bad" }), SyntaxError);
  await transaction.data("");
  await transaction.end();
  const shown = (await store.show("m1"))?.recipients.map((recipient) => [
    recipient.mailbox.localPart,
    recipient.state,
    recipient.route,
    recipient.rewrittenFrom,
  ]);
  assertEquals(shown, [
    ["held", "queued", "smtp://e.test", "all@b.test"],
    ["x", "queued", "smtp://e.test", "all@b.test"],
    ["y", "held", undefined, undefined],
  ]);
});

Deno.test("queue intake sends a whole message by the route that policy has chosen, or none", async () => {
  for (
    const [route, states, woken] of [["mx", ["queued", "queued"], 1], [
      "hold",
      ["held", "held"],
      0,
    ]] as const
  ) {
    const made = fixture();
    const transaction = await begin(made, ["joe@b.test", "held@b.test"]);
    await transaction.data("");
    await transaction.end({ tlsRequiredNo: false, route });
    const entry = await made.store.show("m000000000000001");
    assertEquals(entry?.recipients.map(({ state }) => state), [...states]);
    assertEquals(made.woken(), woken);
  }
  const made = fixture();
  const transaction = await begin(made, ["joe@b.test"]);
  await transaction.data("");
  const end = async () => await transaction.end({ tlsRequiredNo: false, route: "bad" });
  await assertRejects(end, SyntaxError);
  assertEquals((await made.store.stats()).messages, 0);
});
