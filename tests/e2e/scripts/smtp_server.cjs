/** Stores each message that comes by smtp-server in a file: ADDRESS PORT DIRECTORY. */
const { createWriteStream } = require("node:fs");
const { SMTPServer } = require("smtp-server");

const [address, port, directory] = process.argv.slice(2);
let count = 0;
const server = new SMTPServer({
  name: "smtp-server.test",
  authOptional: true,
  disabledCommands: ["AUTH", "STARTTLS"],
  disableReverseLookup: true,
  onData(stream, _session, callback) {
    stream.pipe(createWriteStream(`${directory}/${count++}`)).on("finish", () => callback());
  },
});
server.listen(Number(port), address, () => console.log("ready"));
