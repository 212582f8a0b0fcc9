import { assert, assertEquals, assertRejects } from "@std/assert";
import type { IntakeTransaction } from "../../lib/net/intake.ts";
import type { Log } from "../../lib/net/log.ts";
import type { RcptDecision } from "../../lib/policy/hooks.ts";
import type { Session } from "../../lib/policy/session.ts";
import type { Outlet, Outlets } from "../../lib/relay/outlet.ts";
import { passThrough } from "../../lib/relay/pass_through.ts";
import { parseRoute } from "../../lib/relay/route.ts";
import type { MailParameters } from "../../lib/smtp/envelope.ts";
import { formatReply, type Reply, reply, SmtpError } from "../../lib/smtp/reply.ts";
import { turn } from "../net/fake_clock.ts";
import { greetedSession } from "../net/session_fixture.ts";
import { EHLO_DSN } from "./fake_hosts.ts";
import { envelope, mailbox, RULES, type World, world } from "./fake_relay.ts";

const SESSION: Session = {
  id: "s1",
  remote: { address: "127.0.0.1", port: 40000 },
  local: { address: "127.0.0.1", port: 25 },
  protocol: "ESMTP",
  heloName: "client.test",
  tls: undefined,
  account: undefined,
};
const TRACE = "Received: from client.test\r\n";
const utf8 = new TextEncoder();

async function begin(
  world: World,
  options: {
    log?: Log;
    route?: string;
    mail?: Partial<MailParameters>;
    local?: Outlet;
    outlets?: Outlets;
    session?: Session;
  } = {},
): Promise<IntakeTransaction> {
  const { route = "mx", mail, local, outlets, session = SESSION, log } = options;
  const remote = { ...world.remote, log };
  const intake = passThrough({ route: parseRoute(route), relaying: RULES, remote, local, outlets });
  const transaction = await intake.mail(session, envelope([], mail), "m1");
  assert("rcpt" in transaction);
  return transaction;
}

/** Calls a method as a session does, and lets time pass while it works. */
function ask<T>({ clock }: World, value: T | Promise<T>): Promise<T> {
  return clock.run(Promise.resolve(value));
}

const rcpt = (made: World, transaction: IntakeTransaction, text: string) =>
  ask(made, transaction.rcpt({ forwardPath: mailbox(text) }));

function code(answer: Reply | readonly Reply[] | void): string {
  const first = answer === undefined ? undefined : "code" in answer ? answer : answer[0];
  return first === undefined ? "go ahead" : `${first.code} ${first.enhanced}`;
}

Deno.test("pass-through says 250 only after the next hop has", async () => {
  const made = world({ "192.0.2.1": {} });
  const transaction = await begin(made);
  const seen = made.hosts.seen("192.0.2.1");
  assertEquals(made.hosts.tried, []);
  assertEquals(code(await rcpt(made, transaction, "ann@x.test")), "250 2.1.5");
  assertEquals(seen.commands.at(-1), "RCPT TO:<ann@x.test>");
  assertEquals(code(await rcpt(made, transaction, "bob@X.test")), "250 2.1.5");
  assertEquals(seen.commands.at(-1), "RCPT TO:<bob@X.test>");
  assertEquals(code(await ask(made, transaction.data(TRACE))), "go ahead");
  const buffer = utf8.encode("Subject: x\r\n\r\nbody\r\n");
  await ask(made, transaction.write(buffer));
  buffer.fill(0);
  assertEquals(seen.messages, []);
  const result = await ask(made, transaction.end());
  assertEquals(seen.messages, [`${TRACE}Subject: x\r\n\r\nbody\r\n`]);
  assert("code" in result);
  assertEquals(
    formatReply(result),
    "250 2.0.0 mx1.x.test[192.0.2.1] said: 250 2.0.0 queued\r\n",
  );
  await made.clock.run(made.hosts.idle());
  assertEquals(seen.ends, ["QUIT"]);
});

