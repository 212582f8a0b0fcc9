import { assertEquals, assertThrows } from "@std/assert";
import { memoryPair } from "../../lib/net/memory_transport.ts";
import type { Transport } from "../../lib/net/transport.ts";
import { Client } from "../../lib/relay/client.ts";
import { DEFAULT_TIMEOUTS } from "../../lib/relay/timeouts.ts";
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
  await new Promise((resolve) => setTimeout(resolve, 0));
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
