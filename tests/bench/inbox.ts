/** What the inbox costs while mail comes in, and how quick it is with 100,000 messages in it. */
import { openInbox, relay } from "../../lib/mod.ts";
import { Dialog } from "../e2e/dialog.ts";
import { findPeer, freePort } from "../peers.ts";
import { IS_LIVE, startBrowser } from "../web/browser.ts";
import {
  alternating,
  logged,
  type Measured,
  median,
  memoryOf,
  pause,
  print,
  printLoad,
  printSideBySide,
  smtpdCommand,
  sourceFlags,
  startMeasured,
  timed,
} from "./measure.ts";

const SESSIONS = 20;
const SIZE = 4096;
/** Rates differ so much that each sends what takes some seconds. */
const COUNT = 10_000;
const COUNT_OF_LIBRARY = 1_000;
const ROUNDS = 5;

/** How many messages there are when it is searched. */
const MANY = 100_000;

/** An inbox as people make it of a library: each message in a database before 250. */
const SMTP_SERVER = `
import { createRequire } from "node:module";
import { DatabaseSync } from "node:sqlite";
const [modules, port, file] = Deno.args;
const { SMTPServer } = createRequire(modules + "/")("smtp-server");
const database = new DatabaseSync(file);
database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE mail (raw BLOB)");
const insert = database.prepare("INSERT INTO mail VALUES (?)");
new SMTPServer({
  authOptional: true,
  disabledCommands: ["AUTH", "STARTTLS"],
  onData(stream, session, done) {
    const slices = [];
    stream.on("data", (slice) => slices.push(slice));
    stream.on("end", () => {
      insert.run(Buffer.concat(slices));
      done();
    });
  },
}).listen(Number(port), "127.0.0.1");
`;

async function startSmtpServer(directory: string, modules: string): Promise<Measured> {
  const port = freePort();
  const script = `${directory}/server.mjs`;
  await Deno.writeTextFile(
    script,
    SMTP_SERVER.replace("import {", 'import { Buffer } from "node:buffer";\nimport {'),
  );
  return await startMeasured(port, [
    ...[Deno.execPath(), "run", "-A", "--no-config", script, modules, `${port}`],
    `${directory}/mail.db`,
  ]);
}

/** A server that holds all mail, with the inbox or without it. */
function startHolding(directory: string, ui?: number): Promise<Measured> {
  const port = freePort();
  const queue = `${directory}/${ui === undefined ? "without" : "with"}`;
  return startMeasured(
    port,
    logged(`${queue}.log`)(smtpdCommand([
      ...["--port", `${port}`, "--host", "127.0.0.1", "--hostname", "smtpd.test"],
      ...["--queue", queue, "--route", "hold"],
      ...ui === undefined ? [] : ["--ui", `${ui}`],
    ])),
    ui === undefined ? [] : [ui],
  );
}

/** Reads the events of an inbox as an open page does, until it is disposed of. */
async function readEvents(ui: number): Promise<Disposable> {
  const ending = new AbortController();
  const { body } = await fetch(`http://127.0.0.1:${ui}/api/events`, { signal: ending.signal });
  (async () => {
    for await (const _ of body!);
  })().catch(() => {});
  return { [Symbol.dispose]: () => ending.abort() };
}

async function countOf(ui: number): Promise<number> {
  return (await (await fetch(`http://127.0.0.1:${ui}/api/counts`)).json()).total;
}

/** Waits until all that was sent is found, and answers how long that took, in seconds. */
async function untilIndexed(ui: number, count: number): Promise<number> {
  const start = performance.now();
  while (await countOf(ui) < count) await pause(100);
  return (performance.now() - start) / 1000;
}

async function measureSearches(ui: number): Promise<void> {
  const table: [what: string, query: string][] = [
    ["the newest", ""],
    ["an address", "to=needle@example.net"],
    ["a rare word", "text=haystackneedle"],
    ["a word of each message", "text=xxxx"],
    ["a subject", "subject=needle in"],
    ["two letters", "text=zq"],
    ["with an attachment", "has=attachment"],
    ["a state", "state=held"],
  ];
  for (const [what, query] of table) {
    const times: number[] = [];
    let found = 0;
    for (let i = 0; i < 9; i++) {
      const start = performance.now();
      const answer = await fetch(`http://127.0.0.1:${ui}/api/messages?limit=50&${query}`);
      found = (await answer.json()).messages.length;
      times.push(performance.now() - start);
    }
    print(
      `  search of ${MANY}: ${what}`,
      `${median(times).toFixed(1)} ms, slowest ${Math.max(...times).toFixed(1)} ms`,
      `${found} found, target 100 ms`,
    );
  }
}

