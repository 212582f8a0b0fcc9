/** What hooks change is what the next hop gets, whole or not at all. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { listen } from "../../lib/mod.ts";
import type { FaultPoint } from "../../lib/queue/fault.ts";
import { BackgroundProcess, freePort, peerTest } from "../peers.ts";
import { octets } from "./corpus.ts";
import { Dialog, type SeenReply } from "./dialog.ts";
import type { HookScript } from "./hook_server.ts";
import { fileNames } from "./mailbox.ts";
import { POSTFIX, type Postfix, startPostfix } from "./postfix.ts";
import { eventually, runProgram, sourceTest, temporaryDirectory } from "./smtpd.ts";

const SERVER = new URL("./hook_server.ts", import.meta.url).pathname;
const HEAD = "Subject: hello\r\nX-Secret: canary\r\nTo: list@postfix.test\r\n\r\n";
const CHANGED = "Subject: [list] hello\r\nTo: list@postfix.test\r\n\r\n";
/** Small ones are in the database, large ones in a file. */
const BODIES = {
  small: "one\r\n.two\r\n",
  large: "0123456789012345678901234567\r\n".repeat(12_000),
};

/** A server with hooks that runs. */
interface HookServer extends AsyncDisposable {
  readonly port: number;
  readonly process: BackgroundProcess;
}

