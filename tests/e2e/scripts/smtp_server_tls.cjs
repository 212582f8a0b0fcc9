/**
 * Takes mail by smtp-server in TLS, and tells of each message on a line of JSON: ADDRESS PORT OPTIONS. The
 * options are JSON: key, cert, secure, methods, user, password, hidden (no STARTTLS).
 */
const { SMTPServer } = require("smtp-server");

const [address, port, options] = process.argv.slice(2);
const { key, cert, secure, methods, user, password, hidden } = JSON.parse(options);
const server = new SMTPServer({
  name: "smtp-server.test",
  secure,
  key,
  cert,
  authMethods: methods,
  authOptional: user === undefined,
  disabledCommands: [...(user === undefined ? ["AUTH"] : []), ...(hidden ? ["STARTTLS"] : [])],
  disableReverseLookup: true,
  onAuth(auth, _session, callback) {
    const isRight = auth.username === user && auth.password === password;
    callback(isRight ? null : new Error("Wrong user or password"), { user: auth.username });
  },
  onData(stream, session, callback) {
    let size = 0;
    stream.on("data", (chunk) => size += chunk.length);
    stream.on("end", () => {
      const { secure, user, tlsOptions } = session;
      const version = tlsOptions && tlsOptions.version;
      console.log(JSON.stringify({ secure, user, version, servername: session.servername, size }));
      callback();
    });
  },
});
server.on("error", () => {});
server.listen(Number(port), address, () => console.log("ready"));
