import { assertEquals, assertMatch } from "@std/assert";
import { Arriving } from "./arriving.ts";
import { settle } from "./fake_clock.ts";
import { greetedSession } from "./session_fixture.ts";

const MINUTE = 60_000;

Deno.test("connections of one network are limited at once, and those of others are not", async () => {
  await using arriving = new Arriving({ limits: { maxConnectionsPerNetwork: 2 } });
  using one = arriving.connect("192.0.2.1");
  using two = arriving.connect("192.0.2.2");
  assertMatch(await one.reply(), /^220/);
  assertMatch(await two.reply(), /^220/);
  using three = arriving.connect("192.0.2.3");
  assertEquals(await three.rest(), "421 4.3.2 Too many connections, try again later\r\n");
  for (const address of ["198.51.100.1", "127.0.0.1", "127.0.0.2", "127.0.0.3"]) {
    using other = arriving.connect(address);
    assertMatch(await other.reply(), /^220/);
  }
});

Deno.test("connections of one network are limited in a time", async () => {
  await using arriving = new Arriving({
    limits: { connectionRate: { count: 3, period: MINUTE } },
  });
  for (let i = 0; i < 3; i++) {
    using client = arriving.connect(`192.0.2.${i}`);
    assertMatch(await client.reply(), /^220/);
  }
  using refused = arriving.connect("192.0.2.9");
  assertEquals(
    await refused.rest(),
    "421 4.7.0 Too many connections from 192.0.2.0/24: at most 3 in 60 seconds, " +
      "try again in 20 seconds\r\n",
  );
  using other = arriving.connect("198.51.100.1");
  assertMatch(await other.reply(), /^220/);
  await arriving.clock.advance(20_000);
  using later = arriving.connect("192.0.2.9");
  assertMatch(await later.reply(), /^220/);
});

Deno.test("messages over the rate are put off, and the session goes on", async () => {
  await using session = await greetedSession({
    address: "192.0.2.7",
    limits: { messageRate: { count: 2, period: MINUTE } },
  });
  const { client, clock } = session;
  for (let i = 0; i < 2; i++) {
    await client.begin();
    assertMatch(await client.say("Subject: x\r\n\r\nx\r\n."), /^250/);
  }
  assertMatch(
    await client.say("MAIL FROM:<a@example.org>"),
    /^450 4\.7\.1 Too many messages from 192\.0\.2\.0\/24: at most 2 in 60 seconds/,
  );
  assertMatch(await client.say("NOOP"), /^250/);
  await clock.advance(30_000);
  assertMatch(await client.say("MAIL FROM:<a@example.org>"), /^250/);
});

Deno.test("recipients over the rate are put off, and the others get the message", async () => {
  await using session = await greetedSession({
    address: "192.0.2.7",
    limits: { recipientRate: { count: 2, period: MINUTE } },
  });
  const { client, intake } = session;
  await client.say("MAIL FROM:<a@example.org>");
  const codes = await client.sayAll(
    "RCPT TO:<a@example.org>",
    // Guessing is counted, too.
    "RCPT TO:<a@elsewhere.test>",
    "RCPT TO:<c@example.org>",
    "DATA",
  );
  assertEquals(codes, ["250", "550", "450", "354"]);
  assertMatch(await client.say("Subject: x\r\n\r\nx\r\n."), /^250/);
  assertEquals(intake.messages.map(({ forwardPaths }) => forwardPaths), [["a@example.org"]]);
});

Deno.test("a network that only collects refusals is told 421 in the end", async () => {
  await using arriving = new Arriving({
    limits: { failureRate: { count: 4, period: 4 * MINUTE } },
  });
  using client = arriving.connect("192.0.2.7");
  await client.greet();
  await client.say("MAIL FROM:<a@example.org>");
  // Of the receiver, the relaying rules and a hook alike.
  const codes = await client.sayAll(
    "RCPT TO:<joe@elsewhere.test>",
    "NONSENSE",
    "RCPT TO:<joe@>",
    "RCPT TO:<joe@elsewhere.test>",
  );
  assertEquals(codes, ["550", "500", "553", "550"]);
  using neighbour = arriving.connect("192.0.2.8");
  assertEquals(
    await neighbour.rest(),
    "421 4.7.0 Too many refusals to 192.0.2.0/24, try again in 60 seconds\r\n",
  );
  await client.say("RSET");
  assertMatch(await client.say("MAIL FROM:<a@example.org>"), /^421 4\.7\.0/);
  assertEquals(await client.rest(), "");
  await arriving.clock.advance(MINUTE);
  using again = arriving.connect("192.0.2.7");
  assertMatch(await again.reply(), /^220/);
});