async function startHookServer(
  script: HookScript,
  directory: string,
  ...flags: string[]
): Promise<HookServer> {
  const process = new BackgroundProcess(Deno.execPath(), [
    ...["run", "-q", "--no-check", "-P=test", SERVER, JSON.stringify(script)],
    ...["--host", "127.0.0.1", "--port", "0", "--hostname", "mx.smtpd.test", "--retry", "1s"],
    ...["--local-domain", "postfix.test", "--queue", `${directory}/queue`, ...flags],
  ]);
  const [, port] = await process.line(/^open (\d+)$/, 30_000);
  return {
    port: Number(port),
    process,
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

/** Sends a message by DATA or by BDAT in several chunks; answers the last reply. */
async function send(
  { port }: HookServer,
  to: readonly string[],
  message: string,
  how: "DATA" | "BDAT",
): Promise<SeenReply> {
  using dialog = await Dialog.open(port);
  if (how === "DATA") return (await dialog.sendMail("a@client.test", to, octets(message))).at(-1)!;
  await dialog.say("MAIL FROM:<a@client.test>");
  for (const recipient of to) await dialog.say(`RCPT TO:<${recipient}>`);
  const size = 50_000;
  for (let at = 0;; at += size) {
    const chunk = message.slice(at, at + size);
    const isLast = at + size >= message.length;
    await dialog.send(octets(`BDAT ${chunk.length}${isLast ? " LAST" : ""}\r\n${chunk}`));
    const reply = await dialog.reply();
    if (isLast || reply.code !== 250) return reply;
  }
}

/** What was delivered to the mailbox of a Postfix: recipients, and the message from our fields on. */
function deliveredTo({ mailbox }: Postfix): { to: string; message: string }[] {
  return fileNames(mailbox).map((name) => {
    const text = new TextDecoder("latin1").decode(Deno.readFileSync(`${mailbox}/${name}`));
    const to = /^X-Original-To: (.*)$/m.exec(text)?.[1];
    assert(to !== undefined, text.slice(0, 1000));
    return { to, message: text.slice(text.indexOf("X-Octets:")).replaceAll("\n", "\r\n") };
  });
}

const ONE = "127.0.6.1";
const TWO = "127.0.6.2";

for (const reads of [false, true]) {
  const when = reads ? "once they have read it" : "before they read it";
  peerTest({
    name: `hooks change a message ${when}, and its recipients go to two servers and a catch-all`,
    needs: [POSTFIX],
    async fn() {
      using directory = temporaryDirectory();
      const port = freePort();
      const [one, two] = await Promise.all(
        [ONE, TWO].map((address) => startPostfix(directory.path, address, {}, port)),
      );
      await using _one = one;
      await using _two = two;
      const routes = {
        one: `smtp://${ONE}:${port}`,
        catchall: `smtp://${ONE}:${port}`,
        two: `smtp://${TWO}:${port}`,
      };
      await using server = await startHookServer({ routes, reads }, directory.path);
      const to = ["one@postfix.test", "two@postfix.test", "nobody@postfix.test", "x@postfix.test"];
      let count = 0;
      for (const how of ["DATA", "BDAT"] as const) {
        for (const text of Object.values(BODIES)) {
          const body = `${how}\r\n${text}`;
          const sent = HEAD + body;
          assertEquals((await send(server, to, sent, how)).code, 250);
          count++;
          const expected = `X-Octets: ${reads ? sent.length : 0}\r\n${CHANGED}${body}`;
          for (const [postfix, whom] of [[one, ["catchall", "one"]], [two, ["two"]]] as const) {
            const all = await eventually(() => {
              const all = deliveredTo(postfix);
              return all.length >= count * whom.length ? all : undefined;
            }, () => server.process.output + postfix.log());
            assertEquals(
              all.filter(({ message }) => message === expected).map(({ to }) => to).sort(),
              whom.map((name) => `${name}@postfix.test`),
              `${how} of ${sent.length} octets`,
            );
          }
        }
      }
      const log = server.process.output;
      assertEquals(log.match(/"event":"changed"/g)?.length, count);
      assertMatch(log, /"event":"rewritten".*"recipient":"nobody@postfix\.test","to":"catchall@/);
    },
  });
}

peerTest({
  name: "a message that hooks have changed is delivered by the next server when one was killed",
  needs: [POSTFIX],
  async fn() {
    using directory = temporaryDirectory();
    const port = freePort();
    await using postfix = await startPostfix(directory.path, ONE, {}, port);
    await postfix.stop();
    const script = { routes: { one: `smtp://${ONE}:${port}` }, reads: true };
    const message = HEAD + BODIES.large;
    {
      await using first = await startHookServer(script, directory.path);
      assertEquals((await send(first, ["one@postfix.test"], message, "DATA")).code, 250);
      await first.process.stop("SIGKILL");
    }
    await postfix.start();
    await using second = await startHookServer(script, directory.path);
    const [{ message: delivered }] = await eventually(() => {
      const all = deliveredTo(postfix);
      return all.length > 0 ? all : undefined;
    }, () => second.process.output);
    assertEquals(delivered, `X-Octets: ${message.length}\r\n${CHANGED}${BODIES.large}`);
  },
});

/** Where a crash is tried, and whether the message is kept then. */
const CRASHES: [point: FaultPoint, skip: number, isKept: boolean][] = [
  ["blob-created", 0, false],
  // The second file is that of the changed message.
  ["blob-created", 1, false],
  ["blob-written", 0, false],
  ["blob-directory-synced", 0, false],
  ["commit-told", 0, true],
];

for (const [point, skip, isKept] of CRASHES) {
  sourceTest(
    `a crash at ${point} (${skip}) leaves a changed message whole or not at all`,
    async () => {
      using directory = temporaryDirectory();
      const taken: string[] = [];
      await using sink = listen({ hosts: ["127.0.0.1"] }, async (session) => {
        for await (const mail of session.process()) {
          taken.push(await mail.text());
          mail.accept();
        }
      });
      const script = { routes: { one: `smtp://127.0.0.1:${sink.port}` }, reads: true };
      const message = HEAD + BODIES.large;
      const faults = [{ point, skip, action: "kill" as const }];
      {
        await using first = await startHookServer({ ...script, faults }, directory.path);
        const answer = send(first, ["one@postfix.test"], message, "DATA").catch(() => undefined);
        assertEquals((await first.process.status).signal, "SIGKILL");
        assertEquals(await answer, undefined);
      }
      await using second = await startHookServer(script, directory.path);
      // What the first has left comes before this one.
      assertEquals((await send(second, ["one@postfix.test"], HEAD, "DATA")).code, 250);
      const count = isKept ? 2 : 1;
      await eventually(() => taken.length >= count || undefined, () => second.process.output);
      assertEquals(taken.length, count);
      const changed = taken.find((text) => text.length > 1000);
      assertEquals(
        changed?.slice(changed.indexOf("X-Octets")),
        isKept ? `X-Octets: ${message.length}\r\n${CHANGED}${BODIES.large}` : undefined,
      );
      const blobs = fileNames(`${directory.path}/queue/blobs`);
      assertEquals(blobs.length, isKept ? 1 : 0, "files that nobody names");
    },
  );
}

sourceTest(
  "without a queue hooks change what has not gone on yet, and say what they cannot",
  async () => {
    using directory = temporaryDirectory();
    const taken: string[] = [];
    await using sink = listen({ hosts: ["127.0.0.1"] }, async (session) => {
      for await (const mail of session.process()) {
        taken.push(`${mail.forwardPaths[0].localPart}: ${await mail.text()}`);
        mail.accept();
      }
    });
    const routes = { catchall: `smtp://127.0.0.1:${sink.port}` };
    for (const reads of [false, true]) {
      await using server = await startHookServer({ routes, reads }, directory.path, "--no-queue");
      const { code } = await send(server, ["x@postfix.test"], HEAD + BODIES.large, "DATA");
      assertEquals(code, reads ? 451 : 250);
      if (reads) await server.process.line(/"event":"bug".*goes on as it comes/);
    }
    assertEquals(taken.length, 1);
    assertEquals(taken[0].startsWith("catchall: Received: "), true);
    assertEquals(
      taken[0].slice(taken[0].indexOf("X-Octets")),
      `X-Octets: 0\r\n${CHANGED}${BODIES.large}`,
    );
  },
);

sourceTest("queue show tells what hooks have changed, and the size that is kept", async () => {
  using directory = temporaryDirectory();
  await using server = await startHookServer(
    { routes: { catchall: "hold" }, reads: true },
    directory.path,
  );
  const message = HEAD + BODIES.large;
  const { text } = await send(server, ["x@postfix.test"], message, "DATA");
  const [, id] = /Queued as (\w+)/.exec(text)!;
  const run = async (...args: string[]) => {
    const command = ["run", "-q", "-P", `${new URL("../../main.ts", import.meta.url).pathname}`];
    const queue = ["--queue", `${directory.path}/queue`];
    return (await runProgram(Deno.execPath(), [...command, "queue", ...args, ...queue])).text;
  };
  const shown = await run("show", id);
  assertMatch(shown, /^changed +added X-Octets, replaced Subject, removed X-Secret by a hook$/m);
  assertMatch(
    shown,
    /^to +catchall@postfix\.test\n {2}rewritten +from x@postfix\.test by a hook$/m,
  );
  assertMatch(shown, /^ {2}original +rfc822;x@postfix\.test$/m);
  assertMatch(shown, /^ {2}state +held /m);
  const { size } = JSON.parse(await run("show", "--json", id));
  const received = size - `X-Octets: ${message.length}\r\n${CHANGED}${BODIES.large}`.length;
  assert(received > 100 && received < 400, `${received} octets are left for the Received field`);
});
