/** Nobody relays through us but those who may, whatever an address looks like. */
import { assertEquals, assertMatch } from "@std/assert";
import { freePort, peerTest } from "../peers.ts";
import { octets } from "./corpus.ts";
import { Dialog } from "./dialog.ts";
import { Hops } from "./hops.ts";
import { mailboxNames } from "./mailbox.ts";
import { mailHost, startNameServer } from "./name_server.ts";
import { runProgram, startPassThrough, temporaryDirectory } from "./smtpd.ts";

const CONTENT = octets("Subject: relaying\r\n\r\nx\r\n");

const REFUSED = /^550 5\.7\.1 /;

/** A forward-path as a stranger writes it, and the mailbox that gets the message or the refusal. */
const PATHS: readonly (readonly [path: string, outcome: string | RegExp])[] = [
  ["<joe@local.test>", "local.test/joe"],
  ["<joe@LOCAL.Test>", "local.test/joe"],
  ["<joe@other.test>", REFUSED],
  ["<joe@sub.local.test>", REFUSED],
  ["<joe@notlocal.test>", REFUSED],
  ["<joe@local.test.other.test>", REFUSED],
  // What a local part looks like to others has no meaning here: it is a mailbox of ours.
  ["<joe%other.test@local.test>", "local.test/joe%25other.test"],
  ["<other.test!joe@local.test>", "local.test/other.test%21joe"],
  ['<"joe@other.test"@local.test>', "local.test/joe%40other.test"],
  ['<"joe@other.test>,<joe"@local.test>', "local.test/joe%40other.test%3e%2c%3cjoe"],
  ['<"../../joe"@local.test>', "local.test/%2e.%2f..%2fjoe"],
  ["<other.test/joe@local.test>", "local.test/other.test%2fjoe"],
  ["<joe%local.test@other.test>", REFUSED],
  ["<local.test!joe@other.test>", REFUSED],
  ['<"joe@local.test"@other.test>', REFUSED],
  // A source route is dropped, so the mailbox alone decides (RFC 5321 appendix C).
  ["<@other.test:joe@local.test>", "local.test/joe"],
  ["<@other.test,@another.test:joe@local.test>", "local.test/joe"],
  ["<@local.test:joe@other.test>", REFUSED],
  ["<@local.test:joe%local.test@other.test>", REFUSED],
  // Address literals are foreign, also those that lead to ourselves.
  ["<joe@[127.0.0.1]>", REFUSED],
  ["<joe@[IPv6:::1]>", REFUSED],
  ["<joe@[IPv6:::ffff:127.0.0.1]>", REFUSED],
  ["<joe@localhost>", REFUSED],
  ["<joe@mx.smtpd.test>", REFUSED],
  // Each server has a postmaster (RFC 5321 section 4.5.1).
  ["<Postmaster>", "local.test/postmaster"],
  ["<postmaster@local.test>", "local.test/postmaster"],
  ["<postmaster@other.test>", REFUSED],
  ["<postmaster@[127.0.0.1]>", REFUSED],
  // These are no paths at all.
  ["joe@local.test", /^553 5\.1\.3 /],
  ["<joe>", /^553 5\.1\.3 /],
  ["<joe@other.test@local.test>", /^553 5\.1\.3 /],
  ["<joe@local.test@other.test>", /^553 5\.1\.3 /],
  ["<joe@local.test,other.test>", /^553 5\.1\.3 /],
  ["<joe@local.test\0@other.test>", /^500 5\.5\.2 /],
  ["<joe@other.test\0.local.test>", /^500 5\.5\.2 /],
  ["<joe@local.test.>", /^553 5\.1\.3 /],
  ["<@local.test:joe>", /^553 5\.1\.3 /],
  ["<>", /^553 5\.1\.3 /],
];

/** How a client connects, and from where the server thinks it does. */
const WAYS: readonly { name: string; host: string; to: string; strangers: string; seen: string }[] =
  [
    {
      name: "IPv4",
      host: "127.0.0.1",
      to: "127.0.0.1",
      strangers: "127.0.0.2/32",
      seen: "127.0.0.1",
    },
    { name: "IPv6", host: "::1", to: "::1", strangers: "127.0.0.0/8", seen: "::1" },
    {
      name: "IPv4 to a socket of IPv6",
      host: "::",
      to: "127.0.0.1",
      strangers: "::1/128",
      seen: "127.0.0.1",
    },
  ];

