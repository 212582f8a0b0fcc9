import { assert, assertEquals, assertRejects } from "@std/assert";
import { type IncomingMail, MailQueue } from "../../lib/net/incoming_mail.ts";
import type { IntakeTransaction } from "../../lib/net/intake.ts";
import type { Session } from "../../lib/policy/session.ts";
import { type Reply, reply, SmtpError } from "../../lib/smtp/reply.ts";
import { octets } from "../smtp/wire.ts";

const TRACE = "Received: from a by b;\r\n\tFri, 2 Jan 2026 00:00:00 +0000\r\n";

function session(protocol: Session["protocol"] = "ESMTP"): Session {
  const end = { address: "127.0.0.1", port: 25 };
  return {
    id: "x",
    remote: end,
    local: end,
    protocol,
    heloName: "client.example.org",
    tls: undefined,
    account: undefined,
  };
}

/** The server's side of a queue and the program's. */
class Pair {
  readonly queue = new MailQueue();
  readonly mails = this.queue[Symbol.asyncIterator]();
  readonly session: Session;

  constructor(protocol?: Session["protocol"]) {
    this.session = session(protocol);
  }

  /** Begins a transaction up to its mail data. */
  async begin(...recipients: string[]): Promise<IntakeTransaction> {
    const transaction = await this.queue.mail(this.session, {
      reversePath: { localPart: "a", domain: "example.org" },
      size: undefined,
      body: undefined,
      smtpUtf8: false,
    });
    for (const localPart of recipients.length > 0 ? recipients : ["b"]) {
      await transaction.rcpt({ forwardPath: { localPart, domain: "example.org" } });
    }
    assertEquals(await transaction.data(TRACE), undefined);
    return transaction;
  }

  /** The message that the program gets next. */
  async next(): Promise<IncomingMail> {
    const { value, done } = await this.mails.next();
    assert(!done);
    return value;
  }

  /** A message that has begun, and how the program sees it. */
  async both(...recipients: string[]): Promise<[IntakeTransaction, IncomingMail]> {
    const transaction = await this.begin(...recipients);
    return [transaction, await this.next()];
  }
}

/** Sends slices and the end; answers the reply, or replies. */
async function send(
  transaction: IntakeTransaction,
  ...slices: string[]
): Promise<Reply | readonly Reply[]> {
  // One buffer for all, as a connection has.
  const buffer = new Uint8Array(100);
  for (const slice of slices) {
    buffer.fill(0);
    buffer.set(octets(slice));
    await transaction.write(buffer.subarray(0, slice.length));
  }
  return await transaction.end();
}

Deno.test("the content is the Received field and what the client sends, slice by slice", async () => {
  const [transaction, mail] = await new Pair().both();
  const answer = send(transaction, "Subject: x\r\n", "\r\n", "body\r\n");
  const seen: string[] = [];
  for await (const slice of mail.content) seen.push(new TextDecoder().decode(slice));
  assertEquals(seen, [TRACE, "Subject: x\r\n", "\r\n", "body\r\n"]);
  mail.accept();
  assertEquals(await answer, reply(250, "2.0.0", "Accepted"));
});

Deno.test("bytes and text read the whole message, whatever becomes of the buffer", async () => {
  const content = ["one ", "two ", "\xff\xc3\xa9\r\n"];
  for (const how of ["bytes", "text"] as const) {
    const [transaction, mail] = await new Pair().both();
    const answer = send(transaction, ...content);
    const seen = await mail[how]();
    mail.accept();
    await answer;
    if (how === "bytes") assertEquals(seen, octets(TRACE + content.join("")));
    else assertEquals(seen, `${TRACE}one two \ufffdé\r\n`);
  }
});

Deno.test("an empty message is the Received field alone", async () => {
  const [transaction, mail] = await new Pair().both();
  const answer = send(transaction);
  assertEquals(await mail.text(), TRACE);
  mail.refuse();
  assertEquals(await answer, reply(554, "5.0.0", "Message refused"));
});

