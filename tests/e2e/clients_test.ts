/** Mail of real clients arrives octet by octet. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { peerTest } from "../peers.ts";
import { CLIENTS } from "./clients.ts";
import { assertOctets, CORPUS, type Sample, withLineEnd } from "./corpus.ts";
import { Dialog, mailParameters } from "./dialog.ts";
import {
  assertNothingLeft,
  type Delivered,
  readMailbox,
  splitForeignReceived,
  takeApart,
} from "./mailbox.ts";
import { POSTFIX, startPostfix } from "./postfix.ts";
import {
  eventually,
  type Smtpd,
  startPassThrough,
  startSmtpd,
  temporaryDirectory,
} from "./smtpd.ts";

/** A server that delivers into a directory, and the mailbox there for one message of the corpus. */
async function startReceiving(directory: string, start = startSmtpd): Promise<{
  smtpd: Smtpd;
  recipientOf(sample: Sample, isInternational?: boolean): string;
  delivered(sample: Sample, isInternational?: boolean): Delivered | undefined;
}> {
  const root = `${directory}/mail`;
  const smtpd = await start("--local-domain", "local.test", "--maildir", root);
  return {
    smtpd,
    recipientOf: (sample, isInternational) =>
      `${isInternational ? "böx" : "box"}${CORPUS.indexOf(sample)}@local.test`,
    delivered(sample, isInternational) {
      const name = `${isInternational ? "b%c3%b6x" : "box"}${CORPUS.indexOf(sample)}`;
      const files = readMailbox(`${root}/local.test/${name}`);
      assertEquals(files.length > 1, false, "it was delivered more than once");
      return files[0] && takeApart(files[0]);
    },
  };
}

/** What the server does before it says 250. */
const WAYS = [["queued", startSmtpd], ["passed through", startPassThrough]] as const;

for (const [client, [way, start]] of CLIENTS.flatMap((c) => WAYS.map((way) => [c, way] as const))) {
  peerTest({
    name: `mail of ${client.name} that is ${way} arrives octet by octet`,
    needs: [client.needs],
    async fn(_, t) {
      using directory = temporaryDirectory();
      const { smtpd, recipientOf, delivered } = await startReceiving(directory.path, start);
      await using _smtpd = smtpd;
      for (const sample of CORPUS) {
        if (client.can?.(sample) === false) continue;
        await t.step(sample.name, async () => {
          const path = `${directory.path}/message`;
          Deno.writeFileSync(path, sample.content);
          const isInternational = sample.isInternational && client.isInternational;
          const from = isInternational ? "jörg@client.test" : "a@client.test";
          const to = [recipientOf(sample, isInternational)];
          const { code, text } = await client.send({ port: smtpd.port, from, to, path, sample });
          assertEquals(code, 0, text);
          const arrived = await eventually(() => delivered(sample, isInternational));
          assertEquals(arrived.returnPath, from);
          assertStringIncludes(arrived.received, "Received: from client.test ([127.0.0.1])");
          assertStringIncludes(arrived.received, isInternational ? "with UTF8SMTP" : "with ESMTP");
          assertOctets(arrived.content, client.sent(sample), sample.name);
        });
      }
      assertNothingLeft(`${directory.path}/mail`);
    },
  });
}

peerTest({
  name: "mail that Postfix relays to us arrives octet by octet",
  needs: [POSTFIX],
  async fn(_, t) {
    using directory = temporaryDirectory();
    const { smtpd, recipientOf, delivered } = await startReceiving(directory.path);
    await using _smtpd = smtpd;
    await using postfix = await startPostfix(directory.path, "127.0.0.1", {
      relayhost: `[127.0.0.1]:${smtpd.port}`,
      smtp_helo_name: "client.test",
      // Postfix would cut longer lines.
      smtp_line_length_limit: "0",
    });
    for (const sample of CORPUS) {
      await t.step(sample.name, async () => {
        const { content, isInternational } = sample;
        const from = isInternational ? "jörg@client.test" : "a@client.test";
        const to = recipientOf(sample, isInternational);
        using dialog = await Dialog.open(postfix.port);
        const parameters = mailParameters(sample);
        const replies = await dialog.sendMail(from, [to], content, { parameters });
        assertEquals(replies.map(({ code }) => code), [250, 250, 354, 250]);
        const arrived = await eventually(
          () => delivered(sample, isInternational),
          () => postfix.log(),
        );
        assertEquals(arrived.returnPath, from);
        assertStringIncludes(arrived.received, isInternational ? "with UTF8SMTP" : "with ESMTP");
        const { received, content: relayed } = splitForeignReceived(arrived.content, "\r\n");
        assertStringIncludes(received, "by postfix.test (Postfix)");
        assertOctets(relayed, withLineEnd(content), sample.name);
      });
    }
    assertNothingLeft(`${directory.path}/mail`);
  },
});
