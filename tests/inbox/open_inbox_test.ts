import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { type InboxMail, openInbox, type TestInbox } from "../../lib/inbox/open_inbox.ts";
import { ListenError } from "../../lib/net/server.ts";
import { parseFault } from "../../lib/policy/faults/fault_parser.ts";
import { Faults } from "../../lib/policy/faults/faults.ts";
import { relay } from "../../lib/relay/relay.ts";
import { reply } from "../../lib/smtp/reply.ts";

/** Sends a message with this subject, and answers how it went for the recipient. */
async function send(
  { port }: Pick<TestInbox, "port">,
  subject: string,
  { to = "joe", text = "Hello" } = {},
): Promise<string> {
  const octets = new TextEncoder().encode(`Subject: ${subject}\r\n\r\n${text}\r\n`);
  const [{ status }] = await relay({
    reversePath: { localPart: "shop", domain: "example.org" },
    forwardPaths: [{ localPart: to, domain: "example.net" }],
    smtpUtf8: false,
    content: ReadableStream.from([octets]),
  }, { route: `smtp://127.0.0.1:${port}` });
  return status;
}

const subjectsOf = (mails: readonly Pick<InboxMail, "subject">[]) =>
  mails.map(({ subject }) => subject);

Deno.test("an inbox for tests gives the oldest first, and none twice", async () => {
  await using inbox = await openInbox();
  for (const subject of ["one", "two", "three"]) await send(inbox, subject);
  assertEquals((await inbox.next({ subject: "t" })).subject, "two");
  assertEquals((await inbox.next()).subject, "one");
  assertEquals((await inbox.next()).subject, "three");
  await assertRejects(() => inbox.next({}, { timeout: 0 }), Error, "no message by now");
  // What was given is still there.
  assertEquals(subjectsOf(await inbox.list()), ["three", "two", "one"]);
});

Deno.test("an inbox for tests gives none twice to those who ask at the same time", async () => {
  await using inbox = await openInbox();
  const early = [inbox.next(), inbox.next()];
  for (const subject of ["one", "two", "three", "four"]) await send(inbox, subject);
  const late = [inbox.next(), inbox.next()];
  const mails = await Promise.all([...early, ...late]);
  assertEquals(subjectsOf(mails).toSorted(), ["four", "one", "three", "two"]);
});

Deno.test("an inbox for tests waits for a message that comes later, and gives all of it", async () => {
  await using inbox = await openInbox();
  const coming = inbox.next({ to: "ANN@example.net", subject: "code" });
  await send(inbox, "Your code", { text: "It is 100200." });
  await send(inbox, "Welcome", { to: "ann" });
  const text = "Your code is 482913, or see https://example.org/?a=b.";
  await send(inbox, "Your code", { to: "ann", text });
  const { subject, codes, links, reversePath, forwardPaths, octets } = await coming;
  assertEquals([subject, codes, links], ["Your code", ["482913"], ["https://example.org/?a=b"]]);
  assertEquals([reversePath, forwardPaths], ["shop@example.org", ["ann@example.net"]]);
  const whole = new TextDecoder().decode(await octets());
  assertMatch(whole, /^Received: [^]*\r\nSubject: Your code\r\n\r\nYour code is [^]*\r\n$/);
});

Deno.test("an inbox for tests gives the octets of a part", async () => {
  await using inbox = await openInbox();
  await send(
    inbox,
    "Parts\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n" +
      "Content-Transfer-Encoding: base64",
    { text: btoa("octets") },
  );
  const mail = await inbox.next();
  assertEquals(mail.parts.map(({ index }) => index), [0]);
  assertEquals(new TextDecoder().decode(await mail.part(0)), "octets");
  assertEquals(await mail.part(1), undefined);
});

Deno.test("an inbox for tests gives all of a message of which the index has read the beginning", async () => {
  await using inbox = await openInbox();
  const octets = "x".repeat(300 * 1024);
  await send(inbox, "Large\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream", {
    text: octets.replace(/.{64}/g, "$&\r\n"),
  });
  const mail = await inbox.next();
  assertEquals(mail.problem, undefined);
  assertEquals(new TextDecoder().decode(await mail.part(0)).replaceAll(/\s/g, ""), octets);
});

Deno.test("an inbox for tests says what came instead of a message that did not", async () => {
  await using inbox = await openInbox();
  await assertRejects(
    () => inbox.next({ to: "joe@example.net" }, { timeout: 1 }),
    Error,
    "Cannot give a message: no message to joe@example.net within 1ms; nothing arrived meanwhile",
  );
  await send(inbox, "Hello");
  await assertRejects(
    () => inbox.next({ subject: "code" }, { timeout: 0 }),
    Error,
    'no message with "code" in its subject by now; 1 arrived meanwhile: "Hello" to joe@example.net',
  );
});

Deno.test("an inbox for tests ends a wait by a signal, and refuses a time that it cannot wait", async () => {
  await using inbox = await openInbox();
  const controller = new AbortController();
  const waiting = inbox.next({}, { signal: controller.signal });
  controller.abort(new Error("enough"));
  await assertRejects(() => waiting, Error, "enough");
  await send(inbox, "Hello");
  await assertRejects(() => inbox.next({}, { signal: controller.signal }), Error, "enough");
  for (const timeout of [-1, NaN, Infinity, 2 ** 31]) {
    await assertRejects(() => inbox.next({}, { timeout }), RangeError, "Cannot wait for");
  }
  assertEquals((await inbox.next()).subject, "Hello");
});

