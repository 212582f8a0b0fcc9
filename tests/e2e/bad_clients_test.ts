/** Clients that misbehave leave nothing behind and stop nobody. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { freePort } from "../peers.ts";
import { octets } from "./corpus.ts";
import { Dialog } from "./dialog.ts";
import { Hops } from "./hops.ts";
import { assertNothingLeft, readMailbox } from "./mailbox.ts";
import {
  eventually,
  memoryTest,
  peakMemory,
  startPassThrough,
  temporaryDirectory,
} from "./smtpd.ts";

/** Says that a client wants a message to be taken, and sends a part of it. */
async function beginMail(dialog: Dialog, recipient: string): Promise<void> {
  for (const line of ["MAIL FROM:<a@client.test>", `RCPT TO:<${recipient}>`]) {
    assertEquals((await dialog.say(line)).code, 250);
  }
  assertEquals((await dialog.say("DATA")).code, 354);
  await dialog.send(octets("Subject: cut\r\n\r\n" + "a line\r\n".repeat(5000)));
}

Deno.test("a message whose client goes away in the midst of it comes to nothing", async () => {
  using directory = temporaryDirectory();
  const root = `${directory.path}/mail`;
  const port = freePort();
  const address = "127.0.0.1";
  using hops = new Hops(port, { [address]: {} });
  await using smtpd = await startPassThrough(
    ...["--local-domain", "local.test", "--maildir", root, "--route", `smtp://${address}:${port}`],
  );
  for (const recipient of ["b@local.test", "b@other.test"]) {
    const dialog = await Dialog.open(smtpd.port);
    await beginMail(dialog, recipient);
    dialog[Symbol.dispose]();
  }
  await eventually(() => hops.seen(address).ends.length > 0 || undefined);
  assertEquals(hops.seen(address).ends, ["closed"]);
  assertEquals(hops.seen(address).messages, []);
  // Its end comes through, so that nothing is still on its way when the mailbox is looked at.
  await smtpd.stop();
  assertEquals(readMailbox(`${root}/local.test/b`), []);
  assertNothingLeft(root);
});

memoryTest(
  "a line of 100 MB is refused once, and neither kept nor taken for commands",
  async () => {
    await using smtpd = await startPassThrough("--route", "discard");
    using dialog = await Dialog.open(smtpd.port);
    const block = octets("NOOP ".repeat(200_000));
    for (let sent = 0; sent < 100e6; sent += block.length) await dialog.send(block);
    const { code, text } = await dialog.say("");
    assertMatch(`${code} ${text}`, /^500 5\.5\.2 /);
    const replies = await dialog.sendMail("a@client.test", ["b@other.test"], octets("x: y\r\n"));
    assertEquals(replies.map(({ code }) => code), [250, 250, 354, 250]);
    const peak = await peakMemory(smtpd.pid);
    assert(peak < 150, `it took ${peak} MB`);
  },
);

Deno.test("30,000 commands at once get 30,000 replies", async () => {
  await using smtpd = await startPassThrough("--route", "discard");
  using dialog = await Dialog.open(smtpd.port);
  const sending = dialog.send(octets("NOOP\r\n".repeat(30_000)));
  for (let i = 0; i < 30_000; i++) assertEquals((await dialog.reply()).code, 250);
  await sending;
  assertEquals((await dialog.say("QUIT")).code, 221);
});

memoryTest("a client that reads no replies is not read from, and stops nobody", async () => {
  await using smtpd = await startPassThrough("--route", "discard");
  const deaf = await Dialog.open(smtpd.port);
  const flood = octets("NOOP\r\n".repeat(100_000));
  let taken = 0;
  const flooding = (async () => {
    for (; taken < 1000; taken++) await deaf.send(flood);
  })().catch(() => {});
  // It is held up once all buffers on the way are full.
  let before: number;
  do {
    before = taken;
    await new Promise((resolve) => setTimeout(resolve, 300));
  } while (taken > before);
  using dialog = await Dialog.open(smtpd.port);
  const replies = await dialog.sendMail("a@client.test", ["b@other.test"], octets("x: y\r\n"));
  assertEquals(replies.map(({ code }) => code), [250, 250, 354, 250]);
  deaf[Symbol.dispose]();
  await flooding;
  const peak = await peakMemory(smtpd.pid);
  assert(taken < 1000 && peak < 150, `it took ${peak} MB`);
});
