/**
 * Holds the README to what it says: its commands exist, its tables are the tables of the program, its
 * programs run, and its recipes work with the clients that it shows.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { formatMailbox, listen } from "../lib/mod.ts";
import { connectTcp } from "../lib/net/tcp_transport.ts";
import { call } from "./cli/surroundings.ts";
import { octets } from "./e2e/corpus.ts";
import { Dialog } from "./e2e/dialog.ts";
import { mailHost, startNameServer } from "./e2e/name_server.ts";
import { fileNames } from "./e2e/mailbox.ts";
import { eventually, runProgram, startSmtpd, temporaryDirectory } from "./e2e/smtpd.ts";
import { Client } from "./net/client.ts";
import { AUTHORITY, MX } from "./net/tls_fixture.ts";
import { BackgroundProcess, freePort, peerTest } from "./peers.ts";
import { rowsIn, TABLES, withTables } from "./readme_tables.ts";

const root = new URL("../", import.meta.url);
const readme = await Deno.readTextFile(new URL("README.md", root));
const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));

/** A block of code. */
interface Block {
  readonly language: string;
  readonly code: string;
}

/** The blocks under each heading, whatever its level, in order. */
function blocksOf(markdown: string): Map<string, Block[]> {
  const sections = new Map<string, Block[]>();
  let blocks: Block[] = [];
  for (const match of markdown.matchAll(/^#+ (.+)$|^```(\w+)\n([^]*?)^```$/gm)) {
    const [, heading, language, code] = match;
    if (heading === undefined) blocks.push({ language, code });
    else sections.set(heading, blocks = []);
  }
  return sections;
}

const sections = blocksOf(readme);

/** The blocks of one language under a heading. */
function codeUnder(heading: string, language: string): string[] {
  const blocks = sections.get(heading) ?? [];
  const found = blocks.filter((block) => block.language === language).map(({ code }) => code);
  assert(found.length > 0, `Cannot find ${language} under ${heading}`);
  return found;
}

/** The command lines of every shell block, those that go on in the next line put together. */
function shellLines(heading?: string): string[] {
  const chosen = heading === undefined
    ? [...sections.values()].flat()
    : sections.get(heading) ?? [];
  return chosen.filter(({ language }) => language === "sh").flatMap(({ code }) =>
    code.replaceAll("\\\n", " ").split("\n").filter((line) => line !== "")
  );
}

Deno.test("the tasks of the README exist, and it names one version of Deno", async () => {
  const named = [...readme.matchAll(/\bdeno(?:@\S+)? task (\w+)/g)].map(([, task]) => task);
  assert(named.includes("start") && named.includes("test"));
  for (const task of named) assert(task in tasks, `there is no task ${task}`);
  const versions = new Set([...readme.matchAll(/\bdeno@(\S+)/g)].map(([, version]) => version));
  assertEquals(versions.size, 1);
  assertStringIncludes(await Deno.readTextFile(new URL(".ci/run", root)), `deno@${[...versions]}`);
});

Deno.test("the command lines of the README are ones that smtpd takes", async () => {
  const program = /^(?:npx --yes deno@\S+ task start|deno task start|(?:dist\/)?smtpd)\b/;
  // These take files, and have tests of their own.
  const others = [SUBMISSION, HOOKS_FILE].flatMap((heading) => shellLines(heading));
  const lines = shellLines().filter((line) => program.test(line) && !others.includes(line));
  assert(lines.length >= 6, `only ${lines.length} found`);
  for (const line of lines) {
    const words = line.replace(program, "").matchAll(/"([^"]*)"|\S+/g);
    const args = [...words].map(([word, quoted]) => quoted ?? word);
    const { code, err } = await call(["check", ...args]);
    assertEquals(code, 0, `${line}: ${err}`);
  }
});

const SUBMISSION = "Submission, AUTH and TLS";
const HOOKS_FILE = "Hooks in a file";