Deno.test("a message cannot be read twice, whole or in part", async () => {
  const [transaction, mail] = await new Pair().both();
  const answer = send(transaction, "one", "two");
  for await (const _ of mail.content) break;
  for (const again of [() => mail.bytes(), () => mail.text()]) {
    await assertRejects(again, Error, "Cannot read a message twice");
  }
  mail.accept();
  assertEquals(await answer, reply(250, "2.0.0", "Accepted"));
});

Deno.test("a message that is accepted or refused unread is dropped", async () => {
  const full = new SmtpError(452, "4.2.2", "Mailbox full");
  const table: [(mail: IncomingMail) => void, Reply][] = [
    [(mail) => mail.accept(), reply(250, "2.0.0", "Accepted")],
    [(mail) => mail.accept(reply(250, "2.6.0", "Kept as 17")), reply(250, "2.6.0", "Kept as 17")],
    [(mail) => mail.refuse(), reply(554, "5.0.0", "Message refused")],
    [(mail) => mail.refuse(full), full.reply],
  ];
  for (const [decide, expected] of table) {
    const [transaction, mail] = await new Pair().both();
    decide(mail);
    assertEquals(await send(transaction, "Subject: x\r\n", "\r\n", "body\r\n"), expected);
    await assertRejects(() => mail.bytes(), Error, "the message has its answer");
  }
});

Deno.test("an answer in the middle of the content drops the rest", async () => {
  const [transaction, mail] = await new Pair().both();
  const answer = send(transaction, "one", "two", "three");
  for await (const slice of mail.content) {
    if (slice.length !== 3) continue;
    mail.refuse();
    break;
  }
  assertEquals(await answer, reply(554, "5.0.0", "Message refused"));
});

Deno.test("the first answer counts", async () => {
  const [transaction, mail] = await new Pair().both();
  mail.refuse();
  mail.accept();
  assertEquals(await send(transaction), reply(554, "5.0.0", "Message refused"));
});

Deno.test("the client has its reply only after the message is answered", async () => {
  const [transaction, mail] = await new Pair().both();
  let isAnswered = false;
  const answer = send(transaction, "x").then(() => isAnswered = true);
  await mail.bytes();
  for (let turn = 0; turn < 30; turn++) await Promise.resolve();
  assertEquals(isAnswered, false);
  mail.accept();
  await answer;
});

Deno.test("results are one reply in SMTP and one for each recipient in LMTP", async () => {
  const results = [{ reply: reply(250, "2.0.0", "Ok") }, { reply: reply(550, "5.1.1", "No") }];
  for (const protocol of ["SMTP", "ESMTP", "LMTP"] as const) {
    const [transaction, mail] = await new Pair(protocol).both("b", "c");
    mail.accept(results);
    const replies = results.map((result) => result.reply);
    assertEquals(await send(transaction), protocol === "LMTP" ? replies : replies[1]);
  }
});

Deno.test("asking for the next message answers the last one with 451", async () => {
  const pair = new Pair();
  const [first] = await pair.both();
  const next = pair.next();
  assertEquals((await send(first, "x") as Reply).code, 451);
  const second = await pair.begin();
  (await next).accept();
  assertEquals((await send(second, "x") as Reply).code, 250);
});

Deno.test("asking for the next message does not answer the next message", async () => {
  const pair = new Pair();
  const [first, mail] = await pair.both();
  mail.accept();
  await send(first);
  const second = await pair.begin();
  const answer = send(second, "x");
  const next = await pair.next();
  assertEquals(await next.text(), `${TRACE}x`);
  next.accept();
  assertEquals((await answer as Reply).code, 250);
});

Deno.test("reading fails when the client breaks off, and it is told apart from bugs", async () => {
  const pair = new Pair();
  const [transaction, mail] = await pair.both();
  const reading = mail.bytes();
  await transaction.write(octets("Subject: x\r\n"));
  transaction.abort();
  const error = await assertRejects(() => reading, Error, "did not send the whole message");
  assertEquals(pair.queue.isBreakOff(error), true);
  for (const other of [new Error("boom"), undefined, "boom"]) {
    assertEquals(pair.queue.isBreakOff(other), false);
  }
});

