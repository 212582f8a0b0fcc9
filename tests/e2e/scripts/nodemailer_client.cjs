/** Sends a file by nodemailer: PORT FROM FILE RECIPIENT... */
const { createReadStream } = require("node:fs");
const { createTransport } = require("nodemailer");

const [port, from, path, ...to] = process.argv.slice(2);
const transport = createTransport({ host: "127.0.0.1", port: Number(port), name: "client.test" });
transport.sendMail({ envelope: { from, to }, raw: createReadStream(path) }).then(
  () => transport.close(),
  (error) => {
    console.error(String(error));
    process.exitCode = 1;
  },
);