Deno.test("the commands of the README make an account and a server that takes it", async () => {
  const directory = await Deno.makeTempDir({ prefix: "smtpd-readme-" });
  try {
    await Deno.writeTextFile(`${directory}/mx.crt`, MX.certificate + AUTHORITY);
    await Deno.writeTextFile(`${directory}/mx.key`, MX.key, { mode: 0o600 });
    const [add, serve] = shellLines(SUBMISSION).map((line) =>
      line.replaceAll("./", `${directory}/`).split(" ").slice(1)
    );
    const input = { input: "pencil\n" };
    assertEquals(await call(add, {}, input), { code: 0, out: "added joe\n", err: "" });
    const checked = await call(["check", "--no-queue", "--hostname", "mx.test", ...serve]);
    assertEquals(checked, { code: 0, out: "smtpd: configuration is good\n", err: "" });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("the files and folders that the README names are there", async () => {
  const [tree] = codeUnder("Development", "text");
  const named = [
    ...tree.matchAll(/^\S+/gm),
    ...readme.matchAll(/(?<![\w/])(?:lib|tests)\/[\w./]+\w/g),
  ];
  assert(named.length > 10);
  for (const [path] of named) await Deno.stat(new URL(path, root));
});

Deno.test("the tables of the README are those of the program", () => {
  const hint = "run deno task readme";
  for (const [head, rows] of TABLES) assertEquals(rowsIn(readme, head), rows, hint);
});

Deno.test("the task for the tables of the README mends every row, and leaves all else", () => {
  const rows = /^\| `.*\n/gm;
  const broken = readme.replace(rows, "| `--none` | nothing | 0 |\n");
  for (const [head, rows] of TABLES) assertEquals(rowsIn(withTables(broken), head), rows);
  assertEquals(withTables(broken).replace(rows, ""), readme.replace(rows, ""));
});

Deno.test("every flag of the README is in the help of serve", async () => {
  const { out: help } = await call(["help", "serve"]);
  const flags = rowsIn(readme, "flag").flatMap(([cell]) => cell.match(/--[a-z-]+/g) ?? []);
  assert(flags.length > 20);
  for (const flag of flags) assertMatch(help, new RegExp(`^ .*${flag}(?: |$)`, "m"));
  for (const [cell] of rowsIn(readme, "key")) assertStringIncludes(help, `  ${cell.slice(1, -1)} `);
});

Deno.test("the hooks in a file of the README do what they say", async () => {
  const [code] = codeUnder(HOOKS_FILE, "js");
  using directory = temporaryDirectory();
  const path = `${directory.path}/hooks.js`;
  Deno.writeTextFileSync(path, code);
  const [line] = shellLines(HOOKS_FILE);
  assert(line.endsWith("--hooks ./hooks.js"), line);
  await using smtpd = await startSmtpd("--route", "hold", "--hooks", path);
  using dialog = await Dialog.open(smtpd.port);
  const send = async (to: string, message: string) =>
    (await dialog.sendMail("a@client.test", [to], octets(message))).at(-1)!;
  assertEquals(await send("nobody@example.org", ""), { code: 550, text: "5.1.1 No such mailbox" });
  await dialog.say("RSET");
  assertEquals(await send("joe@example.org", "Subject: x\r\n"), {
    ...{ code: 550, text: "5.6.0 A Date field is missing" },
  });
  const date = "Date: Thu, 1 Jan 2026 12:00:00 +0000\r\n\r\n";
  assertEquals((await send("joe@example.org", date)).code, 250);
  const { text } = await smtpd.event("hooks-printed");
  assertMatch(String(text), / sends 40 octets$/);
});

/** Makes a folder as a user of the library has it: the map of the README, and a program. */
function project(file: string, code: string): { readonly path: string } & Disposable {
  const directory = temporaryDirectory();
  const [map] = codeUnder("As a library", "json");
  const mapped = map.replace("../smtpd/", root.href);
  assert(mapped !== map);
  Deno.writeTextFileSync(`${directory.path}/deno.json`, mapped);
  Deno.writeTextFileSync(`${directory.path}/${file}`, code);
  return directory;
}

/** A program of the README with another port, and what else has to be other; none may be missing. */
function programOf(heading: string, replacements: Readonly<Record<string, string>>): string {
  let [code] = codeUnder(heading, "ts");
  for (const [from, to] of Object.entries(replacements)) {
    assertStringIncludes(code, from);
    code = code.replaceAll(from, to);
  }
  return code;
}

/** Runs a program of the README that listens, its types checked, with the permissions it asks for. */
async function withProgram(
  heading: string,
  replacements: Readonly<Record<string, string>>,
  use: (port: number) => Promise<void>,
): Promise<void> {
  const port = freePort();
  using directory = project(
    "server.ts",
    programOf(heading, { "2525": `${port}`, ...replacements }),
  );
  const [line] = shellLines("As a library").filter((line) => line.startsWith("deno run "));
  const [, ...args] = line.split(" ");
  await using program = new BackgroundProcess(Deno.execPath(), [
    ...[args[0], "--check", "--no-prompt", ...args.slice(1)],
  ], { cwd: directory.path });
  await program.listening(port);
  await use(port);
}

/** Sends commands one by one to a server on loopback; answers the code of each reply. */
async function codesOf(port: number, ...lines: string[]): Promise<number[]> {
  using client = new Client(await connectTcp({ hostname: "127.0.0.1", port }));
  const replies = [await client.reply()];
  for (const line of lines) replies.push(await client.say(line));
  return replies.map((reply) => Number(reply.slice(0, 3)));
}

/** A transaction whose next hop is a loopback address, which the relay does not contact. */
const TO_LOOPBACK = [
  "EHLO client.test",
  "MAIL FROM:<a@b.test>",
  "RCPT TO:<joe@[127.0.0.1]>",
  "DATA",
];

Deno.test("every program in the README is run here", () => {
  const headings = [...sections].filter(([, blocks]) =>
    blocks.some(({ language }) => language === "ts")
  ).map(([heading]) => heading);
  assertEquals(headings, [
    "In a test of a Deno program",
    "As a library",
    "Hooks",
    "Coming from Net::SMTP::Server",
  ]);
  for (const heading of headings) assertEquals(codeUnder(heading, "ts").length, 1);
});

Deno.test("the library program of the README refuses the client that it names", async () => {
  await withProgram("As a library", { "192.0.2.66": "127.0.0.1" }, async (port) => {
    assertEquals(await codesOf(port, "QUIT"), [554, 221]);
  });
});

Deno.test("the hooks of the README refuse and change what they say", async () => {
  const taken: string[] = [];
  await using sink = listen({ hosts: ["127.0.0.1"] }, async (session) => {
    for await (const mail of session.process()) {
      const [, subject] = /^Subject: (.*)\r$/m.exec(await mail.text())!;
      taken.push(`${mail.forwardPaths.map(formatMailbox)}: ${subject}`);
      mail.accept();
    }
  });
  const hop = `relay(mail, { route: "smtp://127.0.0.1:${sink.port}" })`;
  await withProgram("Hooks", { "relay(mail)": hop }, async (port) => {
    const begin = ["EHLO client.test", "MAIL FROM:<>"];
    assertEquals(await codesOf(port, ...begin, "RCPT TO:<nobody@a.test>"), [220, 250, 250, 550]);
    const said = ["RCPT TO:<sales-eu@a.test>", "DATA"];
    const without = await codesOf(port, ...begin, ...said, "To: x\r\n\r\nx\r\n.");
    assertEquals(without, [220, 250, 250, 250, 354, 550]);
    const withSubject = await codesOf(port, ...begin, ...said, "Subject: one\r\n\r\nx\r\n.");
    assertEquals(withSubject, [220, 250, 250, 250, 354, 250]);
  });
  assertEquals(taken, ["sales@a.test: [shop] one"]);
});

Deno.test("the program for users of Net::SMTP::Server greets all but one client", async () => {
  const heading = "Coming from Net::SMTP::Server";
  await withProgram(heading, {}, async (port) => {
    const codes = await codesOf(port, ...TO_LOOPBACK, "x: y\r\n\r\nx\r\n.");
    assertEquals(codes, [220, 250, 250, 250, 354, 554]);
  });
  await withProgram(heading, { "192.0.2.66": "127.0.0.1" }, async (port) => {
    assertEquals(await codesOf(port, "QUIT"), [554, 221]);
  });
});

peerTest({
  name: "the test in the README passes, with nodemailer",
  needs: ["npm:nodemailer"],
  async fn({ "npm:nodemailer": modules }) {
    const heading = "In a test of a Deno program";
    const [line] = shellLines(heading);
    const [, ...args] = line.split(" ");
    using directory = project(args.at(-1)!, programOf(heading, {}));
    // In place of `deno add`, which would fetch the package again, and the declarations of Node.
    const path = `${directory.path}/deno.json`;
    const config = JSON.parse(Deno.readTextFileSync(path));
    config.imports.nodemailer = `file://${modules}/nodemailer/dist/esm/nodemailer.js`;
    Deno.writeTextFileSync(path, JSON.stringify(config));
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args,
      cwd: directory.path,
      stdin: "null",
      env: { NO_COLOR: "1" },
      signal: AbortSignal.timeout(60_000),
    }).output();
    const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assertEquals(code, 0, said);
    assertStringIncludes(said, "1 passed");
  },
});