Deno.test("a message that was broken off before the program saw it is not given", async () => {
  const pair = new Pair();
  (await pair.begin()).abort();
  const [transaction, mail] = await pair.both("c");
  assertEquals(mail.forwardPaths, [{ localPart: "c", domain: "example.org" }]);
  mail.accept();
  await send(transaction);
});

Deno.test("the loop ends with the session, also while it waits", async () => {
  const pair = new Pair();
  const waiting = pair.mails.next();
  pair.queue.end();
  assertEquals((await waiting).done, true);
});

Deno.test("closing answers the message that is out, and refuses what comes", async () => {
  for (const answer of [undefined, reply(552, "5.2.2", "Mailbox full")]) {
    const pair = new Pair();
    const [first] = await pair.both();
    const second = await pair.queue.mail(pair.session, {
      reversePath: null,
      size: undefined,
      body: undefined,
      smtpUtf8: false,
    });
    assert(!("code" in second));
    pair.queue.close(answer);
    assertEquals((await send(first) as Reply).code, answer?.code ?? 451);
    assertEquals((await second.data(TRACE) as Reply).code, 451);
    assertEquals((await pair.mails.next()).done, true);
  }
});

Deno.test("closing answers a message that nobody saw with 451", async () => {
  const pair = new Pair();
  const transaction = await pair.begin();
  pair.queue.close(reply(552, "5.2.2", "Mailbox full"));
  assertEquals((await send(transaction, "x") as Reply).code, 451);
});

const TO: [name: string, forwardPaths?: string[]][] = [["b", ["c", "d"]], ["e"], ["f", ["g"]]];

Deno.test("a message is for those whom policy names, and each RCPT has one result in LMTP", async () => {
  const ok = reply(250, "2.0.0", "Ok");
  const later = reply(451, "4.0.0", "Later");
  const never = reply(550, "5.0.0", "Never");
  const cases: [protocol: Session["protocol"], Reply[], expected: Reply | Reply[]][] = [
    ["LMTP", [ok, ok, ok, ok], [ok, ok, ok]],
    ["LMTP", [ok, never, ok, later], [never, ok, later]],
    ["LMTP", [never, later, ok, ok], [later, ok, ok]],
    ["ESMTP", [ok, ok, never, ok], never],
  ];
  for (const [protocol, results, expected] of cases) {
    const pair = new Pair(protocol);
    const mail = { reversePath: null, smtpUtf8: false };
    const transaction = await pair.queue.mail(pair.session, mail);
    const mailbox = (localPart: string) => ({ localPart, domain: "a.test" });
    for (const [name, names] of TO) {
      const forwardPaths = names?.map(mailbox);
      await transaction.rcpt({ forwardPath: mailbox(name) }, forwardPaths && { forwardPaths });
    }
    await transaction.data(TRACE);
    const incoming = await pair.next();
    assertEquals(incoming.forwardPaths, ["c", "d", "e", "g"].map(mailbox));
    incoming.accept(results.map((reply) => ({ reply })));
    assertEquals(await send(transaction, "x\r\n"), expected);
  }
});

Deno.test("results for the recipients that the client named are none for those whom policy names", async () => {
  const pair = new Pair("LMTP");
  const transaction = await pair.queue.mail(pair.session, { reversePath: null, smtpUtf8: false });
  const forwardPath = { localPart: "b", domain: "a.test" };
  await transaction.rcpt({ forwardPath }, { forwardPaths: [forwardPath, forwardPath] });
  await transaction.data(TRACE);
  (await pair.next()).accept([{ reply: reply(250, "2.0.0", "Ok") }]);
  await assertRejects(async () => await send(transaction, "x\r\n"), TypeError, "1 replies");
});

Deno.test("a program says itself where mail goes, and no hook", async () => {
  const pair = new Pair();
  const transaction = await pair.queue.mail(pair.session, { reversePath: null, smtpUtf8: false });
  const rcpt = { forwardPath: { localPart: "b", domain: "a.test" } };
  const choose = async () => await transaction.rcpt(rcpt, { route: "mx" });
  await assertRejects(choose, TypeError, "the program says where");
});
