/** How the name system leads to a mail host, or to none. */
import { assertEquals, assertMatch } from "@std/assert";
import { freePort, peerTest } from "../peers.ts";
import type { Script } from "../relay/fake_hosts.ts";
import { octets } from "./corpus.ts";
import { Dialog } from "./dialog.ts";
import { Hops } from "./hops.ts";
import { mailHost, startNameServer } from "./name_server.ts";
import { startPassThrough, temporaryDirectory } from "./smtpd.ts";

const CONTENT = octets("Subject: mail hosts\r\n\r\nx\r\n");

const GOOD = "127.0.3.1";
const BUSY = "127.0.3.2";
const CLOSED = "127.0.3.3";
const PUT_OFF = "127.0.3.4";
const RUDE = "127.0.3.5";
const GONE = "127.0.3.6";
const NOBODY = "127.0.3.9";

const SCRIPTS: Record<string, Script> = {
  [GOOD]: {},
  [BUSY]: { greeting: "421 4.3.2 busy" },
  [CLOSED]: { greeting: "554 5.3.2 no mail here" },
  [PUT_OFF]: { mail: "451 4.7.1 later" },
  [RUDE]: { rcpt: "550 5.1.1 nobody of that name" },
  [GONE]: { rcpt: "drop" },
};

/** A domain whose first mail host is at an address, and whose second one is well. */
const withSecond = (domain: string, address: string) => [
  ...mailHost(domain, address),
  `mx-host=${domain},good.test,20`,
];

const RECORDS = [
  `address=/good.test/${GOOD}`,
  "mx-host=null.test,.,0",
  `address=/implicit.test/${GOOD}`,
  "host-record=nowhere.test,2001:db8::1",
  "mx-host=lame.test,missing.test,10",
  "mx-host=alias.test,cn.alias.test,10",
  "cname=cn.alias.test,real.alias.test",
  `host-record=real.alias.test,${GOOD}`,
  ...withSecond("dead.test", NOBODY),
  ...withSecond("busy.test", BUSY),
  ...withSecond("closed.test", CLOSED),
  ...withSecond("put-off.test", PUT_OFF),
  ...withSecond("gone.test", GONE),
  ...withSecond("rude.test", RUDE),
  "mx-host=half.test,missing.test,10",
  "mx-host=half.test,good.test,20",
  "mx-host=many.test,good.test,10",
  `address=/many.test/${NOBODY}`,
  ...mailHost("all-dead.test", NOBODY),
  "mx-host=all-dead.test,mx2.all-dead.test,20",
  `address=/mx2.all-dead.test/${NOBODY}`,
];

