/** Logs in over TLS and submits a file by nodemailer: what to do comes as JSON on standard input. */
const { createReadStream, readFileSync } = require("node:fs");
const { createTransport } = require("nodemailer");

const submission = JSON.parse(readFileSync(0, "utf8"));
const { port, implicitTls, mechanism, account, password, authority, from, to, path } = submission;
const transport = createTransport({
  host: "localhost",
  port,
  name: "client.test",
  secure: implicitTls,
  requireTLS: true,
  tls: { ca: readFileSync(authority) },
  ...mechanism && { authMethod: mechanism, auth: { user: account, pass: password } },
});
transport.sendMail({ envelope: { from, to }, raw: createReadStream(path) }).then(
  () => transport.close(),
  (error) => {
    console.error(String(error));
    process.exitCode = 1;
  },
);