Deno.test("pass-through tells each recipient what the next hop said of it", async () => {
  const made = world({
    "192.0.2.1": {
      rcpt: (line) =>
        line.includes("no@")
          ? "550 5.1.1 nobody"
          : line.includes("wait@")
          ? "450 4.2.1 wait"
          : "250 ok",
    },
  });
  const transaction = await begin(made);
  const no = await rcpt(made, transaction, "no@x.test");
  assertEquals(
    formatReply(no),
    "554 5.1.1 mx1.x.test[192.0.2.1] said: 550 5.1.1 nobody\r\n",
  );
  assertEquals(code(await rcpt(made, transaction, "wait@x.test")), "451 4.2.1");
  assertEquals(code(await rcpt(made, transaction, "ann@x.test")), "250 2.0.0");
  assertEquals(code(await rcpt(made, transaction, "no@x.test")), "554 5.1.1");
  await ask(made, transaction.data(TRACE));
  assertEquals(code(await ask(made, transaction.end())), "250 2.0.0");
  assertEquals(
    made.hosts.seen("192.0.2.1").commands.filter((line) => line.startsWith("MAIL")).length,
    1,
  );
});

Deno.test("pass-through sends recipients with other next hops separately", async () => {
  const local: Outlet = () => ({
    rcpt: () => reply(250, "2.1.5", "ok"),
    data: () => {},
    write: () => {},
    end: () => reply(250, "2.0.0", "stored"),
    abort: () => {},
  });
  const made = world({ "192.0.2.1": {}, "192.0.2.3": {} });
  const remote = await begin(made, { local });
  assertEquals(code(await rcpt(made, remote, "ann@x.test")), "250 2.1.5");
  assertEquals(code(await rcpt(made, remote, "bob@y.test")), "452 4.5.3");
  assertEquals(code(await rcpt(made, remote, "joe@local.test")), "452 4.5.3");
  assertEquals(made.hosts.tried, ["192.0.2.1"]);

  const here = await begin(made, { local });
  assertEquals(code(await rcpt(made, here, "joe@local.test")), "250 2.1.5");
  assertEquals(code(await rcpt(made, here, "ann@x.test")), "452 4.5.3");
  assertEquals(code(await rcpt(made, here, "jim@LOCAL.test")), "250 2.1.5");
  assertEquals(code(await ask(made, here.data(TRACE))), "go ahead");
  assertEquals(code(await ask(made, here.end())), "250 2.0.0");
});

Deno.test("pass-through turns to another next hop when the first wanted nobody", async () => {
  const made = world({ "192.0.2.1": { rcpt: "550 5.1.1 nobody" }, "192.0.2.3": {} });
  const transaction = await begin(made);
  assertEquals(code(await rcpt(made, transaction, "ann@x.test")), "554 5.1.1");
  assertEquals(code(await rcpt(made, transaction, "bob@y.test")), "250 2.1.5");
  assertEquals(code(await rcpt(made, transaction, "bob@x.test")), "452 4.5.3");
  await ask(made, transaction.data(TRACE));
  assertEquals(code(await ask(made, transaction.end())), "250 2.0.0");
  await made.clock.run(made.hosts.idle());
  assertEquals(made.hosts.seen("192.0.2.1").ends, ["QUIT"]);
  assertEquals(made.hosts.seen("192.0.2.3").messages, [TRACE]);
});

