/**
 * Logs in over TLS by the SCRAM-SHA-256-PLUS of node-postgres, and submits a file. What to do comes as JSON
 * in the first line of standard input. With `waits` it prints `secured` once TLS is there, and goes on at
 * the next line.
 */
const { once } = require("node:events");
const { readFileSync } = require("node:fs");
const { connect } = require("node:net");
const { createInterface } = require("node:readline");
const tls = require("node:tls");
const { continueSession, finalizeSession, startSession } = require("pg/lib/crypto/sasl");

/** Reads the lines of a stream one by one. */
function linesOf(stream) {
  const input = createInterface({ input: stream });
  const lines = input[Symbol.asyncIterator]();
  return { next: async () => (await lines.next()).value, close: () => input.close() };
}

async function reply(lines, ...codes) {
  for (;;) {
    const line = await lines.next();
    if (line === undefined) throw new Error("the server closed the connection");
    if (line[3] === "-") continue;
    if (!codes.includes(line.slice(0, 3))) throw new Error(line);
    return line.slice(4);
  }
}

async function main() {
  const orders = linesOf(process.stdin);
  const submission = JSON.parse(await orders.next());
  const { port, implicitTls, waits, password, authority, from, to, path } = submission;
  const options = { servername: "localhost", ca: readFileSync(authority) };
  let socket;
  if (implicitTls) {
    socket = tls.connect({ ...options, host: "localhost", port });
  } else {
    const plain = connect({ host: "localhost", port });
    const lines = linesOf(plain);
    await reply(lines, "220");
    plain.write("EHLO client.test\r\n");
    await reply(lines, "250");
    plain.write("STARTTLS\r\n");
    await reply(lines, "220");
    lines.close();
    plain.removeAllListeners("data");
    socket = tls.connect({ ...options, socket: plain });
  }
  await once(socket, "secureConnect");
  const lines = linesOf(socket);
  if (implicitTls) await reply(lines, "220");
  const say = (line, ...codes) => {
    socket.write(`${line}\r\n`);
    return reply(lines, ...codes);
  };
  const base64 = (text) => Buffer.from(text).toString("base64");
  const fromBase64 = (text) => Buffer.from(text, "base64").toString();
  await say("EHLO client.test", "250");
  if (waits) {
    console.log("secured");
    await orders.next();
  }
  const session = startSession(["SCRAM-SHA-256-PLUS"], socket);
  const first = await say(`AUTH SCRAM-SHA-256-PLUS ${base64(session.response)}`, "334");
  await continueSession(session, password, fromBase64(first), socket);
  const final = await say(base64(session.response), "334");
  finalizeSession(session, fromBase64(final));
  await say("", "235");
  await say(`MAIL FROM:<${from}>`, "250");
  for (const recipient of to) await say(`RCPT TO:<${recipient}>`, "250");
  await say("DATA", "354");
  await say(`${readFileSync(path, "latin1")}.`, "250");
  await say("QUIT", "221");
  socket.end();
  orders.close();
}

main().catch((error) => {
  console.error(String(error));
  process.exit(1);
});