/** The scripts of a recipe behind the one that starts its server. */
function scriptsOf(heading: string): string[] {
  return codeUnder(heading, "sh").filter((code) => !/^(?:smtpd|deno) /.test(code));
}

/** Runs the client of a recipe as the README shows it. */
async function runClient(heading: string, port: number, folder: string): Promise<void> {
  const [script] = scriptsOf(heading);
  assertStringIncludes(script, "2525");
  await runScript(script.replaceAll("2525", `${port}`), folder);
}

/** Runs a script in a folder; answers what it prints. */
async function runScript(script: string, folder: string): Promise<string> {
  const { code, text } = await runProgram("bash", [
    ...["-eu", "-o", "pipefail", "-c", `cd ${folder}\n${script}`],
  ]);
  assertEquals(code, 0, text);
  return text;
}

/** The flags of the server of a recipe, with the listener on a free port. */
function flagsOf(heading: string): string[] {
  const [line] = shellLines(heading).filter((line) => line.startsWith("smtpd "));
  assertStringIncludes(line, "--port 2525");
  return line.replace("--port 2525", "--port 0").split(/\s+/).slice(1);
}

/** A host on loopback that takes every message and keeps them. */
function mailbox(): ReturnType<typeof listen> & { readonly texts: readonly string[] } {
  const texts: string[] = [];
  const server = listen({ hosts: ["127.0.0.1"] }, async (session) => {
    for await (const mail of session.process()) {
      texts.push(await mail.text());
      mail.accept();
    }
  });
  return Object.assign(server, { texts });
}