Deno.test("pass-through takes another host until one has accepted a recipient", async (t) => {
  const once = (first: string, then: "drop") => {
    let count = 0;
    return () => count++ === 0 ? first : then;
  };
  await t.step("refused, then lost: the next host is asked", async () => {
    const made = world({
      "192.0.2.1": { rcpt: once("550 5.1.1 nobody", "drop") },
      "192.0.2.2": {},
    });
    const transaction = await begin(made);
    assertEquals(code(await rcpt(made, transaction, "no@x.test")), "554 5.1.1");
    assertEquals(code(await rcpt(made, transaction, "ann@x.test")), "250 2.1.5");
    assertEquals(made.hosts.seen("192.0.2.2").commands.slice(1), [
      "MAIL FROM:<joe@us.test>",
      "RCPT TO:<ann@x.test>",
    ]);
  });
  await t.step("accepted, then lost: it is not", async () => {
    const made = world({ "192.0.2.1": { rcpt: once("250 ok", "drop") }, "192.0.2.2": {} });
    const transaction = await begin(made);
    assertEquals(code(await rcpt(made, transaction, "ann@x.test")), "250 2.0.0");
    assertEquals(code(await rcpt(made, transaction, "bob@x.test")), "451 4.4.2");
    assertEquals(code(await ask(made, transaction.data(TRACE))), "451 4.4.2");
    assertEquals(made.hosts.tried, ["192.0.2.1"]);
  });
});

Deno.test("pass-through to LMTP has one recipient in a transaction", async () => {
  const made = world({ "127.0.0.1": { result: ["250 stored", "452 4.2.2 full"] } });
  const route = "lmtp://127.0.0.1";
  const transaction = await begin(made, { route });
  assertEquals(code(await rcpt(made, transaction, "ann@x.test")), "250 2.1.5");
  assertEquals(code(await rcpt(made, transaction, "bob@x.test")), "452 4.5.3");
  await ask(made, transaction.data(TRACE));
  assertEquals(code(await ask(made, transaction.end())), "250 2.0.0");

  const lmtp = await begin(made, { route, session: { ...SESSION, protocol: "LMTP" } });
  assertEquals(code(await rcpt(made, lmtp, "ann@x.test")), "250 2.1.5");
  assertEquals(code(await rcpt(made, lmtp, "bob@x.test")), "250 2.1.5");
  await ask(made, lmtp.data(TRACE));
  const results = await ask(made, lmtp.end());
  assert(!("code" in results));
  assertEquals(results.map(code), ["250 2.0.0", "451 4.2.2"]);
});

Deno.test("pass-through to a program has one recipient in a transaction", async () => {
  const outlet: Outlet = () => ({
    rcpt: () => reply(250, "2.1.5", "ok"),
    data: () => {},
    write: () => {},
    end: () => [reply(550, "5.1.1", "no such user")],
    abort: () => {},
  });
  const made = world({});
  const transaction = await begin(made, { route: "pipe:/bin/x", outlets: () => outlet });
  assertEquals(code(await rcpt(made, transaction, "ann@x.test")), "250 2.1.5");
  assertEquals(code(await rcpt(made, transaction, "bob@x.test")), "452 4.5.3");
  await ask(made, transaction.data(TRACE));
  assertEquals(code(await ask(made, transaction.end())), "550 5.1.1");
});

Deno.test("pass-through makes one reply of several results, and loses nobody", async () => {
  const results = [reply(250, "2.0.0", "stored"), reply(452, "4.2.2", "full")];
  const local: Outlet = () => ({
    rcpt: () => reply(250, "2.1.5", "ok"),
    data: () => {},
    write: () => {},
    end: () => results,
    abort: () => {},
  });
  const made = world({});
  const transaction = await begin(made, { local });
  await rcpt(made, transaction, "joe@local.test");
  await rcpt(made, transaction, "jim@local.test");
  assertEquals(code(await ask(made, transaction.end())), "452 4.2.2");
});

Deno.test("pass-through answers at once where nothing has to be waited for", async () => {
  const transaction = await begin(world({}), { route: "discard" });
  assertEquals(transaction.rcpt({ forwardPath: mailbox("ann@x.test") }), {
    code: 250,
    enhanced: "2.1.5",
    lines: ["Recipient ok, to be discarded"],
  });
  assertEquals(transaction.data(TRACE), undefined);
  assertEquals(transaction.write(utf8.encode("x")), undefined);
  assertEquals(transaction.end(), reply(250, "2.0.0", "Message discarded"));
});

