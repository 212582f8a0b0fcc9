/** Several recipients in one transaction. Without a queue each message has one next hop at a time. */
import { assertEquals, assertMatch } from "@std/assert";
import { freePort, peerTest } from "../peers.ts";
import type { Script } from "../relay/fake_hosts.ts";
import { octets } from "./corpus.ts";
import { Dialog } from "./dialog.ts";
import { Hops } from "./hops.ts";
import { readMailbox } from "./mailbox.ts";
import { mailHost, startNameServer } from "./name_server.ts";
import { POSTFIX, startPostfix, TRIES_AGAIN_SOON } from "./postfix.ts";
import { LMTP_RECEIVERS } from "./receivers.ts";
import {
  eventually,
  runProgram,
  type Smtpd,
  startPassThrough,
  startSmtpd,
  temporaryDirectory,
} from "./smtpd.ts";

const scripts = new URL("scripts/", import.meta.url).pathname;
const CONTENT = octets("Subject: recipients\r\n\r\nx\r\n");
const ONE = "127.0.4.1";
const TWO = "127.0.4.2";

interface World extends AsyncDisposable {
  readonly smtpd: Smtpd;
  readonly directory: string;
  /** The recipients of the messages that a host took, a list for each message. */
  taken(address: string): string[][];
  /** How many messages are in the mailbox of `c@local.test`. */
  delivered(): number;
}

