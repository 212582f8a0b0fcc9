import { assertEquals, assertThrows } from "@std/assert";
import { memoryPair } from "../../lib/net/memory_transport.ts";
import { endPointOf } from "../../lib/net/end_point.ts";
import { secureClient, secureServer } from "../../lib/net/tls_transport.ts";
import type { Transport } from "../../lib/net/transport.ts";
import { Client } from "../../lib/relay/client.ts";
import { DEFAULT_TIMEOUTS } from "../../lib/relay/timeouts.ts";
import { turn } from "../net/fake_clock.ts";
import { AUTHORITY, testIdentity } from "../net/tls_fixture.ts";
import { FakeClock } from "./fake_clock.ts";

const utf8 = new TextEncoder();

/** A session that has come to its mail data, whose writes fail from then on. */
async function brokenInContent() {
  const clock = new FakeClock();
  const [ours, theirs] = memoryPair();
  let isBroken = false;
  const transport: Transport = {
    ...ours,
    write: (bytes) =>
      isBroken ? Promise.reject(new Deno.errors.BrokenPipe("Broken pipe")) : ours.write(bytes),
  };
  const client = new Client(transport, { heloName: "us.test", timeouts: DEFAULT_TIMEOUTS, clock });
  await theirs.write(utf8.encode("220 x\r\n250 x\r\n"));
  assertEquals((await clock.run(client.event("greeting"))).type, "ready");
  client.mail({ reversePath: null, smtpUtf8: false });
  client.rcpt({ forwardPath: { localPart: "ann", domain: "x.test" } });
  client.data();
  const events = [client.event("mail"), client.event("rcpt"), client.event("data")];
  await theirs.write(utf8.encode("250 ok\r\n250 ok\r\n354 go\r\n"));
  assertEquals((await clock.run(events[2])).type, "go ahead");
  isBroken = true;
  return { client, clock, theirs };
}

Deno.test("client reads what the server still had to say when writing fails", async () => {
  const { client, theirs } = await brokenInContent();
  const writing = client.write(utf8.encode("x\r\n"));
  // The reply comes after the failure was noticed.
  await turn();
  assertEquals(client.ending, undefined);
  await theirs.write(utf8.encode("552 5.3.4 too big\r\n"));
  await writing;
  assertEquals(client.ending, {
    type: "closed",
    reply: { code: 552, enhanced: "5.3.4", lines: ["too big"] },
  });
});

Deno.test("client does not wait long for last words", async () => {
  const { client, clock } = await brokenInContent();
  const start = clock.now();
  await clock.run(client.write(utf8.encode("x\r\n")));
  assertEquals(client.ending, { type: "lost", text: "Broken pipe" });
  assertEquals(clock.now() - start, 2_000);
  assertEquals(clock.pending, 0);
});

Deno.test("client answers every event with its ending once it is over", async () => {
  const { client, clock } = await brokenInContent();
  client.close();
  client.close();
  await client.write(utf8.encode("x\r\n"));
  client.endOfData();
  client.mail({ reversePath: null, smtpUtf8: false });
  for (const step of ["mail", "result"] as const) {
    assertEquals(await client.event(step), {
      type: "lost",
      text: "the connection was closed here",
    });
  }
  await client.quit();
  assertEquals(clock.pending, 0);
});

Deno.test("client does not begin a session under a name that is none", () => {
  const [ours] = memoryPair();
  const options = { heloName: "a b\r\n", timeouts: DEFAULT_TIMEOUTS, clock: new FakeClock() };
  assertThrows(() => new Client(ours, options), SyntaxError, "Cannot send EHLO");
});

const AUTH_EHLO = "250-mx.test\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n";

/** A session that has come to `ready` and is offered STARTTLS. */
async function offered() {
  const [ours, theirs] = memoryPair();
  const client = new Client(ours, {
    heloName: "us.test",
    timeouts: DEFAULT_TIMEOUTS,
    clock: new FakeClock(),
  });
  await theirs.write(utf8.encode(`220 x\r\n${AUTH_EHLO}`));
  assertEquals((await client.event("greeting")).type, "ready");
  assertEquals(await line(theirs), "EHLO us.test");
  return { client, theirs };
}