/** Waits for the message that a host gets once it is in the queue, and answers it; it has to be the only one. */
async function arrivedAt({ texts }: { readonly texts: readonly string[] }): Promise<string> {
  const text = await eventually(() => texts[0]);
  assertEquals(texts.length, 1);
  return text;
}

peerTest({
  name: "recipe: an inbox for development, with curl, pytest's function and JavaScript",
  needs: ["curl", "python3", "node"],
  async fn({ python3, node }) {
    using directory = temporaryDirectory();
    const heading = "An inbox for development";
    const flags = flagsOf(heading);
    flags[flags.indexOf("--ui") + 1] = "0";
    await using smtpd = await startSmtpd(...flags);
    const { port: uiPort } = await smtpd.event("listening", { service: "http" });
    await runClient(heading, smtpd.port, directory.path);
    const [, wait] = scriptsOf(heading);
    const printed = await runScript(wait.replace("8025", `${uiPort}`), directory.path);
    const { subject, codes } = JSON.parse(printed);
    assertEquals([subject, codes], ["Your code", ["482913"]]);
    const others = "Wait for mail in other languages";
    const [python] = codeUnder(others, "python");
    const tested = await runProgram(python3, [
      ...["-c", `${python.replace("8025", `${uiPort}`)}\ntest_code()`],
    ]);
    assertEquals(tested.code, 0, tested.text);
    const [script] = codeUnder(others, "js");
    const page = "const page = { getByLabel: () => ({ fill: (code) => console.log(code) }) };";
    const filled = await runProgram(node, [
      ...["--input-type=module", "-e", `${page}\n${script.replace("8025", `${uiPort}`)}`],
    ]);
    assertEquals(filled.text.trim(), "482913");
  },
});

