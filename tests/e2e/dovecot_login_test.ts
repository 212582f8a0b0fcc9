/** We log in at a Postfix that asks Dovecot, as a smarthost of many does. */
import { assertEquals, assertMatch } from "@std/assert";
import { relay } from "../../lib/mod.ts";
import { AUTHORITY, MX } from "../net/tls_fixture.ts";
import { BackgroundProcess, peerTest } from "../peers.ts";
import { fileNames } from "./mailbox.ts";
import { startNameServer } from "./name_server.ts";
import { POSTFIX, startPostfix } from "./postfix.ts";
import { eventually, temporaryDirectory } from "./smtpd.ts";

const PASSWORD = "c4nary/%é";

/** Nothing of Dovecot but what answers whether a password is right. */
function dovecotConfig(path: string): string {
  return `
protocols =
base_dir = ${path}/run
log_path = ${path}/dovecot.log
ssl = no
auth_mechanisms = plain login scram-sha-256
passdb {
  driver = passwd-file
  args = scheme=PLAIN ${path}/users
}
userdb {
  driver = static
  args = uid=65534 gid=65534 home=/nonexistent
}
service auth {
  unix_listener ${path}/auth {
    mode = 0666
  }
}
`;
}

async function* content() {
  yield await Promise.resolve(new TextEncoder().encode("Subject: sealed\r\n\r\nx\r\n"));
}

peerTest({
  name: "we log in at Postfix with Dovecot by SCRAM-SHA-256, in verified TLS",
  needs: [POSTFIX, "dovecot", "dnsmasq"],
  async fn({ dovecot, dnsmasq }) {
    using directory = temporaryDirectory();
    const { path } = directory;
    Deno.writeTextFileSync(`${path}/users`, `joe:{PLAIN}${PASSWORD}\n`);
    Deno.writeTextFileSync(`${path}/dovecot.conf`, dovecotConfig(path));
    Deno.writeTextFileSync(`${path}/chain.pem`, `${MX.key}${MX.certificate}`, { mode: 0o600 });
    await using dns = await startNameServer(dnsmasq, path, ["address=/mx.test/127.0.0.1"]);
    await using _auth = new BackgroundProcess(dovecot, ["-F", "-c", `${path}/dovecot.conf`]);
    await eventually(() => {
      try {
        return Deno.statSync(`${path}/auth`);
      } catch {
        return undefined;
      }
    }, () => Deno.readTextFileSync(`${path}/dovecot.log`));
    await using postfix = await startPostfix(path, "127.0.0.1", {
      mynetworks: "192.0.2.1",
      smtpd_tls_security_level: "may",
      smtpd_tls_chain_files: `${path}/chain.pem`,
      smtpd_tls_auth_only: "yes",
      smtpd_sasl_auth_enable: "yes",
      smtpd_sasl_type: "dovecot",
      smtpd_sasl_path: `${path}/auth`,
      smtpd_recipient_restrictions: "permit_sasl_authenticated, reject",
    });
    const send = async (password: string) => {
      const user = `joe:${encodeURIComponent(password)}`;
      const [result] = await relay({
        reversePath: { localPart: "ann", domain: "client.test" },
        forwardPaths: [{ localPart: "b", domain: "postfix.test" }],
        smtpUtf8: false,
        content: content(),
      }, {
        route: `smtp://${user}@mx.test:${postfix.port}`,
        hostname: "us.test",
        nameServer: { address: "127.0.0.1", port: dns.port },
        tls: "verify",
        authorities: [AUTHORITY],
      });
      return result;
    };
    const { status, reply } = await send(PASSWORD);
    assertEquals(status, "delivered", `${reply.lines}\n${postfix.log()}`);
    assertMatch(postfix.log(), /sasl_method=SCRAM-SHA-256, sasl_username=joe/);
    await eventually(() => fileNames(postfix.mailbox)[0], () => postfix.log());
    const refused = await send("wrong");
    assertEquals(refused.status, "deferred");
    assertMatch(
      refused.reply.lines[0],
      /^mx\.test\[127\.0\.0\.1\] (?:does not let us in by|failed in) SCRAM-SHA-256: /,
    );
  },
});
