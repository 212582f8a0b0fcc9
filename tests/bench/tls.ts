/** What TLS costs: handshakes, a session through which much comes, and sessions that are idle. */
import { POSTFIX, startPostfix } from "../e2e/postfix.ts";
import { findPeer, freePort } from "../peers.ts";
import { MX } from "../net/tls_fixture.ts";
import {
  alternating,
  type Measured,
  memoryOf,
  print,
  printSideBySide,
  startMeasured,
  startSmtpd,
} from "./measure.ts";

/** Clients at once, each of which makes one handshake behind the other, and for how many seconds. */
const CLIENTS = 4;
const SECONDS = 4;
const ROUNDS = 5;

const UPLOAD = 512 * 1024 ** 2;
const IDLE = 1000;

/** A certificate and its key in files. */
interface Files extends AsyncDisposable {
  readonly directory: string;
  readonly certificate: string;
  readonly key: string;
}

async function writeFiles(): Promise<Files> {
  const directory = await Deno.makeTempDir({ dir: "/var/tmp", prefix: "smtpd-bench-" });
  await Deno.chmod(directory, 0o755);
  const certificate = `${directory}/mx.crt`;
  const key = `${directory}/mx.key`;
  await Deno.writeTextFile(certificate, MX.certificate);
  await Deno.writeTextFile(key, MX.key, { mode: 0o600 });
  return {
    directory,
    certificate,
    key,
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}

/** Starts smtpd with TLS at once on a port of its own. */
async function startSecure({ certificate, key }: Files): Promise<Measured> {
  const port = freePort();
  const smtpd = await startSmtpd([
    ...["--no-queue", "--route", "discard", "--max-size", "2GiB"],
    ...["--max-connections", "3000", "--max-connections-per-ip", "3000"],
    ...["--tls-port", `${port}`, "--tls-cert", certificate, "--tls-key", key],
  ]);
  return {
    port,
    pid: smtpd.pid,
    [Symbol.asyncDispose]: () => smtpd[Symbol.asyncDispose](),
  };
}

const SMTP_SERVER = `
const { readFileSync } = require("node:fs");
const { SMTPServer } = require(process.argv[2]);
const [, , , port, cert, key] = process.argv;
new SMTPServer({
  secure: true,
  cert: readFileSync(cert),
  key: readFileSync(key),
  authOptional: true,
  disableReverseLookup: true,
  size: 2 ** 31,
  onData(stream, session, done) {
    stream.resume();
    stream.on("end", () => done());
  },
}).on("error", () => {}).listen(Number(port), "127.0.0.1");`;

async function startSmtpServer(module: string, files: Files): Promise<Measured> {
  const port = freePort();
  const script = `${files.directory}/server.cjs`;
  await Deno.writeTextFile(script, SMTP_SERVER);
  return await startMeasured(port, [
    ...["node", script, module, `${port}`, files.certificate, files.key],
  ]);
}

/** Makes handshakes for some seconds, and answers how many there were in one. */
async function handshakes(port: number, kind: "new" | "reuse"): Promise<number> {
  const counts = await Promise.all(Array.from({ length: CLIENTS }, async () => {
    // s_time resumes only what it has a session of, which it does not wait for in TLS 1.3.
    const version = kind === "new" ? "-tls1_3" : "-tls1_2";
    const { stdout } = await new Deno.Command("timeout", {
      args: [
        ...[`${SECONDS * 5}`, "openssl", "s_time", `-${kind}`, version],
        ...["-connect", `127.0.0.1:${port}`, "-time", `${SECONDS}`],
      ],
      stdin: "null",
      stderr: "null",
    }).output();
    const found = /(\d+) connections in (\d+) real seconds/.exec(new TextDecoder().decode(stdout));
    if (found === null) throw new Error("Cannot measure handshakes: openssl s_time says nothing");
    return Number(found[1]) / Number(found[2]);
  }));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Opens a session that has been greeted. */
async function connect(port: number): Promise<Deno.TlsConn> {
  const connection = await Deno.connectTls({
    hostname: "127.0.0.1",
    port,
    unsafelyDisableHostnameVerification: true,
    caCerts: [MX.certificate],
  });
  await connection.read(new Uint8Array(1024));
  return connection;
}

/** Sends one message through s_client, which costs less than a client of ours; answers MB/s. */
async function upload(port: number): Promise<number> {
  const child = new Deno.Command("timeout", {
    args: ["120", "openssl", "s_client", "-quiet", "-connect", `127.0.0.1:${port}`],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const input = child.stdin.getWriter();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  async function reply(code: string): Promise<void> {
    while (!new RegExp(`^${code} [^\\n]*\\n$`, "m").test(said)) {
      const { value, done } = await output.read();
      if (done) throw new Error(`Cannot send: ${said}`);
      said += value;
    }
    said = "";
  }
  const encoder = new TextEncoder();
  await reply("220");
  for (
    const [line, code] of [
      ["EHLO client.example", "250"],
      ["MAIL FROM:<a@example.org>", "250"],
      ["RCPT TO:<b@example.net>", "250"],
      ["DATA", "354"],
    ]
  ) {
    await input.write(encoder.encode(`${line}\r\n`));
    await reply(code);
  }
  const block = encoder.encode(`${"x".repeat(76)}\r\n`.repeat(4096));
  const start = performance.now();
  for (let sent = 0; sent < UPLOAD; sent += block.length) await input.write(block);
  await input.write(encoder.encode(".\r\n"));
  await reply("250");
  const seconds = (performance.now() - start) / 1000;
  await input.close();
  await output.cancel();
  await child.status;
  return UPLOAD / seconds / 1e6;
}

/** What an idle session adds to a process, in KiB. */
async function costOf({ pid, port }: Measured): Promise<number> {
  const settle = () => new Promise((resolve) => setTimeout(resolve, 1500));
  const warm = await Promise.all(Array.from({ length: 100 }, () => connect(port)));
  for (const connection of warm) connection.close();
  await settle();
  const before = await memoryOf(pid, "VmRSS");
  const connections: Deno.TlsConn[] = [];
  for (let i = 0; i < IDLE; i++) connections.push(await connect(port));
  await settle();
  const after = await memoryOf(pid, "VmRSS");
  for (const connection of connections) connection.close();
  return (after - before) / IDLE;
}

/** Measures smtpd, Postfix and smtp-server in turn. */
export async function benchTls(): Promise<void> {
  const modules = findPeer("npm:smtp-server");
  if (findPeer("openssl") === undefined || findPeer(POSTFIX) === undefined || !modules) {
    return print("tls", "not measured", "needs openssl, postfix and smtp-server");
  }
  await using files = await writeFiles();
  await using smtpd = await startSecure(files);
  await using node = await startSmtpServer(`${modules}/smtp-server`, files);
  await using postfix = await startPostfix(files.directory, "127.0.0.1", {
    smtpd_tls_wrappermode: "yes",
    smtpd_tls_security_level: "encrypt",
    smtpd_tls_chain_files: `${files.key}, ${files.certificate}`,
    smtpd_client_connection_rate_limit: "0",
    smtpd_client_new_tls_session_rate_limit: "0",
    default_process_limit: "300",
    message_size_limit: "0",
    mailbox_size_limit: "0",
    queue_minfree: "0",
    default_transport: "discard:",
  });
  const peers = [["Postfix", postfix.port], ["smtp-server", node.port]] as const;
  for (const [kind, name] of [["new", "full"], ["reuse", "resumed"]] as const) {
    for (const [peer, port] of peers) {
      const ours = () => handshakes(smtpd.port, kind);
      const rates = await alternating(ROUNDS, ours, () => handshakes(port, kind));
      printSideBySide(`TLS handshakes, ${name}, ${CLIENTS} clients`, rates, peer, 1);
    }
  }
  for (const [peer, port] of peers) {
    const rates = await alternating(3, () => upload(smtpd.port), () => upload(port));
    printSideBySide("one TLS session, MB", rates, peer, 1);
  }
  const cost = await costOf(smtpd);
  print(`idle TLS session, of ${IDLE}`, `${cost.toFixed(1)} KiB`, "stated");
  const theirs = await costOf(node);
  print("  smtp-server's", `${theirs.toFixed(1)} KiB`, "beside it");
}
