/**
 * Next hops that hang. The program waits for them as long as RFC 5321 section 4.5.3.2 says, so that
 * here the same parts run in this process, with shorter times, over real sockets and a real name
 * server.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { noLog } from "../../lib/net/log.ts";
import { type Server, startServer } from "../../lib/net/server.ts";
import { DEFAULT_LIMITS } from "../../lib/net/server_options.ts";
import { relayingRules } from "../../lib/policy/relaying.ts";
import { systemDns } from "../../lib/relay/dns.ts";
import { passThrough } from "../../lib/relay/pass_through.ts";
import type { Timeouts } from "../../lib/relay/timeouts.ts";
import { freePort, peerTest } from "../peers.ts";
import type { Script } from "../relay/fake_hosts.ts";
import { joined, octets } from "./corpus.ts";
import { Dialog } from "./dialog.ts";
import { Hops } from "./hops.ts";
import { mailHost, startNameServer } from "./name_server.ts";
import { temporaryDirectory } from "./smtpd.ts";

/** A step takes this long at most. The tests that must not wait would fail by their other times. */
const SHORT = 300;

function startRelay(dnsPort: number, mxPort: number, timeouts: Partial<Timeouts>): Server {
  const relaying = relayingRules([]);
  const dns = systemDns({ nameServer: { address: "127.0.0.1", port: dnsPort } });
  return startServer({
    hosts: ["127.0.0.1"],
    services: [{ port: 0 }],
    hostname: "mx.smtpd.test",
    limits: DEFAULT_LIMITS,
    hooks: {},
    relaying,
    log: noLog,
    intake: passThrough({
      route: { kind: "mx" },
      relaying,
      remote: {
        heloName: "mx.smtpd.test",
        resolver: { dns, mxPort, allowLocal: true },
        timeouts,
      },
    }),
  });
}

const SMALL = octets("Subject: x\r\n\r\nx\r\n");
/** More than all the buffers on the way can hold, so that nobody can take it for sent. */
const LARGE = joined("Subject: x\r\n\r\n", `${"x".repeat(76)}\r\n`.repeat(200_000));

/** At which step a host hangs, which of our times is up then, and how far the client gets. */
const HANGS: readonly {
  readonly step: keyof Script;
  readonly script: Script;
  readonly timeout: keyof Timeouts;
  readonly codes: readonly number[];
  readonly content?: Uint8Array;
}[] = [
  { step: "greeting", script: { greeting: "hang" }, timeout: "greeting", codes: [250, 451] },
  { step: "ehlo", script: { ehlo: "hang" }, timeout: "greeting", codes: [250, 451] },
  {
    step: "mail",
    // The recipient comes in the same segment; the reply to it must not pass for that to MAIL.
    script: { mail: "hang", rcpt: "hang" },
    timeout: "mail",
    codes: [250, 451],
  },
  { step: "rcpt", script: { rcpt: "hang" }, timeout: "rcpt", codes: [250, 451] },
  { step: "data", script: { data: "hang" }, timeout: "data", codes: [250, 250, 451] },
  {
    step: "during",
    script: { deaf: true },
    timeout: "block",
    codes: [250, 250, 354, 451],
    content: LARGE,
  },
  { step: "result", script: { result: "hang" }, timeout: "result", codes: [250, 250, 354, 451] },
];

peerTest({
  name: "a next hop that hangs at a step is given up when the time for it is up",
  needs: ["dnsmasq"],
  async fn({ dnsmasq }, t) {
    using directory = temporaryDirectory();
    const port = freePort();
    const hosts = HANGS.map((_, i) => ({ domain: `hang${i}.test`, address: `127.0.2.${i + 1}` }));
    const lines = hosts.flatMap(({ domain, address }) => mailHost(domain, address));
    await using dns = await startNameServer(dnsmasq, directory.path, lines);
    const scripts = hosts.map(({ address }, i) => [address, HANGS[i].script] as const);
    using hops = new Hops(port, Object.fromEntries(scripts));
    for (const [i, { step, timeout, codes, content = SMALL }] of HANGS.entries()) {
      await t.step(step, async () => {
        const { domain, address } = hosts[i];
        await using server = startRelay(dns.port, port, { [timeout]: SHORT });
        using dialog = await Dialog.open(server.endpoints[0].port);
        const started = performance.now();
        const replies = await dialog.sendMail("a@client.test", [`b@${domain}`], content);
        const took = performance.now() - started;
        const { code, text } = replies.at(-1)!;
        assertMatch(`${code} ${text}`, /^451 4\.4\.2 .* was lost: the time for .* is up$/);
        assertEquals(replies.map(({ code }) => code), codes);
        assertEquals(took >= SHORT && took < 5_000, true, `it took ${took} ms`);
        assertEquals(hops.seen(address).messages.length, step === "result" ? 1 : 0);
        assertEquals((await dialog.say("NOOP")).code, 250);
      });
    }
  },
});

peerTest({
  name: "a next hop that hangs before it took a recipient is followed by the next",
  needs: ["dnsmasq"],
  async fn({ dnsmasq }, t) {
    using directory = temporaryDirectory();
    const port = freePort();
    const steps = ["greeting", "ehlo", "mail", "rcpt"] as const;
    const address = (i: number) => `127.0.2.${100 + i}`;
    const good = "127.0.2.200";
    await using dns = await startNameServer(dnsmasq, directory.path, [
      ...steps.flatMap((step, i) => [
        ...mailHost(`${step}.test`, address(i)),
        `mx-host=${step}.test,good.test,20`,
      ]),
      `address=/good.test/${good}`,
    ]);
    const scripts = steps.map((step, i) => [address(i), { [step]: "hang" }] as const);
    using hops = new Hops(port, { ...Object.fromEntries(scripts), [good]: {} });
    for (const step of steps) {
      await t.step(step, async () => {
        const timeouts = { greeting: SHORT, mail: SHORT, rcpt: SHORT };
        await using server = startRelay(dns.port, port, timeouts);
        using dialog = await Dialog.open(server.endpoints[0].port);
        const before = hops.seen(good).messages.length;
        const replies = await dialog.sendMail("a@client.test", [`b@${step}.test`], SMALL);
        assertEquals(replies.map(({ code }) => code), [250, 250, 354, 250]);
        assertEquals(hops.seen(good).messages.length, before + 1);
      });
    }
  },
});
