/** Many clients at once, large messages, and an end in the midst of it. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { BackgroundProcess, freePort, peerTest } from "../peers.ts";
import { octets } from "./corpus.ts";
import { Dialog } from "./dialog.ts";
import { fileNames, readMailbox, takeApart } from "./mailbox.ts";
import { SINK_USER } from "./receivers.ts";
import {
  eventually,
  memoryTest,
  peakMemory,
  runProgram,
  startPassThrough,
  temporaryDirectory,
} from "./smtpd.ts";

const MANY = ["--max-connections", "2500", "--max-connections-per-ip", "2500"];

const decoder = new TextDecoder();

Deno.test("1,000 sessions at once are served, and every message arrives", async () => {
  using directory = temporaryDirectory();
  await using smtpd = await startPassThrough(
    ...["--local-domain", "local.test", "--maildir", `${directory.path}/mail`, ...MANY],
  );
  const dialogs: Dialog[] = [];
  try {
    for (let i = 0; i < 20; i++) {
      const some = Array.from({ length: 50 }, () => Dialog.open(smtpd.port));
      dialogs.push(...await Promise.all(some));
    }
    // Now that all of them are open, each sends its own message.
    const outcomes = await Promise.all(dialogs.map(async (dialog, i) => {
      const content = octets(`Subject: ${i}\r\n\r\nmessage ${i}\r\n`);
      const replies = await dialog.sendMail("a@client.test", [`box${i % 10}@local.test`], content);
      return replies.at(-1)!.code;
    }));
    assertEquals(new Set(outcomes), new Set([250]));
  } finally {
    for (const dialog of dialogs) dialog[Symbol.dispose]();
  }
  const subjects = Array.from({ length: 10 }, (_, i) => `${directory.path}/mail/local.test/box${i}`)
    .flatMap(readMailbox).map((file) => decoder.decode(takeApart(file).content));
  const expected = dialogs.map((_, i) => `Subject: ${i}\r\n\r\nmessage ${i}\r\n`);
  assertEquals(subjects.sort(), expected.sort());
});

peerTest({
  name: "no message of smtp-source with 1,000 sessions is lost",
  needs: ["smtp-source"],
  async fn({ "smtp-source": source }, t) {
    using directory = temporaryDirectory();
    await using smtpd = await startPassThrough(
      ...["--local-domain", "local.test", "--maildir", `${directory.path}/mail`, ...MANY],
      ...["--route", "discard"],
    );
    const send = (messages: number, to: string) =>
      runProgram(source, [
        ...["-s", "1000", "-m", `${messages}`, "-l", "2000", "-f", "a@client.test", "-t", to],
        `127.0.0.1:${smtpd.port}`,
      ]);
    await t.step("into a Maildir", async () => {
      const { code, text } = await send(2000, "box@local.test");
      assertEquals(code, 0, text);
      assertEquals(fileNames(`${directory.path}/mail/local.test/box/new`).length, 2000);
      assertEquals(fileNames(`${directory.path}/mail/local.test/box/tmp`), []);
    });
    await t.step("to a route", async () => {
      const { code, text } = await send(4000, "b@other.test");
      assertEquals(code, 0, text);
      // The log comes in batches, those of the step before among them.
      await eventually(() => smtpd.events("accepted").length >= 6000 || undefined);
      assertEquals(smtpd.events("accepted").length, 6000);
    });
  },
});

const GIBIBYTE = 1024 ** 3;

/** Sends a message of 1 GiB. */
async function sendLarge(port: number): Promise<void> {
  using dialog = await Dialog.open(port);
  assertEquals((await dialog.say("MAIL FROM:<a@client.test>")).code, 250);
  assertEquals((await dialog.say("RCPT TO:<b@other.test>")).code, 250);
  assertEquals((await dialog.say("DATA")).code, 354);
  const block = octets(`${"x".repeat(62)}\r\n`.repeat(4096));
  for (let sent = 0; sent < GIBIBYTE; sent += block.length) await dialog.send(block);
  await dialog.send(octets(".\r\n"));
  assertEquals((await dialog.reply()).code, 250);
}

