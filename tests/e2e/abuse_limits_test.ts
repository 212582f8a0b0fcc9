/** Limits on clients, and whom a proxy says that they are, in a server of its own process. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { peerTest } from "../peers.ts";
import { octets } from "./corpus.ts";
import { Dialog } from "./dialog.ts";
import { readMailbox } from "./mailbox.ts";
import { startNameServer } from "./name_server.ts";
import {
  eventually,
  program,
  runProgram,
  type Smtpd,
  startPassThrough,
  temporaryDirectory,
} from "./smtpd.ts";

const SIGNATURE = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10];

/** A header of version 1 for a client of IPv4. */
function header(client: string): Uint8Array {
  return octets(`PROXY TCP4 ${client} 198.51.100.1 40000 25\r\n`);
}

/** A server that believes proxies on this host, with settings of the file. */
async function startBehindProxy(
  directory: string,
  settings: Record<string, unknown> = {},
  ...flags: string[]
): Promise<Smtpd> {
  const file = `${directory}/smtpd.json`;
  await Deno.writeTextFile(file, JSON.stringify(settings));
  return await startPassThrough(
    ...["--config", file, "--local-domain", "local.test", "--maildir", `${directory}/mail`],
    ...["--proxy-protocol", "127.0.0.0/8", ...flags],
  );
}

/** Connects as a client behind the proxy; answers what it is greeted with. */
async function greetingFor(smtpd: Smtpd, client: string): Promise<string> {
  using dialog = await Dialog.begin(smtpd.port, header(client));
  const { code, text } = await dialog.reply();
  if (code === 220) await dialog.say("QUIT");
  else assert(await dialog.isClosed());
  return `${code} ${text}`;
}

Deno.test("a network that connects too often gets 421, and others are served", async () => {
  using directory = temporaryDirectory();
  await using smtpd = await startBehindProxy(directory.path, { connectionRate: "3/1h" });
  for (let i = 0; i < 3; i++) assertMatch(await greetingFor(smtpd, `192.0.2.${i}`), /^220 /);
  for (let i = 3; i < 6; i++) {
    assertMatch(
      await greetingFor(smtpd, `192.0.2.${i}`),
      /^421 4\.7\.0 Too many connections from 192\.0\.2\.0\/24: at most 3 in 60 minutes, try again in 20 minutes$/,
    );
  }
  assertMatch(await greetingFor(smtpd, "198.51.100.7"), /^220 /);
  // This host has no rate of connections.
  for (let i = 0; i < 6; i++) assertMatch(await greetingFor(smtpd, "127.0.0.1"), /^220 /);
  const refused = await smtpd.event("refused", { client: "192.0.2.5" });
  assertEquals([refused.step, refused.code], ["connect", 421]);
});

Deno.test("connections at once are those of the network behind the proxy", async () => {
  using directory = temporaryDirectory();
  await using smtpd = await startBehindProxy(directory.path, { maxConnectionsPerNetwork: 2 });
  using one = await Dialog.begin(smtpd.port, header("192.0.2.1"));
  using two = await Dialog.begin(smtpd.port, header("192.0.2.2"));
  assertEquals([(await one.reply()).code, (await two.reply()).code], [220, 220]);
  assertMatch(await greetingFor(smtpd, "192.0.2.3"), /^421 4\.3\.2 /);
  assertMatch(await greetingFor(smtpd, "192.0.3.3"), /^220 /);
  await one.say("QUIT");
  assert(await one.isClosed());
  await eventually(async () =>
    (await greetingFor(smtpd, "192.0.2.3")).startsWith("220") || undefined
  );
});

Deno.test("who guesses recipients is sent away, and comes no more for a while", async () => {
  using directory = temporaryDirectory();
  await using smtpd = await startBehindProxy(directory.path, { failureRate: "10/1h" });
  using dialog = await Dialog.begin(smtpd.port, header("192.0.2.7"));
  assertEquals((await dialog.reply()).code, 220);
  await dialog.say("EHLO client.test");
  await dialog.say("MAIL FROM:<a@client.test>");
  for (let i = 0; i < 10; i++) {
    assertEquals((await dialog.say(`RCPT TO:<guess${i}@elsewhere.test>`)).code, 550);
  }
  assertMatch(await greetingFor(smtpd, "192.0.2.8"), /^421 4\.7\.0 Too many refusals/);
  assertMatch(await greetingFor(smtpd, "198.51.100.8"), /^220 /);
});

/** Logs in from an address; answers the code of the reply, or of the refusal to connect. */
async function logIn(smtpd: Smtpd, client: string, password: string): Promise<number> {
  using dialog = await Dialog.begin(smtpd.port, header(client));
  assertEquals((await dialog.reply()).code, 220);
  await dialog.say("EHLO client.test");
  return (await dialog.say(`AUTH PLAIN ${btoa(`\0ali\0${password}`)}`)).code;
}