/**
 * The time from the address to the first message on the page, and until all of it is at work, in a browser
 * that has seen it before.
 */
async function measurePage(ui: number): Promise<void> {
  const node = findPeer("node");
  const chromium = findPeer("chromium");
  const modules = findPeer("npm:playwright-core");
  if (node === undefined || chromium === undefined || modules === undefined) {
    return print("  page", "not measured", "needs node, chromium and playwright-core");
  }
  await using browser = await startBrowser({ node, chromium, modules });
  const times: number[] = [];
  const live: number[] = [];
  await browser.withPage({}, async (page) => {
    for (let i = 0; i < 16; i++) {
      await page.goto("about:blank");
      await page.goto(`http://127.0.0.1:${ui}/`);
      times.push(await page.until(`document.querySelector(".row") !== null`));
      live.push(await page.until(IS_LIVE));
    }
  });
  const [first, ...others] = times;
  print(
    `  page with ${MANY} messages`,
    `${median(others).toFixed(0)} ms, the first ${first.toFixed(0)} ms, the slowest after it ${
      Math.max(...others).toFixed(0)
    } ms`,
    `target 300 ms; ${median(live.slice(1)).toFixed(0)} ms until all of it is at work`,
  );
}

/** What the inbox in the process of a test costs. */
async function measureInProcess(): Promise<void> {
  const opened: number[] = [];
  const added: number[] = [];
  for (let i = 0; i < 21; i++) {
    const start = performance.now();
    await using inbox = await openInbox();
    opened.push(performance.now() - start);
    const message = {
      reversePath: { localPart: "a", domain: "example.org" },
      forwardPaths: [{ localPart: "joe", domain: "example.net" }],
      smtpUtf8: false,
    };
    const content = () =>
      ReadableStream.from([new TextEncoder().encode("Subject: a\r\n\r\nb\r\n")]);
    const route = `smtp://127.0.0.1:${inbox.port}`;
    await relay({ ...message, content: content() }, { route });
    await inbox.next();
    await relay({ ...message, content: content() }, { route });
    const sent = performance.now();
    await inbox.next();
    added.push(performance.now() - sent);
  }
  print(
    "inbox in the process of a test: open",
    `${median(opened.slice(1)).toFixed(1)} ms, the first ${opened[0].toFixed(1)} ms`,
    "target 20 ms",
  );
  print("  next, behind the 250", `${median(added).toFixed(1)} ms`, "target 5 ms");
}

/** Measures. */
export async function benchInbox(): Promise<void> {
  printLoad();
  await measureInProcess();
  const source = findPeer("smtp-source");
  const modules = findPeer("npm:smtp-server");
  if (source === undefined || modules === undefined) {
    return print("inbox", "not measured", "needs smtp-source of Postfix and smtp-server");
  }
  const directory = await Deno.makeTempDir({ dir: "/var/tmp", prefix: "smtpd-bench-" });
  try {
    const run = async (port: number, count: number) => {
      const flags = sourceFlags({ kept: true, sessions: SESSIONS, size: SIZE, count });
      return count / await timed(source, [...flags, `127.0.0.1:${port}`]);
    };
    const ui = freePort();
    await using seen = await startHolding(directory, ui);
    using _events = await readEvents(ui);
    {
      await using unseen = await startHolding(directory);
      await using library = await startSmtpServer(directory, modules);
      for (const { port } of [seen, unseen]) await run(port, 2_000);
      await run(library.port, 200);
      const own = await alternating(
        ROUNDS,
        () => run(seen.port, COUNT),
        () => run(unseen.port, COUNT),
      );
      printSideBySide("inbox, accept with the page open, without it", own, "without", 0.8);
      const others = await alternating(
        ROUNDS,
        () => run(seen.port, COUNT),
        () => run(library.port, COUNT_OF_LIBRARY),
      );
      printSideBySide("inbox, accept", others, "smtp-server + SQLite", 1);
    }
    let sent = 2_000 + 2 * ROUNDS * COUNT;
    if (sent < MANY) {
      await run(seen.port, MANY - sent);
      sent = MANY;
    }
    using dialog = await Dialog.open(seen.port);
    const needle = "Subject: needle in it\r\n\r\nhaystackneedle\r\n";
    await dialog.sendMail(
      "a@example.org",
      ["needle@example.net"],
      new TextEncoder().encode(needle),
    );
    const behind = await untilIndexed(ui, sent + 1);
    print("  the index is behind after it all", `${behind.toFixed(1)} s`, "stated");
    await measureSearches(ui);
    await measurePage(ui);
    const memory = await memoryOf(seen.pid, "VmRSS");
    print(`  memory with ${sent} messages`, `${(memory / 1024).toFixed(0)} MiB`, "stated");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