/** Registers a test that needs IPv6, which not every computer has. */
function ipv6Test(name: string, fn: (t: Deno.TestContext) => Promise<void>): void {
  let ignore = false;
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
  } catch {
    ignore = true;
  }
  Deno.test({ name: ignore ? `${name} (skipped: there is no IPv6 here)` : name, ignore, fn });
}

for (const { name, host, to, strangers, seen } of WAYS) {
  const test = host.includes(":") ? ipv6Test : Deno.test;
  test(`a stranger who comes by ${name} cannot relay`, async (t) => {
    using directory = temporaryDirectory();
    const root = `${directory.path}/mail`;
    // What got past the rules would be accepted at once, and seen.
    await using smtpd = await startPassThrough(
      ...["--host", host, "--relay-from", strangers, "--route", "discard"],
      ...["--local-domain", "local.test", "--maildir", root],
    );
    for (const [path, outcome] of PATHS) {
      await t.step(path.replaceAll("\0", "NUL"), async () => {
        using dialog = await Dialog.open(smtpd.port, to);
        assertEquals((await dialog.say("MAIL FROM:<joe@local.test>")).code, 250);
        const { code, text } = await dialog.say(`RCPT TO:${path}`);
        if (outcome instanceof RegExp) {
          assertMatch(`${code} ${text}`, outcome);
          assertEquals((await dialog.say("DATA")).code, 503);
          return;
        }
        assertEquals(code, 250, text);
        assertEquals((await dialog.say("DATA")).code, 354);
        await dialog.send(octets("Subject: x\r\n\r\nx\r\n.\r\n"));
        assertEquals((await dialog.reply()).code, 250);
        assertEquals(mailboxNames(root), [outcome]);
        Deno.removeSync(root, { recursive: true });
      });
    }
    await smtpd.event("refused");
    const clients = new Set(smtpd.events("refused").map(({ client }) => client));
    assertEquals(clients, new Set([seen]));
  });
}

ipv6Test("IPv4 clients of a socket of IPv6 may relay where IPv4 may, and only there", async () => {
  for (
    const [network, code] of [["127.0.0.0/8", 250], ["::/0", 550], ["0.0.0.0/0", 250]] as const
  ) {
    await using smtpd = await startPassThrough(
      ...["--host", "::", "--relay-from", network, "--route", "discard"],
    );
    using dialog = await Dialog.open(smtpd.port);
    assertEquals((await dialog.say("MAIL FROM:<a@client.test>")).code, 250);
    assertEquals((await dialog.say("RCPT TO:<b@other.test>")).code, code, network);
  }
});

ipv6Test("this computer may relay where nothing is said, by IPv4 and by IPv6", async () => {
  await using smtpd = await startPassThrough("--host", "::", "--route", "discard");
  for (const host of ["127.0.0.1", "::1", "::ffff:127.0.0.1"]) {
    using dialog = await Dialog.open(smtpd.port, host);
    const replies = await dialog.sendMail("a@client.test", ["b@other.test"], CONTENT);
    assertEquals(replies.map(({ code }) => code), [250, 250, 354, 250]);
  }
});

peerTest({
  name: "of two clients the one who may relay can, and nothing of the other gets out",
  needs: ["dnsmasq", "swaks"],
  async fn({ dnsmasq, swaks }) {
    using directory = temporaryDirectory();
    const port = freePort();
    const address = "127.0.5.1";
    const lines = mailHost("other.test", address);
    await using dns = await startNameServer(dnsmasq, directory.path, lines);
    using hops = new Hops(port, { [address]: {} });
    await using smtpd = await startPassThrough(
      ...["--relay-from", "127.0.0.2/32", "--local-domain", "local.test"],
      ...["--maildir", `${directory.path}/mail`],
      ...["--dns", dns.address, "--mx-port", `${port}`, "--allow-local-mx"],
    );
    const send = (from: string) =>
      runProgram(swaks, [
        ...["--server", "127.0.0.1", "--port", `${smtpd.port}`, "--local-interface", from],
        ...["--from", "joe@local.test", "--to", "b@other.test", "--helo", "localhost"],
      ]);
    const stranger = await send("127.0.0.3");
    assertMatch(stranger.text, /<\*\* 550 5\.7\.1 /);
    assertEquals(stranger.code, 24);
    // Not as much as a connection was made for it.
    assertEquals(hops.seen(address).commands, []);
    const friend = await send("127.0.0.2");
    assertEquals(friend.code, 0, friend.text);
    assertEquals(hops.seen(address).messages.length, 1);
  },
});