Deno.test("clients that may relay send as much as they like", async () => {
  const rate = { count: 1, period: MINUTE };
  await using session = await greetedSession({
    limits: { messageRate: rate, recipientRate: rate, failureRate: rate },
  });
  for (let i = 0; i < 5; i++) {
    assertMatch(await session.client.say("VRFY"), /^5/);
    assertMatch(await session.client.begin(), /^354/);
    assertMatch(await session.client.say("Subject: x\r\n\r\nx\r\n."), /^250/);
  }
});

/** What PLAIN says for an account called `ali`. */
function plain(word: string): string {
  return btoa(`\0ali\0${word}`);
}

/** Says a word in a session of its own; answers the replies to it and to QUIT, and how long they took. */
async function tryWord(
  arriving: Arriving,
  address: string,
  word: string,
): Promise<[code: number, delay: number]> {
  using client = arriving.connect(address);
  await client.greet();
  const start = arriving.clock.now();
  let answer = "";
  client.say(`AUTH PLAIN ${plain(word)}`).then((said) => void (answer = said));
  while (answer === "") await arriving.clock.advance(100);
  return [Number(answer.slice(0, 3)), arriving.clock.now() - start];
}

Deno.test("failed logins slow down, and lock out their network and nobody else", async () => {
  await using arriving = new Arriving({ authenticates: true });
  const seen: [number, number][] = [];
  for (let i = 0; i < 12; i++) seen.push(await tryWord(arriving, `192.0.2.${i}`, "please"));
  assertEquals(seen.map(([code]) => code), [...new Array(10).fill(535), 421, 421]);
  const delays = seen.map(([, delay]) => delay - 100);
  assertEquals(delays.slice(0, 5), [400, 900, 1900, 3900, 4900]);
  // Of whatever account the attempts were, its owner is let in from elsewhere.
  assertEquals((await tryWord(arriving, "192.0.2.99", "open sesame"))[0], 421);
  assertEquals((await tryWord(arriving, "198.51.100.1", "open sesame"))[0], 235);
  await arriving.clock.advance(10 * MINUTE);
  assertEquals((await tryWord(arriving, "192.0.2.99", "open sesame"))[0], 235);
});

Deno.test("exchanges that were begun before the lock are not gone on with", async () => {
  await using arriving = new Arriving({
    authenticates: true,
    limits: { authFailures: { count: 2, period: MINUTE } },
  });
  using client = arriving.connect("192.0.2.7");
  await client.greet();
  assertMatch(await client.say("AUTH PLAIN"), /^334/);
  for (let i = 0; i < 2; i++) await tryWord(arriving, "192.0.2.8", "please");
  assertMatch(
    await client.say(plain("open sesame")),
    /^421 4\.7\.0 Too many failed logins from 192\.0\.2\.0\/24, try again in 10 minutes\r\n$/,
  );
  assertEquals(await client.rest(), "");
});

Deno.test("a client that leaves while its refusal is held back is let go", async () => {
  await using arriving = new Arriving({
    authenticates: true,
    limits: { maxConnections: 1 },
  });
  const client = arriving.connect("192.0.2.7");
  await client.greet();
  await client.send(`AUTH PLAIN ${plain("please")}\r\n`);
  await settle();
  client.close();
  await arriving.clock.advance(5_000);
  using next = arriving.connect("198.51.100.7");
  assertMatch(await next.reply(), /^220/);
});

Deno.test("messages of an account are counted for the account", async () => {
  await using arriving = new Arriving({
    authenticates: true,
    limits: {
      messageRate: { count: 1, period: MINUTE },
      accountMessageRate: { count: 2, period: MINUTE },
    },
  });
  using client = arriving.connect("192.0.2.7");
  await client.greet();
  assertMatch(await client.say(`AUTH PLAIN ${plain("open sesame")}`), /^235/);
  for (let i = 0; i < 2; i++) {
    await client.begin();
    assertMatch(await client.say("Subject: x\r\n\r\nx\r\n."), /^250/);
  }
  assertMatch(await client.say("MAIL FROM:<a@example.org>"), /^450 4\.7\.1 .* your account: /);
});
