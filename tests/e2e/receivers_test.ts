/** Mail that we relay arrives at real receivers octet by octet, with one field of ours above it. */
import { assertEquals, assertMatch } from "@std/assert";
import { freePort, peerTest } from "../peers.ts";
import { assertOctets, CORPUS, type Sample, withLineEnd } from "./corpus.ts";
import { Dialog, mailParameters } from "./dialog.ts";
import { splitReceived } from "./mailbox.ts";
import { mailHost, startNameServer } from "./name_server.ts";
import { LMTP_RECEIVERS, type Receiver, type ReceiverKind, SMTP_RECEIVERS } from "./receivers.ts";
import {
  eventually,
  type LogEvent,
  type Smtpd,
  startPassThrough,
  startSmtpd,
  temporaryDirectory,
} from "./smtpd.ts";

/** How the server hands mail on, and how the result of the last message that it was given is found out. */
interface Way {
  readonly name: string;
  readonly start: typeof startSmtpd;
  readonly result: (smtpd: Smtpd, last: string) => string | Promise<string>;
}

const WAYS: readonly Way[] = [
  { name: "passed through", start: startPassThrough, result: (_, last) => last },
  {
    name: "queued",
    start: startSmtpd,
    async result(smtpd, last) {
      const [, id] = /^250 2\.0\.0 Queued as (\w+)$/.exec(last)!;
      const ofMessage = (events: LogEvent[]) => events.find((event) => event.id === id);
      const { reply } = await eventually(() =>
        ofMessage([...smtpd.events("delivered"), ...smtpd.events("failed")])
      );
      return `${reply}`;
    },
  },
];

/** Sends a message through us and answers what the client was told last. */
async function sendThrough(smtpd: Smtpd, domain: string, sample: Sample): Promise<string> {
  using dialog = await Dialog.open(smtpd.port);
  const from = sample.isInternational ? "jörg@client.test" : "a@client.test";
  const parameters = mailParameters(sample);
  const replies = await dialog.sendMail(from, [`b@${domain}`], sample.content, { parameters });
  const { code, text } = replies.at(-1)!;
  return `${code} ${text}`;
}

async function checkCorpus(
  t: Deno.TestContext,
  kind: ReceiverKind,
  receiver: Receiver,
  smtpd: Smtpd,
  way: Way,
): Promise<void> {
  const samples = kind.isLate && way.start === startSmtpd ? CORPUS.slice(1, 2) : CORPUS;
  for (const sample of samples) {
    await t.step(sample.name, async () => {
      const last = await way.result(smtpd, await sendThrough(smtpd, kind.domain, sample));
      const refusal = kind.refusal?.(sample);
      if (refusal !== undefined) {
        assertMatch(last, refusal);
        assertEquals(receiver.take(), []);
        return;
      }
      assertMatch(last, /^250 /);
      const [message, ...others] = await eventually(() => {
        const taken = receiver.take();
        return taken.length > 0 ? taken : undefined;
      });
      assertEquals(others, []);
      const { received, content } = splitReceived(message);
      assertMatch(received, sample.isInternational ? / with UTF8SMTP\s/ : / with ESMTP\s/);
      assertOctets(content, withLineEnd(sample.content), sample.name);
    });
  }
  // What was refused came to nothing later either, nor was anything taken twice.
  assertEquals(receiver.take(), []);
}

/** Has notices to the senders delivered where no receiver sees them. */
function atHome(directory: string): string[] {
  return ["--local-domain", "client.test", "--maildir", `${directory}/mail`];
}

/** Each receiver with each way. */
function byWay<T>(all: Iterable<T>): [each: T, way: Way][] {
  return [...all].flatMap((each) => WAYS.map((way): [T, Way] => [each, way]));
}

for (const [[i, kind], way] of byWay(SMTP_RECEIVERS.entries())) {
  peerTest({
    name: `mail ${way.name} by MX arrives at ${kind.name} octet by octet`,
    needs: [kind.needs, "dnsmasq"],
    async fn({ dnsmasq }, t) {
      using directory = temporaryDirectory();
      const address = `127.0.0.${10 + i}`;
      const port = freePort();
      const lines = mailHost(kind.domain, address);
      await using dns = await startNameServer(dnsmasq, directory.path, lines);
      await using receiver = await kind.start(address, port, directory.path);
      await using smtpd = await way.start(
        ...["--dns", dns.address, "--mx-port", `${port}`, "--allow-local-mx"],
        ...atHome(directory.path),
      );
      await checkCorpus(t, kind, receiver, smtpd, way);
    },
  });
}

for (const [kind, way] of byWay(LMTP_RECEIVERS)) {
  peerTest({
    name: `mail ${way.name} to an lmtp:// route arrives at ${kind.name} octet by octet`,
    needs: [kind.needs],
    async fn(_, t) {
      using directory = temporaryDirectory();
      const port = freePort();
      await using receiver = await kind.start("127.0.0.1", port, directory.path);
      await using smtpd = await way.start(
        ...["--route", `lmtp://127.0.0.1:${port}`],
        ...atHome(directory.path),
      );
      await checkCorpus(t, kind, receiver, smtpd, way);
    },
  });
}