Deno.test("two inboxes for tests know nothing of each other, and one is released to the other", async () => {
  await using inbox = await openInbox();
  await using other = await openInbox();
  await send(inbox, "Hello");
  const mail = await inbox.next();
  assertEquals(await other.list(), []);
  const route = `smtp://127.0.0.1:${other.port}`;
  assertEquals(await mail.release({ route, to: ["ann@example.net"] }), true);
  const released = await other.next({ to: "ann@example.net" });
  assertEquals([released.subject, released.reversePath], ["Hello", "shop@example.org"]);
  assertEquals(await mail.release({ route }), true);
  assertEquals((await other.next({ to: "joe@example.net" })).subject, "Hello");
  assertEquals(await mail.release({ route }), false);
  await assertRejects(() => mail.release({ route: "pipe:/bin/cat" }), SyntaxError, "released by");
  await assertRejects(() => mail.release({ to: ["nobody"] }), SyntaxError);
});

Deno.test("an inbox for tests lists what fits, and is cleared", async () => {
  await using inbox = await openInbox();
  await send(inbox, "one", { text: "needle" });
  await send(inbox, "two");
  await send(inbox, "three", { to: "ann" });
  assertEquals(subjectsOf(await inbox.list({ to: "joe@example.net" })), ["two", "one"]);
  assertEquals(subjectsOf(await inbox.list({ text: "needle" })), ["one"]);
  await inbox.clear();
  assertEquals(await inbox.list(), []);
  await assertRejects(() => inbox.next({}, { timeout: 0 }), Error, "nothing arrived meanwhile");
  await send(inbox, "four");
  assertEquals((await inbox.next()).subject, "four");
});

Deno.test("an inbox for tests refuses what its hooks refuse, and holds nothing of it", async () => {
  const logged: string[] = [];
  await using inbox = await openInbox({
    hooks: {
      rcpt: (_session, { forwardPath }) =>
        forwardPath.localPart === "full" ? reply(452, "4.2.2", "Mailbox full") : undefined,
      data: (_session, { header }) =>
        header.some(({ value }) => value.includes("spam"))
          ? reply(550, "5.7.1", "No spam")
          : undefined,
    },
    log: (_level, event) => void logged.push(event),
  });
  assertEquals(await send(inbox, "Hello", { to: "full" }), "deferred");
  assertEquals(await send(inbox, "spam"), "failed");
  assertEquals(await send(inbox, "Hello"), "delivered");
  assertEquals(subjectsOf(await inbox.list()), ["Hello"]);
  assert(logged.includes("accepted"), logged.join());
});

Deno.test("an inbox for tests tells at once who waits that it is closed, and whoever asks later", async () => {
  const inbox = await openInbox();
  // One is about to look, the other waits by the time it is closed.
  const first = inbox.next();
  await inbox.list();
  const waiting = [first, inbox.next({ to: "joe@example.net" })];
  const closing = inbox[Symbol.asyncDispose]();
  for (const one of waiting) await assertRejects(() => one, Error, "is closed");
  await closing;
  await inbox[Symbol.asyncDispose]();
  await assertRejects(() => inbox.next(), Error, "closed");
  await assertRejects(() => inbox.list(), Error, "closed");
  await assertRejects(() => inbox.clear(), Error, "closed");
});

Deno.test("an inbox for tests closes with a client in the middle of a session", async () => {
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const { promise: never, resolve: letGo } = Promise.withResolvers<void>();
  const inbox = await openInbox({
    hooks: {
      rcpt: () => {
        resolve();
        return never;
      },
    },
  });
  const waiting = inbox.next();
  const sending = send(inbox, "Hello");
  await asked;
  const closing = inbox[Symbol.asyncDispose]();
  await assertRejects(() => waiting, Error, "Cannot wait: the inbox is closed");
  letGo();
  await closing;
  assertEquals(await sending, "deferred");
});

Deno.test("an inbox for tests leaves nothing open where its port is taken", async () => {
  await using inbox = await openInbox();
  await assertRejects(() => openInbox({ port: inbox.port }), ListenError);
});

Deno.test("an inbox for tests fails as it is scripted, and says how often", async () => {
  const rule = "rcpt to=ann@* times=1 reply 451 4.2.1 Later";
  const faults = new Faults([parseFault(rule)]);
  await using inbox = await openInbox({ faults });
  const statuses = [];
  for (const to of ["joe", "ann", "ann"]) statuses.push(await send(inbox, `for ${to}`, { to }));
  assertEquals(statuses, ["delivered", "deferred", "delivered"]);
  assertEquals(faults.report(), [{ rule, matched: 2, fired: 1 }]);
  assertEquals(subjectsOf(await inbox.list()), ["for ann", "for joe"]);
  const impossible = new Faults([parseFault("tls fail")]);
  await assertRejects(() => openInbox({ faults: impossible }), RangeError, "no certificate");
});
