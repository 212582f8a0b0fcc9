/** Policy in a module: what it decides, and that it can harm neither the server nor its mail. */
import { assertEquals, assertMatch } from "@std/assert";
import { FORGERY } from "../hooks/hooks_fixture.ts";
import { octets } from "./corpus.ts";
import { Dialog } from "./dialog.ts";
import { fileNames, mailboxNames } from "./mailbox.ts";
import {
  eventually,
  executableTest,
  program,
  runProgram,
  type Smtpd,
  startSmtpd,
  temporaryDirectory,
} from "./smtpd.ts";

const isExecutable = Deno.env.get("TEST_SMTPD_BIN") !== undefined;
const MESSAGE = octets("Subject: hello\r\n\r\nHello\r\n");

/** How long a hook may take here. A machine that is busy must not take an honest one for slow. */
const TIMEOUT = "4s";

/** A server with hooks. */
interface Served extends AsyncDisposable {
  readonly smtpd: Smtpd;
  readonly directory: string;
  /** Writes another module in the place of the one it has. */
  write(source: string): void;
}

async function serve(source: string, settings: Record<string, unknown> = {}): Promise<Served> {
  const directory = temporaryDirectory();
  const { path } = directory;
  const write = (text: string) => Deno.writeTextFileSync(`${path}/hooks.js`, text);
  write(source);
  const config = {
    hooksTimeout: TIMEOUT,
    recipientRate: "off",
    failureRate: "off",
    maxErrors: 1000,
    ...settings,
  };
  Deno.writeTextFileSync(`${path}/smtpd.json`, JSON.stringify(config));
  const smtpd = await startSmtpd(
    ...["--config", `${path}/smtpd.json`, "--hooks", `${path}/hooks.js`],
    ...["--local-domain", "local.test", "--maildir", `${path}/mail`],
  );
  return {
    ...{ smtpd, directory: path, write },
    async [Symbol.asyncDispose]() {
      await smtpd.stop();
      directory[Symbol.dispose]();
    },
  };
}

/** The reply to one recipient, in a transaction of its own. */
async function rcpt(dialog: Dialog, localPart: string): Promise<string> {
  await dialog.say("MAIL FROM:<a@client.test>");
  const { code, text } = await dialog.say(`RCPT TO:<${localPart}@local.test>`);
  await dialog.say("RSET");
  return `${code} ${text}`;
}

/** Sends a message to one recipient; answers the last reply. */
async function send(dialog: Dialog, localPart: string, message = MESSAGE): Promise<string> {
  const replies = await dialog.sendMail("a@client.test", [`${localPart}@local.test`], message);
  const { code, text } = replies.at(-1)!;
  if (code !== 250) await dialog.say("RSET");
  return `${code} ${text}`;
}

