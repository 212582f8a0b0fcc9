/** What TLS costs: handshakes, a session through which much comes, and sessions that are idle. */
import { POSTFIX, startPostfix } from "../e2e/postfix.ts";
import { findPeer, freePort } from "../peers.ts";
import { AUTHORITY, MX } from "../net/tls_fixture.ts";
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

const UPLOAD = 256 * 1024 ** 2;
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
    caCerts: [AUTHORITY],
  });
  await connection.read(new Uint8Array(1024));
  return connection;
}

const UPLOADER = `
import socket, ssl, sys, time
port, size = int(sys.argv[1]), int(sys.argv[2])
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
link = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=100))
replies = link.makefile("rb")
def say(line, code):
    if line: link.sendall(line)
    reply = replies.readline()
    while reply[3:4] == b"-": reply = replies.readline()
    if not reply.startswith(code): sys.exit("Cannot send: " + repr(reply))
say(b"", b"220")
say(b"EHLO client.example\\r\\n", b"250")
say(b"MAIL FROM:<a@example.org>\\r\\n", b"250")
say(b"RCPT TO:<b@example.net>\\r\\n", b"250")
say(b"DATA\\r\\n", b"354")
block = (b"x" * 76 + b"\\r\\n") * 4096
start, sent = time.monotonic(), 0
while sent < size:
    link.sendall(block)
    sent += len(block)
say(b".\\r\\n", b"250")
print(sent / (time.monotonic() - start) / 1e6)`;

/** Sends one message by Python, whose OpenSSL costs less than a client of ours; answers MB/s. */
async function upload(port: number): Promise<number> {
  const { success, stdout, stderr } = await new Deno.Command("timeout", {
    args: ["120", "python3", "-c", UPLOADER, `${port}`, `${UPLOAD}`],
    stdin: "null",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return Number(new TextDecoder().decode(stdout));
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
  if (
    findPeer("openssl") === undefined || findPeer("python3") === undefined ||
    findPeer(POSTFIX) === undefined || !modules
  ) {
    return print("tls", "not measured", "needs openssl, python3, postfix and smtp-server");
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
  // What thousands of handshakes have left behind is not what an idle session costs.
  await using fresh = await startSecure(files);
  const cost = await costOf(fresh);
  print(`idle TLS session, of ${IDLE}`, `${cost.toFixed(1)} KiB`, "stated");
  await using freshNode = await startSmtpServer(`${modules}/smtp-server`, files);
  const theirs = await costOf(freshNode);
  print("  smtp-server's", `${theirs.toFixed(1)} KiB`, "beside it");
}