peerTest({
  name: "recipe: relay for my laptop, with swaks",
  needs: ["swaks", "dnsmasq"],
  async fn({ dnsmasq }) {
    using directory = temporaryDirectory();
    await using host = mailbox();
    const lines = mailHost("example.net", "127.0.0.1");
    await using dns = await startNameServer(dnsmasq, directory.path, lines);
    const heading = "Relay for my laptop";
    await using smtpd = await startSmtpd(
      ...flagsOf(heading),
      ...["--dns", dns.address, "--mx-port", `${host.port}`, "--allow-local-mx"],
    );
    await runClient(heading, smtpd.port, directory.path);
    assertMatch(await arrivedAt(host), /^To: you@example\.net\r\n/m);
  },
});

peerTest({
  name: "recipe: smarthost, with msmtp",
  needs: ["msmtp"],
  async fn() {
    using directory = temporaryDirectory();
    await using host = mailbox();
    const flags = flagsOf("Smarthost");
    const route = flags.indexOf("--route") + 1;
    assertMatch(flags[route], /^smtp:\/\/[a-z.]+$/);
    flags[route] = `smtp://127.0.0.1:${host.port}`;
    await using smtpd = await startSmtpd(...flags);
    await runClient("Smarthost", smtpd.port, directory.path);
    assertMatch(await arrivedAt(host), /^Subject: Hello\r\n(?:.+\r\n)*\r\nHow are you\?\r\n$/m);
  },
});

peerTest({
  name: "recipe: local Maildir, with curl",
  needs: ["curl"],
  async fn() {
    using directory = temporaryDirectory();
    const heading = "Local Maildir";
    const flags = flagsOf(heading).map((flag) => flag.replace("./", `${directory.path}/`));
    await using smtpd = await startSmtpd(...flags);
    await runClient(heading, smtpd.port, directory.path);
    const delivered = `${directory.path}/mail/example.org/joe/new`;
    await eventually(() => fileNames(delivered)[0]);
    const printed = await runScript(scriptsOf(heading)[1], directory.path);
    assertMatch(printed, /^Return-Path: <me@example\.net>\r\nReceived: from /);
    assertMatch(printed, /\r\nSubject: Hello\r\n\r\nHow are you\?\r\n$/);
  },
});

peerTest({
  name: "recipe: as a library, with Python's smtplib",
  needs: ["python:smtplib", "dnsmasq"],
  async fn({ dnsmasq }) {
    using directory = temporaryDirectory();
    await using host = mailbox();
    const lines = mailHost("example.net", "127.0.0.1");
    await using dns = await startNameServer(dnsmasq, directory.path, lines);
    const options = `{ nameServer: { address: "127.0.0.1", port: ${dns.port} }, ` +
      `mxPort: ${host.port}, allowLocalMx: true }`;
    const heading = "As a library";
    await withProgram(heading, { "relay(mail)": `relay(mail, ${options})` }, async (port) => {
      await runClient(heading, port, directory.path);
    });
    assertEquals(host.texts.length, 1);
    assertMatch(host.texts[0], /\r\nSubject: Hello\r\n\r\nHow are you\?\r\n$/);
  },
});

peerTest({
  name: "the Perl program in the README compiles",
  needs: ["perl:Net::SMTP::Server"],
  async fn({ "perl:Net::SMTP::Server": perl }) {
    const [code] = codeUnder("Coming from Net::SMTP::Server", "perl");
    const { code: exit, text } = await runProgram(perl, ["-c", "-e", `use strict; ${code}`]);
    assertEquals(exit, 0, text);
  },
});
