/** What real clients ask of notices (RFC 3461) comes to the next hop as they asked it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { findPeer, freePort, peerTest } from "../peers.ts";
import { EHLO } from "../relay/fake_hosts.ts";
import { octets } from "./corpus.ts";
import { Hops } from "./hops.ts";
import { readMailbox } from "./mailbox.ts";
import { eventually, runProgram, startSmtpd, temporaryDirectory } from "./smtpd.ts";

const MESSAGE = octets("Subject: notices\r\n\r\nx\r\n");

const NODEMAILER = `
const transport = require("nodemailer").createTransport({ host: "127.0.0.1", port: +process.argv[1] });
transport.sendMail({
  envelope: { from: "a@local.test", to: ["b@one.test"] },
  raw: "Subject: notices\\r\\n\\r\\nx\\r\\n",
  dsn: { id: "id+7=", return: "full", notify: ["success", "failure"], recipient: "first@local.test" },
}).then(() => transport.close());
`;

const SMTPLIB = `
import smtplib, sys
with smtplib.SMTP("127.0.0.1", int(sys.argv[1])) as client:
    client.sendmail("a@local.test", ["b@one.test"], b"Subject: notices\\r\\n\\r\\nx\\r\\n",
        ["RET=HDRS", "ENVID=id+2B7"], ["NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;first@local.test"])
`;

/** A client, and the parameters of MAIL and RCPT that it comes with. */
interface Asking {
  readonly name: string;
  readonly needs: string;
  send(path: string, port: number): ReturnType<typeof runProgram>;
  readonly mail: readonly string[];
  readonly rcpt: readonly string[];
}

const CLIENTS: readonly Asking[] = [
  {
    name: "msmtp",
    needs: "msmtp",
    send: (path, port) =>
      runProgram(path, [
        ...["--file=/dev/null", "--host=127.0.0.1", `--port=${port}`, "--from=a@local.test"],
        ...["--dsn-notify=success,failure", "--dsn-return=headers", "b@one.test"],
      ], { input: MESSAGE }),
    mail: ["RET=HDRS"],
    rcpt: ["NOTIFY=SUCCESS,FAILURE"],
  },
  {
    name: "nodemailer",
    needs: "npm:nodemailer",
    send: (modules, port) =>
      runProgram("node", ["-e", NODEMAILER, `${port}`], { env: { NODE_PATH: modules } }),
    mail: ["RET=FULL", "ENVID=id+2B7+3D"],
    rcpt: ["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;first@local.test"],
  },
  {
    name: "Python smtplib",
    needs: "python:smtplib",
    send: (python, port) => runProgram(python, ["-c", SMTPLIB, `${port}`]),
    mail: ["RET=HDRS", "ENVID=id+2B7"],
    rcpt: ["NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;first@local.test"],
  },
];

for (const { name, needs, send, mail, rcpt } of CLIENTS) {
  peerTest({
    name: `what ${name} asks of notices is passed on, or answered where it cannot be`,
    needs: [needs],
    async fn() {
      const path = findPeer(needs);
      assert(path !== undefined);
      for (const takesOver of [true, false]) {
        using directory = temporaryDirectory();
        const port = freePort();
        const script = takesOver ? { ehlo: EHLO.replace(" SMTPUTF8", "-DSN\r\n250 SMTPUTF8") } : {};
        using hops = new Hops(port, { "127.0.0.1": script });
        await using smtpd = await startSmtpd(
          ...["--route", `smtp://127.0.0.1:${port}`],
          ...["--local-domain", "local.test", "--maildir", `${directory.path}/mail`],
        );
        const { code, text } = await send(path, smtpd.port);
        assertEquals(code, 0, text);
        await smtpd.event("delivered", { to: "b@one.test" });
        const seen = (verb: string) => {
          const { commands } = hops.seen("127.0.0.1");
          const line = commands.find((line) => line.startsWith(verb)) ?? "";
          return line.split(" ").filter((word) => /^(?:RET|ENVID|NOTIFY|ORCPT)=/.test(word)).sort();
        };
        assertEquals(seen("MAIL"), takesOver ? mail.toSorted() : []);
        assertEquals(seen("RCPT"), takesOver ? rcpt.toSorted() : []);
        const notices = () => readMailbox(`${directory.path}/mail/local.test/a`);
        if (takesOver) {
          assertEquals(notices(), []);
          continue;
        }
        const [notice, ...others] = await eventually(() => {
          const all = notices();
          return all.length > 0 ? all : undefined;
        });
        assertEquals(others, []);
        const said = new TextDecoder().decode(notice);
        assertMatch(said, /^Final-Recipient: rfc822; b@one\.test\r\nAction: relayed\r$/m);
      }
    },
  });
}