/** Reads one line, octet by octet, so that nothing behind it is taken. */
async function line(transport: Transport): Promise<string> {
  const buffer = new Uint8Array(1);
  let text = "";
  while (!text.endsWith("\r\n")) {
    assertEquals(await transport.read(buffer), 1);
    text += String.fromCharCode(buffer[0]);
  }
  return text.slice(0, -2);
}

const upgrade = (transport: Transport) =>
  secureClient(transport, { serverName: "mx.test", authorities: [AUTHORITY] });

Deno.test("client goes on in TLS, with nothing read in plaintext", async () => {
  const { client, theirs } = await offered();
  const secured = client.starttls(upgrade);
  assertEquals(await line(theirs), "STARTTLS");
  await theirs.write(utf8.encode("220 2.0.0 go\r\n"));
  const server = await secureServer(theirs, testIdentity());
  assertEquals(await line(server), "EHLO us.test");
  await server.write(utf8.encode("250-mx.test\r\n250 SIZE 10\r\n"));
  const event = await secured;
  assertEquals(event.type === "ready" && [...event.facts.extensions.keys()], ["SIZE"]);
  assertEquals([client.tls?.isVerified, client.tls?.serverName], [true, "mx.test"]);
  assertEquals(endPointOf(client.tls!.certificate!)?.length, 32);
  client.mail({ reversePath: null, smtpUtf8: false });
  const mail = client.event("mail");
  assertEquals(await line(server), "MAIL FROM:<>");
  await server.write(utf8.encode("250 ok\r\n"));
  assertEquals((await mail).type, "reply");
  client.close();
});

Deno.test("client begins no handshake behind octets that came in plaintext", async () => {
  for (const forged of ["250-mx.test\r\n250 AUTH PLAIN\r\n", "2", "\x16\x03\x03"]) {
    const { client, theirs } = await offered();
    let upgrades = 0;
    const secured = client.starttls((transport) => {
      upgrades++;
      return upgrade(transport);
    });
    await line(theirs);
    await theirs.write(utf8.encode(`220 go\r\n${forged}`));
    assertEquals(await secured, {
      type: "fault",
      text: "octets came in plaintext behind the reply to STARTTLS",
    });
    assertEquals([upgrades, client.tls], [0, undefined]);
  }
});

Deno.test("client takes no reply for one that came through TLS which came beside it", async () => {
  const { client, theirs } = await offered();
  const secured = client.starttls(async (transport) => {
    // It comes after the 220 was read: the handshake finds it in place of a ServerHello.
    await theirs.write(utf8.encode("250-mx.test\r\n250 AUTH PLAIN\r\n"));
    return await upgrade(transport);
  });
  await line(theirs);
  await theirs.write(utf8.encode("220 go\r\n"));
  const event = await secured;
  assertEquals(event.type, "lost");
  assertEquals(client.isReady, false);
});

Deno.test("client goes on in plaintext where STARTTLS is refused, if it is told to", async () => {
  const { client, theirs } = await offered();
  const refused = client.starttls(upgrade);
  await line(theirs);
  await theirs.write(utf8.encode("454 4.7.0 no\r\n"));
  const event = await refused;
  assertEquals(event.type === "reply" && event.reply.code, 454);
  assertEquals([client.isReady, client.tls], [true, undefined]);
  client.close();
});

Deno.test("client ends with a session that is closed in the midst of the handshake", async () => {
  const { client, theirs } = await offered();
  const secured = client.starttls((transport) => {
    client.close();
    return upgrade(transport);
  });
  await line(theirs);
  await theirs.write(utf8.encode("220 go\r\n"));
  assertEquals(await secured, { type: "lost", text: "the connection was closed here" });
  assertEquals(client.tls, undefined);
});