Deno.test("who guesses passwords is locked out, and the owner of the account is not", async () => {
  using directory = temporaryDirectory();
  const users = `${directory.path}/users`;
  const [file, ...args] = [...program, "users", "add", "ali", "--users", users];
  const added = await runProgram(file, args, { input: octets("open sesame\n") });
  assertEquals(added.code, 0, added.text);
  await using smtpd = await startBehindProxy(
    directory.path,
    { authFailures: "2/10m" },
    ...["--users", users, "--auth-without-tls"],
  );
  const start = performance.now();
  assertEquals(await logIn(smtpd, "192.0.2.1", "sesame"), 535);
  assertEquals(await logIn(smtpd, "192.0.2.2", "open"), 535);
  assert(performance.now() - start > 1_450, "the replies are held back");
  assertEquals(await logIn(smtpd, "192.0.2.3", "open sesame"), 421);
  assertEquals(await logIn(smtpd, "198.51.100.1", "open sesame"), 235);
  const refused = await smtpd.event("refused", { client: "192.0.2.3", step: "auth" });
  assertMatch(
    `${refused.reply}`,
    /^Too many failed logins from 192\.0\.2\.0\/24, try again in 10 /,
  );
});

Deno.test("a client that talks before a late greeting is sent away", async () => {
  using directory = temporaryDirectory();
  await using smtpd = await startBehindProxy(directory.path, { greetingDelay: "1s" });
  using early = await Dialog.begin(
    smtpd.port,
    octets("PROXY TCP4 192.0.2.7 198.51.100.1 40000 25\r\nEHLO client.test\r\n"),
  );
  const { code, text } = await early.reply();
  assertMatch(`${code} ${text}`, /^554 5\.5\.1 /);
  assert(await early.isClosed());
  const start = performance.now();
  assertMatch(await greetingFor(smtpd, "192.0.2.9"), /^220 /);
  assert(performance.now() - start > 900);
});

Deno.test("a trusted peer without a proper header is closed without a word", async () => {
  using directory = temporaryDirectory();
  await using smtpd = await startBehindProxy(directory.path);
  const table: [sent: Uint8Array, problem: string][] = [
    [octets("EHLO client.test\r\n"), "no PROXY header"],
    [octets("PROXY TCP4 192.0.2.7 198.51.100.1 40000\r\n"), "the line is malformed"],
    [Uint8Array.of(...SIGNATURE, 0x21, 0x11, 0, 4, 1, 2, 3, 4), "the addresses are cut short"],
  ];
  for (const [sent, reply] of table) {
    using dialog = await Dialog.begin(smtpd.port, sent);
    assert(await dialog.isClosed());
    await smtpd.event("refused", { client: "127.0.0.1", step: "proxy header", reply });
  }
});

Deno.test("ready gets its greeting from a server that takes it for a proxy", async () => {
  using directory = temporaryDirectory();
  await using smtpd = await startBehindProxy(directory.path);
  for (const [flags, exit] of [[["--proxy-protocol", "127.0.0.0/8"], 0], [[], 75]] as const) {
    const [file, ...args] = [...program, "ready", "--host", "127.0.0.1", "--port"];
    const { code, text } = await runProgram(file, [...args, `${smtpd.port}`, ...flags]);
    assertEquals(code, exit, text);
  }
});

Deno.test("a header from a peer that is not trusted is a command like any other", async () => {
  await using smtpd = await startPassThrough(
    ...["--local-domain", "local.test", "--proxy-protocol", "192.0.2.0/24", "--route", "discard"],
  );
  using dialog = await Dialog.begin(smtpd.port, header("192.0.2.7"));
  assertEquals((await dialog.reply()).code, 220);
  assertMatch((await dialog.reply()).text, /not recognized/);
  await dialog.say("EHLO client.test");
  await smtpd.event("refused", { client: "127.0.0.1", step: "command" });
});

/** What the only message in a mailbox says of its client. */
function receivedFrom(directory: string, recipient: string): string {
  const messages = readMailbox(`${directory}/mail/local.test/${recipient}`);
  assertEquals(messages.length, 1);
  const [, client] =
    /^Received: from .*\((\[.*\])\)/m.exec(new TextDecoder().decode(messages[0])) ??
      [];
  return client;
}