Deno.test("pass-through refuses recipients that have nowhere to go", async () => {
  const made = world({ "192.0.2.3": { connect: "refuse" } });
  const table: [string, string][] = [
    ["c@null.test", "556 5.1.10"],
    ["c@nosuch.test", "550 5.1.2"],
    ["c@[127.0.0.1]", "554 5.4.4"],
    ["bob@y.test", "451 4.4.1"],
    ["joe@local.test", "451 4.3.5"],
  ];
  const transaction = await begin(made);
  for (const [text, expected] of table) {
    assertEquals(code(await rcpt(made, transaction, text)), expected, text);
  }
  assertEquals(code(await ask(made, transaction.data(TRACE))), "554 5.5.1");
});

Deno.test("pass-through refuses the rest of a message that the next hop refused", async () => {
  const made = world({ "192.0.2.3": { during: [100, "552 5.3.4 too big"] } });
  const transaction = await begin(made);
  await rcpt(made, transaction, "bob@y.test");
  await ask(made, transaction.data(TRACE));
  const slice = utf8.encode("0123456789abcdef\r\n".repeat(1000));
  const error = await assertRejects(async () => {
    for (let i = 0; i < 100; i++) await ask(made, transaction.write(slice));
  }, SmtpError);
  assertEquals(code(error.reply), "554 5.3.4");
  transaction.abort();
  await made.clock.run(made.hosts.idle());
  assertEquals(made.hosts.seen("192.0.2.3").messages, []);
});

Deno.test("pass-through leaves no half message behind when it is aborted", async (t) => {
  await t.step("in the mail data", async () => {
    const made = world({ "192.0.2.1": {} });
    const transaction = await begin(made);
    await rcpt(made, transaction, "ann@x.test");
    await ask(made, transaction.data(TRACE));
    await ask(made, transaction.write(utf8.encode("Subject: x\r\n\r\nhalf\r\n")));
    transaction.abort();
    transaction.abort();
    await made.clock.run(made.hosts.idle());
    const { messages, ends } = made.hosts.seen("192.0.2.1");
    assertEquals([messages, ends], [[], ["closed"]]);
    assertEquals(made.clock.pending, 0);
  });
  await t.step("before the mail data", async () => {
    const made = world({ "192.0.2.1": {} });
    const transaction = await begin(made);
    await rcpt(made, transaction, "ann@x.test");
    transaction.abort();
    await made.clock.run(made.hosts.idle());
    const { messages, ends } = made.hosts.seen("192.0.2.1");
    assertEquals([messages, ends], [[], ["QUIT"]]);
  });
  for (const script of [{ connect: "hang" }, { greeting: "hang" }, { rcpt: "hang" }] as const) {
    await t.step(`while it waits: ${JSON.stringify(script)}`, async () => {
      const made = world({ "192.0.2.1": script, "192.0.2.2": {} });
      const transaction = await begin(made);
      const asking = Promise.resolve(transaction.rcpt({ forwardPath: mailbox("ann@x.test") }));
      await turn();
      transaction.abort();
      assertEquals(code(await made.clock.run(asking)), "451 4.4.2");
      assertEquals(made.hosts.tried, ["192.0.2.1"]);
      assertEquals(made.clock.pending, 0);
    });
  }
});

Deno.test("pass-through logs which host took a message, and what it said", async () => {
  const made = world({ "192.0.2.1": {} });
  const logged: unknown[] = [];
  const transaction = await begin(made, {
    log: (level, event, fields) => logged.push([level, event, fields.host, fields.address]),
  });
  await rcpt(made, transaction, "ann@x.test");
  await ask(made, transaction.data(TRACE));
  assertEquals(logged, []);
  await ask(made, transaction.end());
  assertEquals(logged, [["info", "relayed", "mx1.x.test", "192.0.2.1"]]);
});

