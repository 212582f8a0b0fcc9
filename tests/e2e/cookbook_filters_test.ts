/** The recipes that ask a spam filter, with the real ones. They take seconds to start. */
import { assertEquals } from "@std/assert";
import { BackgroundProcess, freePort, peerTest } from "../peers.ts";
import { assertAttempts, serveRecipe } from "./cookbook.ts";
import { temporaryDirectory } from "./smtpd.ts";

/** What every filter takes for spam (GTUBE), and what rspamd takes for a little less. */
const GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";
const PROBABLE = GTUBE.replace("XJS", "YJS");

const HEADER = `From: Ann <ann@client.test>
To: joe@example.org
Subject: lunch
Date: Thu, 26 Nov 2026 12:00:00 +0000
Message-ID: <1@client.test>
`;
const HAM = `${HEADER}X-Spam-Flag: YES\nX-Spam: Yes\n\nShall we have lunch together at noon?\n`;
const SPAM = `${HEADER}\n${GTUBE}\n`;
const REFUSED = /^550 5\.7\.1 /;
const TAKEN = /^250 /;
const UNAVAILABLE = /^451 4\.3\.0 /;

peerTest({
  name: "spamd.js refuses what SpamAssassin takes for spam, and marks other mail",
  needs: ["spamd"],
  async fn({ spamd }) {
    using directory = temporaryDirectory();
    const port = freePort();
    const changes = { "PORT = 783": `PORT = ${port}` };
    const settings = { hooksNet: [`127.0.0.1:${port}`] };
    await using served = await serveRecipe("spamd", { changes, settings });
    await assertAttempts(served, [{ message: HAM, reply: UNAVAILABLE }]);
    await using process = new BackgroundProcess(spamd, [
      ...["--local", "--nouser-config", "--username", "nobody", "--syslog", "stderr"],
      ...["--listen", "127.0.0.1", "--port", `${port}`, "--max-children", "1"],
      ...["--min-children", "1", "--pidfile", `${directory.path}/pid`],
    ]);
    await process.line(/server started/, 60_000);
    const marked =
      /^X-Spam-Flag: NO\r\n[^]*^X-Spam-Score: -?\d+\.\d\r\n[^]*^X-Spam-Status: No, tests=[A-Z]/m;
    const large = `X-Spam-Flag: NO\n${HEADER}\n${`${"x".repeat(70)}\n`.repeat(8_000)}${GTUBE}\n`;
    await assertAttempts(served, [
      { message: SPAM, reply: REFUSED },
      { message: HAM, reply: TAKEN, delivered: ["joe", marked] },
      {
        ...{ message: large, reply: TAKEN },
        delivered: ["joe", /^Received: (?![^]*X-Spam-Flag)[^]*^x{70}\r$/m],
      },
    ]);
    await process.stop();
    await assertAttempts(served, [{ message: HAM, reply: UNAVAILABLE }]);
  },
});

/** No rules but the test patterns, neither DNS nor Redis. */
function rspamdConfig(path: string, port: number): string {
  return `
    options {
      pidfile = "${path}/pid";
      control_socket = "${path}/control mode=0600";
      tempdir = "${path}";
      filters = [];
      enable_test_patterns = true;
      dns { nameserver = ["127.0.0.1:1"]; timeout = 0.1s; retransmits = 1; }
    }
    logging { type = "console"; level = "info"; }
    metric "default" { actions { reject = 15; add_header = 6; greylist = 4; } }
    worker "normal" { bind_socket = "127.0.0.1:${port}"; count = 1; }
  `;
}