peerTest({
  name: "swaks speaks for a client with PROXY headers of both versions",
  needs: ["swaks"],
  async fn({ swaks }) {
    using directory = temporaryDirectory();
    await using smtpd = await startBehindProxy(directory.path);
    const addresses = {
      "4": ["192.0.2.7", "198.51.100.1"],
      "6": ["2001:db8::7", "2001:db8::1"],
    };
    for (const version of ["1", "2"]) {
      for (const [ip, [source, destination]] of Object.entries(addresses)) {
        const family = version === "1" ? `TCP${ip}` : ip === "4" ? "AF_INET" : "AF_INET6";
        const recipient = `v${version}-ip${ip}`;
        const { code, text } = await runProgram(swaks, [
          ...["--server", "127.0.0.1", "--port", `${smtpd.port}`, "--helo", "client.test"],
          ...["--from", "a@client.test", "--to", `${recipient}@local.test`],
          ...["--proxy-version", version, "--proxy-family", family],
          ...["--proxy-source", source, "--proxy-source-port", "40000"],
          ...["--proxy-dest", destination, "--proxy-dest-port", "25"],
        ]);
        assertEquals(code, 0, text);
        const shown = ip === "4" ? `[${source}]` : `[IPv6:${source}]`;
        assertEquals(receivedFrom(directory.path, recipient), shown);
        // Behind the proxy nobody may relay because the proxy could.
        const relayed = await runProgram(swaks, [
          ...["--server", "127.0.0.1", "--port", `${smtpd.port}`, "--helo", "client.test"],
          ...["--from", "a@client.test", "--to", "joe@elsewhere.test"],
          ...["--proxy-version", version, "--proxy-family", family],
          ...["--proxy-source", source, "--proxy-source-port", "40000"],
          ...["--proxy-dest", destination, "--proxy-dest-port", "25"],
        ]);
        assertMatch(relayed.text, /550 5\.7\.1/);
      }
    }
  },
});

peerTest({
  name: "curl speaks for itself with a PROXY header",
  needs: ["curl"],
  async fn({ curl }) {
    using directory = temporaryDirectory();
    await using smtpd = await startBehindProxy(directory.path);
    const { code, text } = await runProgram(curl, [
      ...["--silent", "--show-error", "--haproxy-protocol", `smtp://127.0.0.1:${smtpd.port}`],
      ...["--mail-from", "a@client.test", "--mail-rcpt", "joe@local.test", "--upload-file", "-"],
    ], { input: octets("Subject: Hello\r\n\r\nHow are you?\r\n") });
    assertEquals(code, 0, text);
    assertEquals(receivedFrom(directory.path, "joe"), "[127.0.0.1]");
  },
});

peerTest({
  name: "a client that a DNS block list has sends no mail here, and others do",
  needs: ["dnsmasq"],
  async fn({ dnsmasq }) {
    using directory = temporaryDirectory();
    const lines = [
      "host-record=7.2.0.192.bl.test,127.0.0.2",
      "host-record=8.2.0.192.bl.test,192.0.2.1",
    ];
    await using dns = await startNameServer(dnsmasq, directory.path, lines);
    await using smtpd = await startBehindProxy(
      directory.path,
      { dnsBlockLists: ["bl.test"], dns: dns.address },
    );
    const table: [client: string, said: RegExp][] = [
      ["192.0.2.7", /^550 5\.7\.1 No mail from 192\.0\.2\.7, which is listed at bl\.test$/],
      ["192.0.2.8", /^250 /],
      ["192.0.2.9", /^250 /],
    ];
    for (const [client, said] of table) {
      using dialog = await Dialog.begin(smtpd.port, header(client));
      assertEquals((await dialog.reply()).code, 220);
      await dialog.say("EHLO client.test");
      await dialog.say("MAIL FROM:<a@client.test>");
      const { code, text } = await dialog.say("RCPT TO:<joe@local.test>");
      assertMatch(`${code} ${text}`, said);
    }
  },
});

peerTest({
  name: "a client without a name that leads back to it sends no mail where names are required",
  needs: ["dnsmasq"],
  async fn({ dnsmasq }) {
    using directory = temporaryDirectory();
    const lines = [
      "local=/in-addr.arpa/",
      "host-record=named.test,192.0.2.7",
      "ptr-record=8.2.0.192.in-addr.arpa,named.test",
      "host-record=9.2.0.192.bl.test,127.0.0.2",
    ];
    await using dns = await startNameServer(dnsmasq, directory.path, lines);
    await using smtpd = await startBehindProxy(
      directory.path,
      { reverseDns: "require", dnsBlockLists: ["bl.test"], dns: dns.address },
    );
    const table: [client: string, said: RegExp][] = [
      ["192.0.2.7", /^250 /],
      ["192.0.2.8", /^450 4\.7\.25 No mail from 192\.0\.2\.8, /],
      ["192.0.2.9", /^450 4\.7\.25 /],
      ["127.0.0.1", /^250 /],
    ];
    for (const [client, said] of table) {
      using dialog = await Dialog.begin(smtpd.port, header(client));
      assertEquals((await dialog.reply()).code, 220);
      await dialog.say("EHLO client.test");
      await dialog.say("MAIL FROM:<a@client.test>");
      const { code, text } = await dialog.say("RCPT TO:<joe@local.test>");
      assertMatch(`${code} ${text}`, said);
    }
  },
});