Deno.test("pass-through says of notices what it was told, to a next hop that offers DSN", async (t) => {
  const mail = { ret: "full", envid: "1" } as const;
  const orcpt = "rfc822;ann@x.test";
  const table: [string, string, string[]][] = [
    ["offered", EHLO_DSN, [
      "MAIL FROM:<joe@us.test> RET=FULL ENVID=1",
      `RCPT TO:<ann@x.test> NOTIFY=FAILURE ORCPT=${orcpt}`,
    ]],
    ["not offered", "250 fake.test", ["MAIL FROM:<joe@us.test>", "RCPT TO:<ann@x.test>"]],
  ];
  for (const [name, ehlo, commands] of table) {
    await t.step(name, async () => {
      const made = world({ "192.0.2.1": { ehlo } });
      const transaction = await begin(made, { mail });
      const forwardPath = mailbox("ann@x.test");
      const answer = transaction.rcpt({ forwardPath, notify: ["failure"], orcpt });
      assertEquals(code(await ask(made, answer)), "250 2.1.5");
      assertEquals(made.hosts.seen("192.0.2.1").commands.slice(1), commands);
    });
  }
});

Deno.test("pass-through keeps no notice, so a server of it refuses to be asked for one", async () => {
  const made = world({});
  const route = parseRoute("discard");
  const intake = passThrough({ route, relaying: RULES, remote: made.remote });
  await using session = await greetedSession({ intake });
  const { client } = session;
  assertEquals((await client.say("EHLO x")).includes("DSN"), false);
  const codes = await client.sayAll(
    "MAIL FROM:<a@example.org> RET=FULL",
    "MAIL FROM:<a@example.org> ENVID=1",
    "MAIL FROM:<a@example.org>",
    "RCPT TO:<b@example.net> NOTIFY=SUCCESS",
    "RCPT TO:<b@example.net> ORCPT=rfc822;b@example.net",
    "RCPT TO:<b@example.net>",
  );
  assertEquals(codes, ["555", "555", "250", "555", "555", "250"]);
});

Deno.test("pass-through sends a recipient where policy has decided, by another name", async () => {
  const made = world({ "192.0.2.1": {}, "192.0.2.9": {} });
  const transaction = await begin(made);
  const decided = (to: string, decision: RcptDecision) =>
    ask(made, transaction.rcpt({ forwardPath: mailbox(to) }, decision));
  const all = { forwardPaths: [mailbox("all@x.test")], route: "smtp://192.0.2.9" };
  assertEquals(code(await decided("ann@x.test", all)), "250 2.1.5");
  assertEquals(made.hosts.seen("192.0.2.9").commands.at(-1), "RCPT TO:<all@x.test>");
  // The route of the others is another one.
  assertEquals(code(await rcpt(made, transaction, "bob@x.test")), "452 4.5.3");
  assertEquals(code(await decided("bob@x.test", { route: "smtp://192.0.2.9" })), "250 2.1.5");
  assertEquals(made.hosts.seen("192.0.2.9").commands.at(-1), "RCPT TO:<bob@x.test>");
  assertEquals(made.hosts.tried, ["192.0.2.9"]);
  transaction.abort();
  await made.clock.run(made.hosts.idle());
});

Deno.test("pass-through says what policy cannot decide without a queue", async () => {
  const decisions: [RcptDecision, why: string][] = [
    [{ forwardPaths: [mailbox("a@x.test"), mailbox("b@x.test")] }, "takes a queue"],
    [{ route: "hold" }, "Cannot use the route"],
    [{ route: "pipe:/bin/cat" }, "Cannot use the route"],
    [{ route: "maildir:/srv/mail" }, "Cannot use the route"],
    [{ route: "smtp://joe:secret@192.0.2.9" }, "Cannot use the route"],
  ];
  const made = world({});
  const transaction = await begin(made);
  for (const [decision, why] of decisions) {
    const named = { forwardPath: mailbox("ann@x.test") };
    await assertRejects(async () => await transaction.rcpt(named, decision), Error, why);
  }
  assertEquals(transaction.takesLateChanges ?? false, false);
  assertEquals(made.hosts.tried, []);
});