peerTest({
  name: "rspamd.js does what rspamd says",
  needs: ["rspamd"],
  async fn({ rspamd }) {
    using directory = temporaryDirectory();
    const { path } = directory;
    // Rspamd runs as another user, if this is root.
    Deno.chmodSync(path, 0o777);
    const port = freePort();
    Deno.writeTextFileSync(`${path}/rspamd.conf`, rspamdConfig(path, port));
    const changes = { "127.0.0.1:11333/": `127.0.0.1:${port}/` };
    const settings = { hooksNet: [`127.0.0.1:${port}`] };
    await using served = await serveRecipe("rspamd", { changes, settings });
    await assertAttempts(served, [{ message: HAM, reply: UNAVAILABLE }]);
    const user = Deno.uid() === 0 ? ["-u", "_rspamd", "-g", "_rspamd"] : [];
    await using process = new BackgroundProcess(rspamd, [
      ...["-f", ...user, "-c", `${path}/rspamd.conf`],
    ]);
    await process.listening(port, "127.0.0.1", 120_000);
    const large = `${HEADER}\n${`${"x".repeat(70)}\n`.repeat(20_000)}`;
    const probable = `${HEADER}\n${PROBABLE}\n`;
    await assertAttempts(served, [
      { message: SPAM, reply: REFUSED },
      {
        message: HAM,
        reply: TAKEN,
        delivered: ["joe", /^Received: (?![^]*X-Spam: Yes)[^]*^X-Spam: No\r$/m],
      },
      { message: probable, reply: TAKEN, delivered: ["joe", /^X-Spam-Action: add header\r$/m] },
      {
        from: "",
        message: large,
        reply: TAKEN,
        delivered: ["joe", /^X-Spam-Score: 0\r\n[^]*^x{70}\r$/m],
      },
    ]);
    await process.stop();
    await assertAttempts(served, [{ message: HAM, reply: UNAVAILABLE }]);
  },
});

Deno.test("a filter that never answers costs its session 451 and nobody else anything", async (t) => {
  for (const name of ["spamd", "rspamd"]) {
    await t.step(name, async () => {
      using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const { port } = listener.addr;
      await using served = await serveRecipe(name, {
        changes: {
          ...name === "spamd" ? { "PORT = 783": `PORT = ${port}` } : { ":11333/": `:${port}/` },
          "TIMEOUT = 8_000": "TIMEOUT = 300",
        },
        settings: { hooksNet: [`127.0.0.1:${port}`] },
      });
      await assertAttempts(served, [{ message: HAM, reply: UNAVAILABLE }]);
      assertEquals(served.smtpd.events("hooks-ended"), []);
      assertEquals(served.smtpd.events("hook-failed").length, 1);
    });
  }
});

Deno.test("spamd.js puts off what is more than it may hold", async () => {
  await using served = await serveRecipe("spamd", {
    changes: { "MAX_HELD = 10_000_000": "MAX_HELD = 100" },
  });
  const reply = /^451 4\.3\.2 /;
  await assertAttempts(served, [{ message: HAM, reply }, { message: HAM, reply }]);
});

Deno.test("rspamd.js tells what it knows, and takes no answer that makes no sense", async () => {
  const answers: readonly (readonly [body: string, reply: RegExp, status?: number])[] = [
    ['{"action":"greylist","score":4.5}', /^451 4\.7\.1 /],
    ['{"action":"soft reject","score":1}', /^451 4\.7\.1 /],
    ['{"action":"rewrite subject","score":7}', TAKEN],
    ['{"score":1}', UNAVAILABLE],
    ["no JSON", UNAVAILABLE],
    ['{"action":"no action","score":0}', UNAVAILABLE, 500],
    [`{"action":"no action","score":0,"x":"${"x".repeat(300_000)}"}`, UNAVAILABLE],
  ];
  const facts: Record<string, string | null>[] = [];
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      await request.text();
      const names = ["ip", "helo", "from", "rcpt"];
      facts.push(Object.fromEntries(names.map((name) => [name, request.headers.get(name)])));
      const [body, , status] = answers[facts.length - 1];
      return new Response(body, { status });
    },
  );
  const { port } = server.addr;
  await using served = await serveRecipe("rspamd", {
    changes: { ":11333/": `:${port}/` },
    settings: { hooksNet: [`127.0.0.1:${port}`] },
  });
  await assertAttempts(served, answers.map(([, reply]) => ({ message: HAM, reply })));
  assertEquals(facts.length, answers.length);
  assertEquals(facts[0], {
    ip: "127.0.0.1",
    helo: "client.test",
    from: "<a@client.test>",
    rcpt: "<joe@example.org>",
  });
});