/** A domain, and the last reply that a client gets for mail to it. A message that is taken is at GOOD. */
const DOMAINS: readonly (readonly [domain: string, last: RegExp])[] = [
  ["good.test", /^250 2\.0\.0 good\.test\[127\.0\.3\.1\] said: 250 2\.0\.0 queued$/],
  // A null MX: the owner of the domain says that it takes no mail (RFC 7505).
  ["null.test", /^556 5\.1\.10 .*null MX/],
  // No MX record: the domain is its own mail host.
  ["implicit.test", /^250 2\.0\.0 implicit\.test\[/],
  ["no-such.test", /^550 5\.1\.2 .*does not exist/],
  // MX records that lead nowhere are an error (RFC 5321 section 5.1).
  ["lame.test", /^554 5\.4\.4 No mail host of lame\.test has an address$/],
  ["alias.test", /^250 2\.0\.0 cn\.alias\.test\[/],
  // The name server refuses to answer about domains that it does not know: nothing is known then.
  ["example.invalid", /^451 4\.4\.3 /],
  ["dead.test", /^250 2\.0\.0 good\.test\[/],
  ["busy.test", /^250 2\.0\.0 good\.test\[/],
  ["closed.test", /^250 2\.0\.0 good\.test\[/],
  ["put-off.test", /^250 2\.0\.0 good\.test\[/],
  ["gone.test", /^250 2\.0\.0 good\.test\[/],
  ["half.test", /^250 2\.0\.0 good\.test\[/],
  // What a host says of a recipient is said for the domain: no other host is asked.
  ["rude.test", /^554 5\.1\.1 mx\.rude\.test\[.* said: 550 5\.1\.1 nobody of that name$/],
  ["many.test", /^250 2\.0\.0 good\.test\[/],
  ["all-dead.test", /^451 4\.4\.1 mx2\.all-dead\.test\[.* cannot be reached: /],
  [`[${GOOD}]`, /^250 2\.0\.0 \[127\.0\.3\.1\]\[127\.0\.3\.1\] said: /],
];

peerTest({
  name: "mail goes to the hosts that the name system names",
  needs: ["dnsmasq"],
  async fn({ dnsmasq }, t) {
    using directory = temporaryDirectory();
    const port = freePort();
    await using dns = await startNameServer(dnsmasq, directory.path, RECORDS);
    using hops = new Hops(port, SCRIPTS);
    await using smtpd = await startPassThrough(
      ...["--dns", dns.address, "--mx-port", `${port}`, "--allow-local-mx"],
    );
    for (const [domain, last] of DOMAINS) {
      await t.step(domain, async () => {
        using dialog = await Dialog.open(smtpd.port);
        const before = hops.seen(GOOD).messages.length;
        const replies = await dialog.sendMail("a@client.test", [`b@${domain}`], CONTENT);
        const { code, text } = replies.at(-1)!;
        assertMatch(`${code} ${text}`, last);
        assertEquals(hops.seen(GOOD).messages.length, before + (code === 250 ? 1 : 0));
      });
    }
    for (const address of [BUSY, CLOSED, PUT_OFF, RUDE, GONE]) {
      assertEquals(hops.seen(address).messages, [], address);
    }
    await smtpd.event("attempt-failed", { hop: "mx:dead.test", host: "mx.dead.test" });
  },
});

peerTest({
  name: "mail for a domain that points at this computer is refused unless it is allowed",
  needs: ["dnsmasq"],
  async fn({ dnsmasq }, t) {
    using directory = temporaryDirectory();
    const port = freePort();
    await using dns = await startNameServer(dnsmasq, directory.path, [
      ...RECORDS,
      "address=/mapped.test/::ffff:127.0.3.1",
      "address=/private.test/10.1.2.3",
    ]);
    using hops = new Hops(port, SCRIPTS);
    await using smtpd = await startPassThrough("--dns", dns.address, "--mx-port", `${port}`);
    const domains = ["good.test", "implicit.test", "dead.test", "mapped.test", "private.test"];
    for (const domain of [...domains, `[${GOOD}]`, "[IPv6:::1]", "[IPv6:::ffff:127.0.3.1]"]) {
      await t.step(domain, async () => {
        using dialog = await Dialog.open(smtpd.port);
        const replies = await dialog.sendMail("a@client.test", [`b@${domain}`], CONTENT);
        const { code, text } = replies.at(-1)!;
        assertMatch(`${code} ${text}`, /^554 5\.4\.4 /);
      });
    }
    assertEquals(hops.seen(GOOD).commands, []);
  },
});

peerTest({
  name: "mail is not sent round in a circle",
  needs: ["dnsmasq"],
  async fn({ dnsmasq }) {
    using directory = temporaryDirectory();
    const port = freePort();
    await using dns = await startNameServer(dnsmasq, directory.path, [
      ...mailHost("own-address.test", "127.0.0.1"),
      "mx-host=own-name.test,mx.smtpd.test,10",
      `address=/mx.smtpd.test/${GOOD}`,
    ]);
    await using smtpd = await startPassThrough(
      ...["--port", `${port}`, "--mx-port", `${port}`, "--dns", dns.address, "--allow-local-mx"],
    );
    using dialog = await Dialog.open(smtpd.port);
    for (const domain of ["own-address.test", "own-name.test", "[127.0.0.1]"]) {
      await dialog.say("RSET");
      const replies = await dialog.sendMail("a@client.test", [`b@${domain}`], CONTENT);
      const { code, text } = replies.at(-1)!;
      assertMatch(`${code} ${text}`, /^554 5\.4\.6 .*loops back to myself/);
    }
  },
});

Deno.test("mail is put off while the name server is away", async () => {
  await using smtpd = await startPassThrough("--dns", `127.0.0.1:${freePort()}`);
  using dialog = await Dialog.open(smtpd.port);
  const replies = await dialog.sendMail("a@client.test", ["b@good.test"], CONTENT);
  const { code, text } = replies.at(-1)!;
  assertMatch(`${code} ${text}`, /^451 4\.4\.3 /);
});