/** A server whose recipients at `one.test`, `two.test` and `local.test` have three next hops. */
async function startWorld(
  dnsmasq: string,
  one: Script = {},
  start = startPassThrough,
): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(temporaryDirectory()).path;
  const port = freePort();
  const lines = [...mailHost("one.test", ONE), ...mailHost("two.test", TWO)];
  const dns = stack.use(await startNameServer(dnsmasq, directory, lines));
  const hops = stack.use(new Hops(port, { [ONE]: one, [TWO]: {} }));
  const smtpd = stack.use(
    await start(
      ...["--dns", dns.address, "--mx-port", `${port}`, "--allow-local-mx"],
      ...["--local-domain", "local.test", "--maildir", `${directory}/mail`],
    ),
  );
  const moved = stack.move();
  return {
    smtpd,
    directory,
    delivered: () => readMailbox(`${directory}/mail/local.test/c`).length,
    taken(address) {
      const { commands, messages } = hops.seen(address);
      const all: string[][] = [];
      for (const line of commands) {
        if (line.startsWith("MAIL")) all.push([]);
        const recipient = /^RCPT TO:<(.*?)>/.exec(line)?.[1];
        if (recipient !== undefined) all.at(-1)!.push(recipient);
      }
      assertEquals(messages.length, all.length, "a transaction came to nothing");
      return all;
    },
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

peerTest({
  name:
    "a recipient with another next hop than the first is put off, and the others get the message",
  needs: ["dnsmasq"],
  async fn({ dnsmasq }) {
    await using world = await startWorld(dnsmasq);
    using dialog = await Dialog.open(world.smtpd.port);
    const to = ["a@one.test", "b@two.test", "c@local.test", "a2@ONE.test"];
    const replies = await dialog.sendMail("a@client.test", to, CONTENT);
    assertEquals(replies.map(({ code }) => code), [250, 250, 452, 452, 250, 354, 250]);
    assertMatch(replies[2].text, /^4\.5\.3 /);
    assertMatch(replies[3].text, /^4\.5\.3 /);
    assertEquals(world.taken(ONE), [["a@one.test", "a2@ONE.test"]]);
    assertEquals(world.taken(TWO), []);
    assertEquals(world.delivered(), 0);
  },
});

peerTest({
  name: "swaks sends to the recipients that were put off in a second run",
  needs: ["dnsmasq", "swaks"],
  async fn({ dnsmasq, swaks }) {
    await using world = await startWorld(dnsmasq);
    const run = (to: string) =>
      runProgram(swaks, [
        ...["--server", "127.0.0.1", "--port", `${world.smtpd.port}`, "--helo", "client.test"],
        ...["--from", "a@client.test", "--to", to],
      ]);
    const first = await run("c@local.test,a@one.test");
    assertMatch(first.text, /<\*\* 452 4\.5\.3 /);
    assertEquals(first.code, 0, first.text);
    assertEquals([world.delivered(), world.taken(ONE)], [1, []]);
    const second = await run("a@one.test");
    assertEquals(second.code, 0, second.text);
    assertEquals([world.delivered(), world.taken(ONE)], [1, [["a@one.test"]]]);
  },
});

peerTest({
  name: "Python smtplib names the recipients that were put off, and sends to them separately",
  needs: ["dnsmasq", "python:smtplib"],
  async fn({ dnsmasq, "python:smtplib": python }) {
    await using world = await startWorld(dnsmasq);
    const path = `${world.directory}/message`;
    Deno.writeFileSync(path, CONTENT);
    let recipients = ["a@one.test", "b@two.test", "c@local.test", "b2@two.test"];
    const rounds: string[][] = [];
    while (recipients.length > 0 && rounds.length < 5) {
      const { code, text } = await runProgram(python, [
        ...[`${scripts}smtplib_client.py`, `${world.smtpd.port}`, "a@client.test", "", path],
        ...recipients,
      ]);
      assertEquals(code, 0, text);
      const refused: Record<string, [number, string]> = JSON.parse(text);
      for (const [code] of Object.values(refused)) assertEquals(code, 452);
      recipients = Object.keys(refused);
      rounds.push(recipients);
    }
    assertEquals(rounds, [["b@two.test", "c@local.test", "b2@two.test"], ["c@local.test"], []]);
    assertEquals(world.taken(ONE), [["a@one.test"]]);
    assertEquals(world.taken(TWO), [["b@two.test", "b2@two.test"]]);
    assertEquals(world.delivered(), 1);
  },
});

peerTest({
  name: "Postfix sends to each recipient once, whatever was put off",
  needs: ["dnsmasq", POSTFIX],
  async fn({ dnsmasq }) {
    await using world = await startWorld(dnsmasq);
    await using postfix = await startPostfix(world.directory, "127.0.0.1", {
      relayhost: `[127.0.0.1]:${world.smtpd.port}`,
      ...TRIES_AGAIN_SOON,
    });
    // More than the errors that one session may make.
    const ones = Array.from({ length: 30 }, (_, i) => `a${i}@one.test`);
    const to = ["c@local.test", ...ones, "b@two.test"];
    using dialog = await Dialog.open(postfix.port);
    const replies = await dialog.sendMail("a@client.test", to, CONTENT);
    assertEquals(replies.at(-1)!.code, 250);
    await eventually(() => postfix.log().includes(": removed") || undefined, postfix.log);
    assertEquals(world.taken(ONE).flat().sort(), ones.toSorted());
    assertEquals(world.taken(TWO), [["b@two.test"]]);
    assertEquals(world.delivered(), 1);
  },
});

Deno.test("where each recipient has its own result the client sends to one at a time", async () => {
  const port = freePort();
  const address = "127.0.0.1";
  using hops = new Hops(port, { [address]: {} });
  await using smtpd = await startPassThrough("--route", `lmtp://${address}:${port}`);
  using dialog = await Dialog.open(smtpd.port);
  const to = ["a@one.test", "b@one.test"];
  const replies = await dialog.sendMail("a@client.test", to, CONTENT);
  assertEquals(replies.map(({ code }) => code), [250, 250, 452, 354, 250]);
  assertMatch(replies[2].text, /^4\.5\.3 /);
  assertEquals(hops.seen(address).messages.length, 1);
});

peerTest({
  name: "one recipient that the next hop refuses does not keep the message from the others",
  needs: ["dnsmasq"],
  async fn({ dnsmasq }) {
    await using world = await startWorld(dnsmasq, {
      rcpt: (line) => line.includes("no@") ? "550 5.1.1 nobody of that name" : "250 2.1.5 ok",
    });
    using dialog = await Dialog.open(world.smtpd.port);
    const to = ["a@one.test", "no@one.test", "b@one.test"];
    const replies = await dialog.sendMail("a@client.test", to, CONTENT);
    assertEquals(replies.map(({ code }) => code), [250, 250, 554, 250, 354, 250]);
    assertMatch(replies[2].text, /^5\.1\.1 .* said: 550 5\.1\.1 nobody of that name$/);
    assertEquals(world.taken(ONE).length, 1);
  },
});

peerTest({
  name:
    "where the next hop refuses every recipient there is no message, and another hop may follow",
  needs: ["dnsmasq"],
  async fn({ dnsmasq }) {
    await using world = await startWorld(dnsmasq, { rcpt: "550 5.1.1 nobody of that name" });
    using dialog = await Dialog.open(world.smtpd.port);
    const to = ["a@one.test", "b@one.test", "b@two.test"];
    const replies = await dialog.sendMail("a@client.test", to, CONTENT);
    assertEquals(replies.map(({ code }) => code), [250, 554, 554, 250, 354, 250]);
    assertEquals(world.taken(TWO), [["b@two.test"]]);
  },
});

peerTest({
  name: "with a queue a message goes to every next hop of its recipients, to each of them once",
  needs: ["dnsmasq"],
  async fn({ dnsmasq }) {
    await using world = await startWorld(dnsmasq, {}, startSmtpd);
    using dialog = await Dialog.open(world.smtpd.port);
    const to = ["a@one.test", "b@two.test", "c@local.test", "a2@ONE.test"];
    const replies = await dialog.sendMail("a@client.test", to, CONTENT);
    assertEquals(replies.map(({ code }) => code), [250, 250, 250, 250, 250, 354, 250]);
    const isDone = () => world.smtpd.events("delivered").length === to.length || undefined;
    await eventually(isDone, () => JSON.stringify(world.smtpd.events()));
    assertEquals(world.taken(ONE), [["a@one.test", "a2@ONE.test"]]);
    assertEquals(world.taken(TWO), [["b@two.test"]]);
    assertEquals(world.delivered(), 1);
  },
});

peerTest({
  name: "aiosmtpd gets a message once by LMTP, for the recipients that it has",
  needs: ["python:aiosmtpd"],
  async fn() {
    using directory = temporaryDirectory();
    const port = freePort();
    const kind = LMTP_RECEIVERS.find(({ needs }) => needs === "python:aiosmtpd")!;
    await using receiver = await kind.start("127.0.0.1", port, directory.path);
    await using smtpd = await startSmtpd(
      ...["--route", `lmtp://127.0.0.1:${port}`],
      ...["--local-domain", "local.test", "--maildir", `${directory.path}/mail`],
    );
    using dialog = await Dialog.open(smtpd.port);
    const to = ["b@one.test", "no@one.test", "c@one.test"];
    const replies = await dialog.sendMail("a@local.test", to, CONTENT);
    assertEquals(replies.map(({ code }) => code), [250, 250, 250, 250, 354, 250]);
    await smtpd.event("failed", { to: "no@one.test" });
    await smtpd.event("delivered", { to: "a@local.test" });
    const delivered = smtpd.events("delivered").map(({ to }) => to);
    assertEquals(delivered, ["b@one.test", "c@one.test", "a@local.test"]);
    assertEquals(receiver.take().length, 1);
    assertEquals(readMailbox(`${directory.path}/mail/local.test/a`).length, 1);
  },
});

Deno.test("with a queue each recipient by LMTP has the result that the next hop gives it", async () => {
  const port = freePort();
  const address = "127.0.0.1";
  using directory = temporaryDirectory();
  let rounds = 0;
  const perRound = [
    ["250 2.0.0 stored", "550 5.2.2 over quota", "451 4.2.0 locked"],
    ["250 2.0.0 stored"],
  ];
  const script: Script = {
    get result() {
      return perRound[rounds++];
    },
  };
  using hops = new Hops(port, { [address]: script });
  await using smtpd = await startSmtpd(
    ...["--route", `lmtp://${address}:${port}`, "--retry", "1s"],
    ...["--local-domain", "local.test", "--maildir", `${directory.path}/mail`],
  );
  using dialog = await Dialog.open(smtpd.port);
  const to = ["ok@one.test", "full@one.test", "later@one.test"];
  const replies = await dialog.sendMail("a@local.test", to, CONTENT);
  assertEquals(replies.map(({ code }) => code), [250, 250, 250, 250, 354, 250]);
  await smtpd.event("delivered", { to: "a@local.test" });
  await smtpd.event("delivered", { to: "later@one.test" });
  const fates = ["delivered", "failed", "deferred"].map((name) =>
    smtpd.events(name).map(({ to }) => to).filter((to) => to !== "a@local.test")
  );
  assertEquals(fates, [["ok@one.test", "later@one.test"], ["full@one.test"], ["later@one.test"]]);
  assertEquals(hops.seen(address).messages.length, 2);
  const [notice, ...others] = readMailbox(`${directory.path}/mail/local.test/a`);
  assertEquals(others, []);
  const text = new TextDecoder().decode(notice);
  assertMatch(text, /^Final-Recipient: rfc822; full@one\.test\r\nAction: failed\r$/m);
  assertEquals(text.includes("later@one.test"), false);
});