/** Waits until so many messages were delivered to `joe`, and holds that nobody else has any. */
async function assertDelivered({ directory }: Served, count: number): Promise<void> {
  const root = `${directory}/mail`;
  const mailbox = `${root}/local.test/joe/new`;
  await eventually(() => {
    try {
      return fileNames(mailbox).length >= count || undefined;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  });
  assertEquals(fileNames(mailbox).length, count);
  assertEquals(mailboxNames(root), ["local.test/joe"]);
}

Deno.test("hooks in a file decide at every step, and messages they pass are delivered", async () => {
  await using served = await serve(
    `
    const refuse = (text) => ({ code: 550, enhanced: "5.7.1", text });
    export function helo({ heloName }) { if (heloName === "bad.test") return refuse("helo"); }
    export function mail(_session, { reversePath }) {
      if (reversePath?.localPart === "bad") return refuse("mail");
    }
    export async function rcpt(_session, { forwardPath }) {
      if (forwardPath.localPart === "nobody") return refuse("rcpt");
      if (forwardPath.domain === "elsewhere.test") return "permit";
      if (forwardPath.localPart === "bug") throw new Error("a bug");
    }
    export async function data({ remote }, { envelope, header, content }) {
      const subject = header.find(({ name }) => name === "Subject").value;
      if (subject === "header") return refuse("header " + envelope.forwardPaths.length);
      let size = 0;
      for await (const slice of content) size += slice.length;
      if (subject === "size") return refuse("size " + size + " from " + remote.address);
    }
  `,
    { bareNewline: "reject" },
  );
  using dialog = await Dialog.connect(served.smtpd.port);
  assertEquals((await dialog.say("EHLO bad.test")).text, "5.7.1 helo");
  assertEquals((await dialog.say("EHLO client.test")).code, 250);
  assertEquals((await dialog.say("MAIL FROM:<bad@client.test>")).text, "5.7.1 mail");
  assertEquals(await rcpt(dialog, "nobody"), "550 5.7.1 rcpt");
  assertMatch(await rcpt(dialog, "bug"), /^451 4\.3\.0 /);
  await served.smtpd.event("hook-failed", { step: "rcpt" });
  assertEquals(
    await send(dialog, "joe", octets("Subject: header\r\n\r\n")),
    "550 5.7.1 header 1",
  );
  const large = `Subject: size\r\n\r\n${`${"x".repeat(998)}\r\n`.repeat(3_000)}`;
  assertEquals(
    await send(dialog, "joe", octets(large)),
    `550 5.7.1 size ${large.length} from 127.0.0.1`,
  );
  assertMatch(await send(dialog, "joe", octets(large.replace("size", "fine"))), /^250 /);
  assertMatch(await send(dialog, "joe"), /^250 /);
  await assertDelivered(served, 2);
});

Deno.test("a client that goes away in a message does no harm to the hook that reads it", async () => {
  await using served = await serve(`
    export async function data(_session, { content }) {
      try {
        for await (const _ of content);
      } catch (error) {
        console.log(error.message);
        throw error;
      }
    }
  `);
  {
    using leaver = await Dialog.open(served.smtpd.port);
    await leaver.say("MAIL FROM:<a@client.test>");
    await leaver.say("RCPT TO:<joe@local.test>");
    await leaver.say("DATA");
    await leaver.send(octets(`Subject: half\r\n\r\n${"x".repeat(900)}\r\n`));
  }
  const text = "Cannot read on: the client did not send the whole message";
  await served.smtpd.event("hooks-printed", { text });
  using dialog = await Dialog.open(served.smtpd.port);
  assertMatch(await send(dialog, "joe"), /^250 /);
  await assertDelivered(served, 1);
  assertEquals(served.smtpd.events("hook-failed"), []);
  assertEquals(served.smtpd.events("hooks-ended"), []);
});

Deno.test("SIGHUP loads hooks again, and keeps the old ones where the new are bad", async () => {
  const refusing = (text: string) =>
    `export function rcpt() { return { code: 550, text: ${JSON.stringify(text)} }; }`;
  await using served = await serve(refusing("old"));
  using dialog = await Dialog.open(served.smtpd.port);
  served.write("export const rcpt = 1;");
  Deno.kill(served.smtpd.pid, "SIGHUP");
  await served.smtpd.event("hooks-bad", { error: "its export rcpt is no function" });
  assertEquals(await rcpt(dialog, "joe"), "550 old");
  served.write(refusing("new"));
  Deno.kill(served.smtpd.pid, "SIGHUP");
  await eventually(() => served.smtpd.events("hooks-loaded").length === 2 || undefined);
  assertEquals(await rcpt(dialog, "joe"), "550 new");
});

Deno.test("hooks have no way out of their process", async (t) => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let visits = 0;
  (async () => {
    for await (const connection of listener) {
      visits++;
      connection.close();
    }
  })().catch(() => {});
  using outside = temporaryDirectory();
  const secret = `${outside.path}/secret.json`;
  Deno.writeTextFileSync(secret, '{"secret":"canary"}');
  const { port } = listener.addr;
  const url = JSON.stringify(new URL(`file://${secret}`).href);
  const loading = `'imp' + 'ort(${url}, { with: { type: "json" } })'`;
  const deeds: Record<string, string> = {
    fetch: `await fetch("http://127.0.0.1:${port}/")`,
    connect: `await Deno.connect({ hostname: "127.0.0.1", port: ${port} })`,
    websocket: `await new Promise((ok, no) => {
      const socket = new WebSocket("ws://127.0.0.1:${port}/");
      socket.onopen = ok;
      socket.onerror = () => no(new Error("not connected"));
    })`,
    listen: "Deno.listen({ port: 0 })",
    datagram: `await Deno.listenDatagram({ transport: "udp", port: ${port} })`,
    dns: 'await Deno.resolveDns("example.org", "A")',
    read: `await Deno.readTextFile(${JSON.stringify(secret)})`,
    "read-itself": "await Deno.readTextFile(new URL(import.meta.url))",
    directory: `[...Deno.readDirSync(${JSON.stringify(outside.path)})]`,
    proc: 'Deno.readTextFileSync("/proc/self/environ")',
    node: `process.getBuiltinModule("node:fs").readFileSync(${JSON.stringify(secret)})`,
    write: `await Deno.writeTextFile(${JSON.stringify(secret)}, "")`,
    environment: 'Deno.env.get("PATH")',
    "all-environment": "Deno.env.toObject()",
    program: "await new Deno.Command(Deno.execPath()).output()",
    kill: 'Deno.kill(Deno.ppid, "SIGTERM")',
    library: 'Deno.dlopen("libc.so.6", {})',
    hostname: "Deno.hostname()",
    "ask-for-it": `(await Deno.permissions.request({ name: "net" })).state === "granted" || stop()`,
    evaluated: `await eval(${loading})`,
    "made-of-text": `await new Function("return " + ${loading})()`,
    "made-of-later-text": `await (async () => {}).constructor("return " + ${loading})()`,
    "a-timer-of-text": `await new Promise((ok, no) => {
      globalThis.escaped = ok;
      setTimeout(${loading} + ".then(escaped, () => {})", 0);
      setTimeout(no, 500);
    })`,
    "another-worker": `await new Promise((ok, no) => {
      const url = "data:text/javascript," + encodeURIComponent(${loading} + ".then(() => postMessage(1))");
      const worker = new Worker(url, { type: "module" });
      worker.onmessage = ok;
      worker.onerror = (event) => { event.preventDefault(); no(new Error(event.message)); };
    })`,
    ...!isExecutable && {
      "import-file": `await import(${url}, { with: { type: "json" } })`,
      "import-https": 'await import("https://jsr.io/@std/assert/meta.json")',
      "import-npm": 'await import("npm:nodemailer")',
      "import-fs": `(await import("node:fs")).readFileSync(${JSON.stringify(secret)})`,
      "import-net": `await (async () => {
        const { connect } = await import("node:net");
        await new Promise((ok, no) => connect(${port}, "127.0.0.1").on("connect", ok).on("error", no));
      })()`,
    },
  };
  const source = Object.entries(deeds).map(([name, deed]) =>
    `${JSON.stringify(name)}: async () => { ${deed}; }`
  );
  await using served = await serve(`
    function stop() { throw new Error("stopped"); }
    const deeds = { ${source.join(",\n")} };
    export async function rcpt(_session, { forwardPath }) {
      const deed = deeds[forwardPath.localPart];
      if (deed === undefined) return;
      let outcome = "escaped";
      try { await deed(); } catch (error) { outcome = "stopped: " + error; }
      return { code: 550, text: outcome };
    }
  `);
  using dialog = await Dialog.open(served.smtpd.port);
  for (const name of Object.keys(deeds)) {
    await t.step(name, async () => {
      assertMatch(await rcpt(dialog, name), /^550 stopped: /);
    });
  }
  assertEquals(visits, 0);
  assertEquals(Deno.readTextFileSync(secret), '{"secret":"canary"}');
  assertMatch(await send(dialog, "joe"), /^250 /);
  await assertDelivered(served, 1);
});

