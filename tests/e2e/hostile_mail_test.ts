/** Mail that was made to do harm, handed in by SMTP, and looked at in a real browser. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { peerTest } from "../peers.ts";
import { IS_LIVE } from "../web/browser.ts";
import { Dialog } from "./dialog.ts";
import { CANARY } from "./hostile_html.ts";
import { hostileMail } from "./hostile_mail.ts";
import { handIn, startInboxServer } from "./inbox.ts";
import { memoryTest, peakMemory, runProgram, temporaryDirectory } from "./smtpd.ts";

/** What the driver of the browser says of one message. */
interface Finding {
  readonly what: string;
  readonly ms: number;
  readonly wrong: readonly string[];
}

/** As many parts of a message are opened in a tab of their own. */
const OPENED = 12;

/** The longest that a browser has with all of it, in milliseconds: it takes two minutes where nothing else runs. */
const PATIENCE = 600_000;

const TO = "joe@local.test";

Deno.test("mail that breaks lines or has too large a header is refused", async () => {
  await using inbox = await startInboxServer();
  for (const { what, content, refused } of hostileMail()) {
    if (refused === undefined) continue;
    using dialog = await Dialog.open(inbox.smtpd.port);
    const replies = await dialog.sendMail("mallory@evil.test", [TO], content);
    assertEquals(replies.at(-1)!.code, refused, what);
  }
});

peerTest({
  name: "hostile mail cannot act: no script runs, no other host is asked, the page stays usable",
  needs: ["node", "chromium", "npm:playwright-core"],
  async fn({ node, chromium, "npm:playwright-core": modules }) {
    using directory = temporaryDirectory();
    await using inbox = await startInboxServer("--max-size", "40MiB");
    const mails = hostileMail().filter(({ refused }) => refused === undefined);
    const ids = await handIn(inbox.smtpd, mails.map(({ content }) => ({ to: TO, content })));
    const messages = [];
    for (const [place, { what }] of mails.entries()) {
      const id = ids[place];
      const { html, parts } = await (await fetch(`${inbox.url}api/messages/${id}`)).json();
      const opened = parts.slice(0, OPENED).map(({ index }: { index: number }) => index);
      messages.push({ id, what, hasHtml: html !== undefined, parts: opened });
    }
    assert(messages.length >= 60);
    const script = new URL("scripts/look_at_mail.cjs", import.meta.url).pathname;
    // The list has the newest first.
    const order = {
      url: inbox.url,
      canary: CANARY,
      isLive: IS_LIVE,
      messages: messages.toReversed(),
    };
    const { code, text } = await runProgram(node, [script, chromium, directory.path], {
      env: { NODE_PATH: modules },
      input: new TextEncoder().encode(JSON.stringify(order)),
      patience: PATIENCE,
    });
    assertEquals(code, 0, text);
    const findings = text.trimEnd().split("\n").map((line): Finding => JSON.parse(line));
    assertEquals(findings.length, messages.length + 2);
    const images = findings.pop()!;
    assertEquals(findings.filter(({ wrong }) => wrong.length > 0), []);
    // Nothing but images is asked for where they are let, and they are.
    const asked = images.wrong.filter((what) => !what.startsWith("evil host: "));
    assert(asked.length > 20, `${asked.length} images were loaded`);
    for (const what of asked) assertMatch(what, /^request: image /);
    const slowest = findings.toSorted((a, b) => b.ms - a.ms).slice(0, 3);
    console.log(
      `${mails.length} messages; the slowest`,
      slowest.map(({ what, ms }) => `${what}: ${ms} ms`).join(", "),
      `; the server had ${Math.round(await peakMemory(inbox.smtpd.pid))} MB at most`,
    );
  },
});

memoryTest("while a message of 100 MB is opened, the API answers", async () => {
  await using inbox = await startInboxServer("--max-size", "120MiB");
  const line =
    "A line of text as there are a million of them in this message, one as the other.\r\n";
  const header = "Subject: large\r\nContent-Type: text/plain\r\n\r\n";
  const content = new TextEncoder().encode(header + line.repeat(100_000_000 / line.length));
  const [id] = await handIn(inbox.smtpd, [{ to: TO, content }]);
  const before = await peakMemory(inbox.smtpd.pid);
  let isOpen = false;
  const opening = fetch(`${inbox.url}api/messages/${id}`).then(async (response) => {
    const message = await response.json();
    isOpen = true;
    return message;
  });
  let slowest = 0;
  let count = 0;
  do {
    const begun = performance.now();
    const { total } = await (await fetch(`${inbox.url}api/counts`)).json();
    slowest = Math.max(slowest, performance.now() - begun);
    assertEquals(total, 1);
    count++;
  } while (!isOpen);
  assertMatch((await opening).problem, /too large|too many lines/);
  assert(slowest < 5_000, `the slowest answer took ${slowest} ms`);
  const after = await peakMemory(inbox.smtpd.pid);
  console.log(
    `${count} answers meanwhile, the slowest in ${Math.round(slowest)} ms; the server had`,
    `${Math.round(before)} MB at most before, ${Math.round(after)} MB after`,
  );
});
