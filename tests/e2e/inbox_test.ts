/** The inbox of a server that runs: mail of a client that we did not write, looked at, waited for, released. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { peerTest } from "../peers.ts";
import { handIn, startInboxServer } from "./inbox.ts";
import { fileNames } from "./mailbox.ts";
import { POSTFIX, startPostfix } from "./postfix.ts";
import { eventually, runProgram, type Smtpd, temporaryDirectory } from "./smtpd.ts";

const MESSAGE = "From: shop@client.test\r\nTo: joe@postfix.test\r\nSubject: Your code\r\n\r\n" +
  "The verification code is 482913, or follow https://client.test/verify?x=1&y=2.\r\n";

/** What the API answers, as far as tests look at it. */
interface Message {
  readonly id: string;
  readonly state: string;
  readonly subject: string;
  readonly to: readonly string[];
  readonly codes: readonly string[];
  readonly links: readonly string[];
}

/** A server with an inbox, and its API. */
async function startInbox(...flags: string[]) {
  const { smtpd, url } = await startInboxServer(...flags);
  const ask = async (path: string, init?: RequestInit) => {
    const response = await fetch(`${url}api/${path}`, init);
    const text = await response.text();
    return { status: response.status, text, json: () => JSON.parse(text) };
  };
  const post = (path: string, body: unknown) =>
    ask(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  return { smtpd, url, ask, post };
}

async function send(smtpd: Smtpd, to: string, message = MESSAGE): Promise<void> {
  await handIn(smtpd, [{ to, content: new TextEncoder().encode(message) }]);
}

peerTest({
  name: "what curl sends is in the inbox, with its code and its link",
  needs: ["curl"],
  async fn({ curl }) {
    using directory = temporaryDirectory();
    const { smtpd, url, ask } = await startInbox();
    await using _ = smtpd;
    const file = `${directory.path}/message`;
    await Deno.writeTextFile(file, MESSAGE);
    const sent = await runProgram(curl, [
      ...["-sS", "--url", `smtp://127.0.0.1:${smtpd.port}`, "--mail-from", "shop@client.test"],
      ...["--mail-rcpt", "joe@postfix.test", "--upload-file", file],
    ]);
    assertEquals(sent.code, 0, sent.text);
    const { messages: [item] } = (await ask("messages?to=JOE@postfix.test")).json();
    assertEquals([item.state, item.subject, item.from], ["held", "Your code", "shop@client.test"]);
    const found: Message = (await ask("wait?subject=code&since=1h&timeout=0s")).json();
    assertEquals(found.codes, ["482913"]);
    assertEquals(found.links, ["https://client.test/verify?x=1&y=2"]);
    const raw = await ask(`messages/${found.id}/raw`);
    assertStringIncludes(raw.text, MESSAGE.slice(MESSAGE.indexOf("The verification")));
    const page = await runProgram(curl, ["-sS", "-i", url]);
    assertMatch(page.text, /^HTTP\/1\.1 200 [^]*content-security-policy: default-src 'none'/i);
    // Only this host is meant by `--ui PORT`, and nobody who calls it by another name.
    const rebound = await runProgram(curl, [
      "-sS",
      "-i",
      "-H",
      "Host: evil.test",
      `${url}api/counts`,
    ]);
    assertMatch(rebound.text, /^HTTP\/1\.1 421 /);
  },
});

Deno.test("a wait is answered by the message that comes, and says what else came if none does", async () => {
  const { smtpd, ask } = await startInbox();
  await using _ = smtpd;
  const waiting = ask("wait?to=joe@postfix.test&timeout=30s");
  await send(smtpd, "ann@postfix.test");
  await send(smtpd, "joe@postfix.test");
  const found = await waiting;
  assertEquals([found.status, found.json().to], [200, ["joe@postfix.test"]]);
  const late = await ask("wait?to=bob@postfix.test&timeout=0s&since=1h");
  assertEquals(late.status, 408);
  assertStringIncludes(late.json().error.message, "bob@postfix.test");
});

peerTest({
  name:
    "what is released from the inbox is in the mailbox of a real server, and the ledger says so",
  needs: [POSTFIX],
  async fn() {
    using directory = temporaryDirectory();
    const { smtpd, ask, post } = await startInbox();
    await using _ = smtpd;
    await using postfix = await startPostfix(directory.path, "127.0.0.1");
    const route = `smtp://127.0.0.1:${postfix.port}`;
    await send(smtpd, "joe@postfix.test");
    await send(smtpd, "joe@elsewhere.test");
    const { messages } = (await ask("messages")).json();
    assertEquals(messages.map(({ to }: Message) => to), [["joe@elsewhere.test"], [
      "joe@postfix.test",
    ]]);
    const [other, own] = messages as Message[];
    assertEquals((await post(`messages/${own.id}/release`, { route })).status, 202);
    // To somebody else: those whom it was for get nothing.
    const body = { to: ["ann@postfix.test"], route };
    assertEquals((await post(`messages/${other.id}/release`, body)).status, 202);
    await eventually(() => fileNames(postfix.mailbox).length === 2 || undefined, postfix.log);
    const texts = fileNames(postfix.mailbox).map((name) =>
      Deno.readTextFileSync(`${postfix.mailbox}/${name}`)
    );
    const recipients = texts.map((text) => /^Delivered-To: (.*)$/m.exec(text)?.[1]).toSorted();
    assertEquals(recipients, ["ann@postfix.test", "joe@postfix.test"]);
    const ledger = await eventually(async () => {
      const { recipients, attempts } = (await ask(`messages/${other.id}/ledger`)).json();
      return attempts.length > 0 ? { recipients, attempts } : undefined;
    });
    assertEquals(
      ledger.recipients.map(({ to, state }: { to: string; state: string }) => [to, state]),
      [["joe@elsewhere.test", "held"], ["ann@postfix.test", "delivered"]],
    );
    assertEquals(ledger.attempts[0].host, "127.0.0.1");
    assertMatch(ledger.attempts[0].outcomes[0].reply.lines.join(" "), /queued as/);
    // Released again, there is nothing left to release; and a route that would run a program is none.
    assertEquals((await post(`messages/${own.id}/release`, {})).status, 409);
    const refused = await post(`messages/${other.id}/release`, { route: "pipe:/bin/cat" });
    assertEquals(refused.status, 400);
    assertStringIncludes(refused.json().error.message, "released by mx");
  },
});

Deno.test("the inbox knows its mail, what was seen and what was deleted, after kill -9", async () => {
  using directory = temporaryDirectory();
  const queue = `${directory.path}/queue`;
  const subjects: string[] = [];
  {
    const { smtpd, ask } = await startInbox("--queue", queue);
    for (const n of [1, 2, 3]) {
      await send(smtpd, `joe${n}@postfix.test`, MESSAGE.replace("Your code", `Number ${n}`));
    }
    const { messages } = (await ask("messages")).json();
    assertEquals(messages.map(({ subject }: Message) => subject), [
      "Number 3",
      "Number 2",
      "Number 1",
    ]);
    assertEquals((await ask(`messages/${messages[1].id}`, { method: "DELETE" })).status, 202);
    assertEquals((await ask(`messages/${messages[2].id}/seen`, { method: "POST" })).status, 202);
    await send(smtpd, "joe4@postfix.test", MESSAGE.replace("Your code", "Number 4"));
    await smtpd.kill();
  }
  {
    const { smtpd, ask } = await startInbox("--queue", queue);
    await using _ = smtpd;
    const { messages } = await eventually(async () => {
      const page = (await ask("messages")).json();
      return page.messages.length === 3 ? page : undefined;
    });
    for (const { subject } of messages) subjects.push(subject);
    assertEquals(subjects, ["Number 4", "Number 3", "Number 1"]);
    assert(messages.every(({ state }: Message) => state === "held"));
    const unseen = (await ask("messages?seen=false")).json().messages;
    assertEquals(unseen.map(({ subject }: Message) => subject), ["Number 4", "Number 3"]);
  }
});
