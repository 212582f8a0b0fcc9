/** A server that is given next to nothing to do by many, and passwords to refuse by many more. */
import { assert, assertEquals } from "@std/assert";
import { octets } from "./corpus.ts";
import { Crowd, knock } from "./crowd.ts";
import { clientOf, greeted, openFor, startBehindProxy } from "./proxied.ts";
import {
  eventually,
  memoryTest,
  openFiles,
  program,
  runProgram,
  temporaryDirectory,
} from "./smtpd.ts";

const IDLE = 300;
const SLOW = 100;
const MOST = IDLE + SLOW + 1;

/** One of those that nobody else's behaviour should matter to. */
const HONEST = "203.0.113.1";

memoryTest("clients that are idle or slow cost others nothing but their places", async () => {
  using directory = temporaryDirectory();
  await using smtpd = await startBehindProxy(directory.path, {}, "--max-connections", `${MOST}`);
  // The first session opens what stays open.
  (await openFor(smtpd.port, HONEST))[Symbol.dispose]();
  const before = await openFiles(smtpd.pid);
  {
    using crowd = await Crowd.gather(smtpd.port, { idle: IDLE, slow: SLOW });
    using honest = await openFor(smtpd.port, HONEST);
    const codes: number[] = [];
    const end = performance.now() + 3_000;
    const knocks = knock(smtpd.port, 100, 1_000, 30);
    while (performance.now() < end) {
      const content = octets(`Subject: ${codes.length}\r\n\r\nHow are you?\r\n`);
      const replies = await honest.sendMail("a@client.test", ["b@other.test"], content);
      codes.push(replies.at(-1)!.code);
    }
    assertEquals(new Set(codes), new Set([250]));
    assert(codes.length > 100, `only ${codes.length} messages in 3 s`);
    assertEquals(await knocks, new Map([[421, 100]]));
    assertEquals(await crowd.finish(), new Map([[250, IDLE + SLOW]]));
  }
  await eventually(async () => await openFiles(smtpd.pid) <= before || undefined);
  assertEquals(await knock(smtpd.port, 100, 2_000, 0), new Map([[220, 100]]));
});

/** How many guess, how often each of them, and how many of those guesses are looked at. */
const GUESSERS = 50;
const GUESSES = 40;
const FAILURES = 4;

/** What the guesses of one client are answered with; a session that has been ended is followed by another. */
async function guess(port: number, client: string): Promise<number[]> {
  const codes: number[] = [];
  while (codes.length < GUESSES) {
    const { dialog, greeting } = await greeted(port, client);
    using _ = dialog;
    assertEquals(greeting.code, 220);
    await dialog.say("EHLO client.test");
    for (let code = 0; codes.length < GUESSES && code !== 421; codes.push(code)) {
      ({ code } = await dialog.say(`AUTH PLAIN ${btoa(`\0ali\0guess${codes.length}`)}`));
    }
  }
  return codes;
}

memoryTest(
  "guesses from many networks lock nobody out of the account but those who guess",
  async () => {
    using directory = temporaryDirectory();
    const users = `${directory.path}/users`;
    const [file, ...args] = [...program, "users", "add", "ali", "--users", users];
    const added = await runProgram(file, args, { input: octets("open sesame\n") });
    assertEquals(added.code, 0, added.text);
    await using smtpd = await startBehindProxy(
      directory.path,
      { authFailures: `${FAILURES}/10m` },
      ...["--users", users, "--auth-without-tls"],
    );
    const logIn = async (client: string) => {
      using dialog = await openFor(smtpd.port, client);
      return (await dialog.say(`AUTH PLAIN ${btoa("\0ali\0open sesame")}`)).code;
    };
    const before = await openFiles(smtpd.pid);
    let isOver = false;
    const right = (async () => {
      const codes: number[] = [];
      while (!isOver) codes.push(await logIn(HONEST));
      return codes;
    })();
    const answers: number[] = [];
    await Promise.all(Array.from({ length: GUESSERS }, async (_, i) => {
      answers.push(...await guess(smtpd.port, clientOf(i)));
    }));
    isOver = true;
    const said = Map.groupBy(answers, (code) => code);
    assertEquals(said.get(535)?.length, GUESSERS * FAILURES);
    assertEquals(said.get(421)?.length, GUESSERS * (GUESSES - FAILURES));
    const codes = await right;
    assertEquals(new Set(codes), new Set([235]));
    assert(codes.length > 20, `only ${codes.length} logins meanwhile`);
    assertEquals(await logIn("198.51.100.1"), 235);
    assertEquals(await logIn(clientOf(1)), 421);
    await eventually(async () => await openFiles(smtpd.pid) <= before || undefined);
  },
);