executableTest("an executable takes no hooks that import", async () => {
  using directory = temporaryDirectory();
  const file = `${directory.path}/hooks.js`;
  Deno.writeTextFileSync(file, '\nimport x from "/etc/x.json";\nexport function rcpt() {}\n');
  const { code, text } = await runProgram(program[0], ["check", "--no-queue", "--hooks", file]);
  assertEquals(code, 78);
  assertMatch(text, /^smtpd: cannot use hooks .* \(line 2: it loads another module, .*\n$/);
});

/** Whatever a hook does: the answer that its session gets. */
const harms: readonly [name: string, harm: string, expected: RegExp][] = [
  ["loops for ever", "for (;;);", /^451 4\.3\.0 /],
  [
    "never lets go",
    "const again = () => queueMicrotask(again); again(); await wait();",
    /^451 4\.3\.0 /,
  ],
  ["answers late", "await new Promise((resolve) => setTimeout(resolve, 60_000));", /^451 4\.3\.0 /],
  ["fills arrays", "const all = []; for (;;) all.push(new Array(1000).fill(1));", /^451 4\.3\.0 /],
  [
    "fills buffers",
    "const all = []; for (;;) all.push(new Uint8Array(1e6).fill(1));",
    /^451 4\.3\.0 /,
  ],
  ["exits", "Deno.exit(0);", /^451 4\.3\.0 /],
  ["closes itself", "self.close(); await wait();", /^451 4\.3\.0 /],
  ["kills its process", 'Deno.kill(Deno.pid, "SIGKILL"); await wait();', /^451 4\.3\.0 /],
  [
    "reads standard input",
    "Deno.stdin.readSync(new Uint8Array(1000)); await wait();",
    /^451 4\.3\.0 /,
  ],
  [
    "throws where nobody catches",
    "setTimeout(() => { throw new Error(); }); await wait();",
    /^451 4\.3\.0 /,
  ],
  [
    "answers for others",
    "post({ kind: 'answer', id: 99 }); await wait();",
    /^451 4\.3\.0 /,
  ],
  [
    "answers twice",
    "post({ kind: 'answer', id: 1 }, { kind: 'answer', id: 1 }); return refusal;",
    /^(?:250|451) /,
  ],
  [
    "writes answers to standard output",
    `print('\\n[{"kind":"answer","id":1}]\\n'); return refusal;`,
    /^550 refused$/,
  ],
  [
    "prints 10 MB",
    'for (let i = 0; i < 1000; i++) console.log("x".repeat(10_000)); return refusal;',
    /^550 refused$/,
  ],
  [
    "writes 10 MB",
    'for (let i = 0; i < 1000; i++) print("x".repeat(10_000)); await wait();',
    /^451 4\.3\.0 /,
  ],
  [
    "changes what all objects have",
    `
    Object.prototype.answer = "permit"; Object.prototype.kind = "answer"; Object.prototype.code = 250;
    Array.prototype.toJSON = () => []; return refusal;`,
    /^550 refused$/,
  ],
  ["tells the host to end", "postMessage('gone'); await wait();", /^451 4\.3\.0 /],
  ["throws nothing", "throw undefined;", /^451 4\.3\.0 /],
  ["throws a trap", "throw new Proxy({}, { get() { throw 1; } });", /^451 4\.3\.0 /],
  [
    "answers a circle",
    "const circle = {}; circle.circle = circle; return circle;",
    /^451 4\.3\.0 /,
  ],
  ["answers a success", 'return { code: 250, text: "Ok" };', /^451 4\.3\.0 /],
  [
    "answers two replies",
    'return { code: 550, text: "No\\r\\n250 Ok\\u0000" };',
    /^550 No\n250 Ok\\x00$/,
  ],
];

Deno.test("a hook that does harm harms its own sessions alone, and for a moment", async (t) => {
  for (const [name, harm, expected] of harms) {
    await t.step(name, async () => {
      await using served = await serve(`${FORGERY}
        const refusal = { code: 550, text: "refused" };
        const wait = () => new Promise(() => {});
        const print = (text) => {
          for (let rest = new TextEncoder().encode(text); rest.length > 0;) {
            rest = rest.subarray(Deno.stdout.writeSync(rest));
          }
        };
        export async function rcpt(_session, { forwardPath }) {
          if (forwardPath.localPart === "harm") { ${harm} }
          if (forwardPath.localPart === "nobody") return refusal;
        }
      `);
      using dialog = await Dialog.open(served.smtpd.port);
      assertMatch(await rcpt(dialog, "harm"), expected);
      assertEquals(await rcpt(dialog, "nobody"), "550 refused");
      assertMatch(await send(dialog, "joe"), /^250 /);
      await assertDelivered(served, 1);
    });
  }
});

Deno.test("a server that has hooks leaves no process behind, however it ends", async () => {
  const table = [
    ["stop", ""],
    ["kill", ""],
    // Busy hooks notice no end of what they read.
    ["kill", "setTimeout(() => { for (;;); });"],
  ] as const;
  for (const [way, work] of table) {
    await using served = await serve(`${work} export function rcpt() {}`);
    const children = async () => {
      const { text } = await runProgram("ps", ["-o", "pid=", "--ppid", `${served.smtpd.pid}`]);
      return text.trim().split(/\s+/).filter((pid) => pid !== "");
    };
    const [child, ...others] = await children();
    assertEquals(others, []);
    await served.smtpd[way]();
    const isThere = async () => (await runProgram("ps", ["-p", child])).code === 0;
    await eventually(async () => !(await isThere()) || undefined);
  }
});
