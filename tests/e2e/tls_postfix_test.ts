/** Postfix hands all its mail to us as to the smarthost of a provider: over TLS, and logged in. */
import { assertEquals, assertMatch } from "@std/assert";
import { peerTest } from "../peers.ts";
import { PASSWORD, WRONG_PASSWORD } from "./canaries.ts";
import { LOCALHOST } from "./certificates.ts";
import { Dialog } from "./dialog.ts";
import { splitForeignReceived } from "./mailbox.ts";
import { POSTFIX, startPostfix } from "./postfix.ts";
import { eventually, temporaryDirectory } from "./smtpd.ts";
import {
  ACCOUNT,
  FOREIGN,
  HELD,
  type Service,
  SERVICES,
  startTlsServer,
  type TlsServer,
} from "./tls_server.ts";

const MESSAGE = new TextEncoder().encode(
  `From: ${ACCOUNT}@client.test\r\nSubject: relayed\r\nMessage-ID: <1@client.test>\r\n` +
    "Date: Thu, 1 Jan 2026 00:00:00 +0000\r\n\r\nhello\r\n",
);

/** How the mechanism is chosen: Cyrus SASL takes the best of all, or of those that the filter leaves. */
const MECHANISMS = [undefined, "plain", "login", "scram-sha-256"] as const;

/** A Postfix whose mail for everywhere goes to a service. */
function startClient(
  directory: string,
  server: TlsServer,
  service: Service,
  { mechanism, password }: { readonly mechanism?: string; readonly password: string },
) {
  const relayhost = `[${LOCALHOST}]:${server.portOf(service)}`;
  const passwords = `${directory}/passwords`;
  Deno.writeTextFileSync(passwords, `${relayhost} ${ACCOUNT}:${password}\n`);
  return startPostfix(directory, "127.0.0.1", {
    relayhost,
    smtp_helo_name: "client.test",
    smtp_tls_security_level: "verify",
    smtp_tls_CAfile: server.authority.path,
    smtp_tls_loglevel: "1",
    smtp_tls_wrappermode: service.implicitTls ? "yes" : "no",
    smtp_sasl_auth_enable: "yes",
    smtp_sasl_password_maps: `texthash:${passwords}`,
    smtp_sasl_tls_security_options: "noanonymous",
    ...mechanism !== undefined && { smtp_sasl_mechanism_filter: mechanism },
  });
}

peerTest({
  name: "Postfix logs in over TLS at every port, by each mechanism that it knows",
  needs: [POSTFIX, "openssl", "ps"],
  async fn(_, t) {
    using directory = temporaryDirectory();
    await using server = await startTlsServer(directory.path);
    const mailboxes: string[] = [];
    for (const service of SERVICES) {
      // How TLS begins makes no difference to the mechanisms.
      for (const mechanism of service.implicitTls ? [undefined] : MECHANISMS) {
        await t.step(`${service.name} ${mechanism ?? "the best"}`, async () => {
          await using postfix = await startClient(directory.path, server, service, {
            mechanism,
            password: PASSWORD,
          });
          const box = `${service.name}-${mechanism ?? "best"}`;
          using dialog = await Dialog.open(postfix.port);
          const to = [`${box}@${FOREIGN}`, `${box}@${HELD}`];
          const replies = await dialog.sendMail(`${ACCOUNT}@client.test`, to, MESSAGE);
          assertEquals(replies.map(({ code }) => code), [250, 250, 250, 354, 250]);
          const [arrived] = await eventually(
            () => {
              const messages = server.messagesOf(to[0]);
              return messages.length > 0 ? messages : undefined;
            },
            () => postfix.log(),
          );
          assertMatch(arrived.received, /^Received: from client\.test \(\[127\.0\.0\.1\]\)/);
          assertMatch(arrived.received, /\swith ESMTPSA\s/);
          const { content } = splitForeignReceived(arrived.content, "\r\n");
          assertEquals(content, MESSAGE);
          assertMatch(postfix.log(), /Verified TLS connection established to localhost/);
          mailboxes.push(`${FOREIGN}/${box}`);
        });
      }
    }
    await t.step("with a wrong password", async () => {
      const [, submission] = SERVICES;
      await using postfix = await startClient(directory.path, server, submission, {
        password: WRONG_PASSWORD,
      });
      using dialog = await Dialog.open(postfix.port);
      const replies = await dialog.sendMail("a@client.test", [`nobody@${FOREIGN}`], MESSAGE);
      assertEquals(replies.at(-1)?.code, 250);
      await eventually(
        () =>
          /status=deferred \(SASL authentication failed; .* 535 5\.7\.8 /.exec(postfix.log()) ??
            undefined,
        () => postfix.log(),
      );
    });
    await server.assertNoCanaries();
    await server.stop();
    assertEquals(server.mailboxes(), mailboxes.sort());
  },
});