memoryTest("a message of 1 GiB is discarded in less than 150 MB of memory", async () => {
  await using smtpd = await startPassThrough("--route", "discard", "--max-size", "2GiB");
  await sendLarge(smtpd.port);
  assertEquals((await smtpd.event("accepted")).size, GIBIBYTE);
  const peak = await peakMemory(smtpd.pid);
  assert(peak < 150, `it took ${peak} MB`);
});

peerTest({
  name: "a message of 1 GiB passes through in less than 150 MB of memory",
  needs: ["smtp-sink"],
  async fn({ "smtp-sink": sink }) {
    const port = freePort();
    await using receiver = new BackgroundProcess(
      sink,
      [...SINK_USER, `127.0.0.1:${port}`, "100"],
    );
    await receiver.listening(port);
    await using smtpd = await startPassThrough(
      ...["--route", `smtp://127.0.0.1:${port}`, "--max-size", "2GiB"],
    );
    await sendLarge(smtpd.port);
    assertEquals((await smtpd.event("accepted")).size, GIBIBYTE);
    const peak = await peakMemory(smtpd.pid);
    assert(peak < 150, `it took ${peak} MB`);
  },
});

/** Sends one message after the other until the server says that it goes; what was told 250 is noted. */
async function sendUntilTheEnd(
  port: number,
  client: number,
  promised: Set<string>,
): Promise<string> {
  using dialog = await Dialog.open(port);
  for (let i = 0;; i++) {
    const name = `${client}-${i}`;
    const content = octets(`Subject: ${name}\r\n\r\n${"x".repeat(1000)}\r\n`);
    try {
      const replies = await dialog.sendMail("a@client.test", ["box@local.test"], content);
      const { code, text } = replies.at(-1)!;
      if (code !== 250) return `${code} ${text}`;
      promised.add(name);
    } catch (error) {
      return String(error);
    }
  }
}

Deno.test("a server that is told to go under load keeps every message that it has promised", async () => {
  using directory = temporaryDirectory();
  const root = `${directory.path}/mail`;
  await using smtpd = await startPassThrough(
    "--local-domain",
    "local.test",
    "--maildir",
    root,
    ...MANY,
  );
  const promised = new Set<string>();
  const clients = Array.from(
    { length: 100 },
    (_, client) => sendUntilTheEnd(smtpd.port, client, promised),
  );
  await eventually(() => promised.size > 500 || undefined);
  const before = promised.size;
  await smtpd.stop();
  const farewells = await Promise.all(clients);
  assert(promised.size >= before);
  const subjects = readMailbox(`${root}/local.test/box`)
    .map((file) => /^Subject: (.*)\r\n/.exec(decoder.decode(takeApart(file).content))![1]);
  const delivered = new Set(subjects);
  assertEquals(delivered.size, subjects.length, "a message was delivered twice");
  assertEquals(promised.difference(delivered), new Set(), "a message was lost");
  assertEquals(delivered.difference(promised), new Set(), "a message came that was not promised");
  assertEquals(fileNames(`${root}/local.test/box/tmp`), []);
  // Each client was told, at the end of its message.
  for (const farewell of farewells) assertMatch(farewell, /^421 4\.3\.2 /);
});

Deno.test("a server that is told to go lets a message that is coming end, and takes no other", async () => {
  using directory = temporaryDirectory();
  const root = `${directory.path}/mail`;
  await using smtpd = await startPassThrough("--local-domain", "local.test", "--maildir", root);
  using idle = await Dialog.open(smtpd.port);
  using busy = await Dialog.open(smtpd.port);
  const stopped = Promise.withResolvers<void>();
  const replies = await busy.sendMail(
    "a@client.test",
    ["box@local.test"],
    octets("x: y\r\n\r\nz\r\n"),
    {
      async inData() {
        smtpd.stop().then(stopped.resolve, stopped.reject);
        assertEquals((await idle.reply()).code, 421);
        assert(await idle.isClosed());
        await assertRejects(() => Dialog.connect(smtpd.port), Deno.errors.ConnectionRefused);
      },
    },
  );
  assertEquals(replies.map(({ code }) => code), [250, 250, 354, 250]);
  assertEquals((await busy.reply()).code, 421);
  assert(await busy.isClosed());
  busy[Symbol.dispose]();
  await stopped.promise;
  assertEquals(readMailbox(`${root}/local.test/box`).length, 1);
});
