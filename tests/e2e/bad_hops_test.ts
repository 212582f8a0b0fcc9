/** What our client is told when a next hop fails, and what becomes of the message then. */
import { assertEquals, assertMatch } from "@std/assert";
import { freePort, peerTest } from "../peers.ts";
import type { Script } from "../relay/fake_hosts.ts";
import { octets } from "./corpus.ts";
import { Dialog } from "./dialog.ts";
import { Hops } from "./hops.ts";
import { mailHost, startNameServer } from "./name_server.ts";
import { readMailbox } from "./mailbox.ts";
import { eventually, startPassThrough, temporaryDirectory } from "./smtpd.ts";

const CONTENT = octets("Subject: bad hops\r\n\r\n" + "x".repeat(76).concat("\r\n").repeat(100));

/** A case: what the host does, and the last reply that our client gets. */
interface Case {
  readonly name: string;
  readonly script: Script;
  /** How far the transaction of the client gets: the replies to MAIL, RCPT, DATA and the end of data. */
  readonly codes: readonly number[];
  /** The last of them. */
  readonly last: RegExp;
}

const REFUSALS: readonly Case[] = [
  ...(["greeting", "ehlo", "mail", "rcpt"] as const).flatMap((step): Case[] => {
    const from = (answer: string): Script => ({ [step]: answer, helo: answer });
    return [
      {
        name: `4yz to ${step}`,
        script: from(`451 4.7.1 wait a while, ${step}`),
        codes: [250, 451],
        last: new RegExp(`^451 4\\.7\\.1 .* said: 451 4\\.7\\.1 wait a while, ${step}$`),
      },
      {
        name: `5yz to ${step}`,
        script: from(`550 5.7.1 go away, ${step}`),
        codes: [250, 554],
        last: new RegExp(`^554 5\\.7\\.1 .* said: 550 5\\.7\\.1 go away, ${step}$`),
      },
      {
        name: `gone at ${step}`,
        script: from("drop"),
        codes: [250, 451],
        last: /^451 4\.4\.2 .* was lost: /,
      },
    ];
  }),
  {
    name: "4yz to DATA",
    script: { data: "451 4.3.0 not now" },
    codes: [250, 250, 451],
    last: /^451 4\.3\.0 .* said: 451 4\.3\.0 not now$/,
  },
  {
    name: "5yz to DATA",
    script: { data: "554 5.7.1 never" },
    codes: [250, 250, 554],
    last: /^554 5\.7\.1 .* said: 554 5\.7\.1 never$/,
  },
  {
    name: "gone at DATA",
    script: { data: "drop" },
    codes: [250, 250, 451],
    last: /^451 4\.4\.2 .* was lost: /,
  },
  {
    name: "4yz in mail data",
    script: { during: [2000, "452 4.3.1 disk full"] },
    codes: [250, 250, 354, 451],
    last: /^451 4\.3\.1 .* said: 452 4\.3\.1 disk full$/,
  },
  {
    name: "gone in mail data",
    script: { during: [2000, "drop"] },
    codes: [250, 250, 354, 451],
    last: /^451 4\.4\.2 .* was lost: /,
  },
  {
    name: "4yz to the end of data",
    script: { result: "452 4.2.2 mailbox full" },
    codes: [250, 250, 354, 451],
    last: /^451 4\.2\.2 .* said: 452 4\.2\.2 mailbox full$/,
  },
  {
    name: "5yz to the end of data",
    script: { result: "554-5.6.0 no such\r\n554 5.6.0 content" },
    codes: [250, 250, 354, 554],
    last: /^554 5\.6\.0 .* said: 554 5\.6\.0 no such\n5\.6\.0 content$/,
  },
  {
    name: "gone at the end of data",
    script: { result: "drop" },
    codes: [250, 250, 354, 451],
    last: /^451 4\.4\.2 .* was lost: /,
  },
  {
    name: "nobody there",
    script: { connect: "refuse" },
    codes: [250, 451],
    last: /^451 4\.4\.1 .* cannot be reached: /,
  },
  { name: "all well", script: {}, codes: [250, 250, 354, 250], last: /^250 2\.0\.0 / },
];

peerTest({
  name: "the client is told what a next hop says or does at each step",
  needs: ["dnsmasq"],
  async fn({ dnsmasq }, t) {
    using directory = temporaryDirectory();
    const port = freePort();
    const hosts = REFUSALS.map((_, i) => ({
      domain: `case${i}.test`,
      address: `127.0.1.${i + 1}`,
    }));
    const lines = hosts.flatMap(({ domain, address }) => mailHost(domain, address));
    await using dns = await startNameServer(dnsmasq, directory.path, lines);
    const scripts = hosts.map(({ address }, i) => [address, REFUSALS[i].script] as const);
    using hops = new Hops(port, Object.fromEntries(scripts));
    await using smtpd = await startPassThrough(
      ...["--dns", dns.address, "--mx-port", `${port}`, "--allow-local-mx"],
      ...["--local-domain", "local.test", "--maildir", `${directory.path}/mail`],
    );
    for (const [i, { name, codes, last, script }] of REFUSALS.entries()) {
      await t.step(name, async () => {
        const { domain, address } = hosts[i];
        const seen = hops.seen(address);
        using dialog = await Dialog.open(smtpd.port);
        const inData = script.during === undefined ? undefined : async () => {
          await eventually(() => seen.content >= 2000 || undefined);
          // A host that has refused is left, so that it cannot take what comes for a message.
          const isGone = () => script.during?.[1] === "drop" || seen.ends.length > 0;
          await eventually(() => isGone() || undefined);
        };
        const replies = await dialog.sendMail("a@client.test", [`b@${domain}`], CONTENT, {
          inData,
        });
        const { code, text } = replies.at(-1)!;
        assertMatch(`${code} ${text}`, last);
        assertEquals(replies.map(({ code }) => code), codes);
        const isWhole = script.result !== undefined || name === "all well";
        assertEquals(seen.messages.length, isWhole ? 1 : 0);
        // The session of the client is none the worse for it.
        assertEquals((await dialog.say("RSET")).code, 250);
        const local = await dialog.sendMail("a@client.test", ["b@local.test"], CONTENT);
        assertEquals(local.map(({ code }) => code), [250, 250, 354, 250]);
      });
    }
    const mailbox = readMailbox(`${directory.path}/mail/local.test/b`);
    assertEquals(mailbox.length, REFUSALS.length);
  },
});
