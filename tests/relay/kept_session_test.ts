import { assertEquals } from "@std/assert";
import type { ClientTlsFacts } from "../../lib/net/tls_transport.ts";
import { HopPool } from "../../lib/relay/hop_pool.ts";
import type { StsPolicy } from "../../lib/relay/mta_sts.ts";
import { RemoteTransaction } from "../../lib/relay/transaction.ts";
import type { MailParameters } from "../../lib/smtp/envelope.ts";
import { envelope, mailbox, world } from "./fake_relay.ts";

const ENFORCED: StsPolicy = { domain: "y.test", id: "1", mode: "enforce", mayUse: () => true };
const facts = { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256" } as const;

/** The messages one after the other: what each asks for, its reply, how many connections there were. */
type Step = [mail: Partial<MailParameters>, policy: StsPolicy | undefined, code: number, n: number];

const TABLE: [name: string, isVerified: boolean, ehlo: string, ehloInTls: string, Step[]][] = [
  ["a session in TLS that proves nothing", false, "250 STARTTLS", "250 fake.test", [
    [{}, undefined, 250, 1],
    [{}, undefined, 250, 1],
    // The session is not taken, and another is no better.
    [{}, ENFORCED, 451, 2],
    [{ tlsRequiredNo: true }, ENFORCED, 250, 2],
    [{ requireTls: true }, undefined, 550, 3],
    // Those that could not have it have left it where it was.
    [{}, undefined, 250, 3],
  ]],
  ["a session in plaintext", true, "250 SIZE", "", [
    [{}, undefined, 250, 1],
    [{}, ENFORCED, 451, 2],
    [{}, undefined, 250, 2],
  ]],
  ["a session in verified TLS", true, "250 STARTTLS", "250 REQUIRETLS", [
    [{}, undefined, 250, 1],
    [{}, ENFORCED, 250, 1],
    [{ requireTls: true }, ENFORCED, 250, 1],
    [{ requireTls: true }, undefined, 550, 2],
  ]],
];

Deno.test("a session that was kept is taken for the messages alone that may go in it", async (t) => {
  for (const [name, isVerified, ehlo, ehloInTls, steps] of TABLE) {
    await t.step(name, async () => {
      const { clock, hosts, remote } = world({
        "192.0.2.3": {
          ehlo: `250-fake.test\r\n${ehlo}`,
          ehloInTls: `250-fake.test\r\n${ehloInTls}`,
        },
      });
      const tls: ClientTlsFacts = { ...facts, isVerified };
      const pool = new HopPool({ pause: () => 0, clock });
      for (const [mail, policy, code, connections] of steps) {
        const visit = pool.enter("mx:y.test", true)!;
        const transaction = new RemoteTransaction(
          { kind: "mx", domain: "y.test" },
          envelope([], mail),
          {
            ...remote,
            secure: (transport) => Promise.resolve({ ...transport, tls }),
            policies: { policyFor: () => Promise.resolve(policy) },
            sessions: visit,
          },
        );
        const rcpt = { forwardPath: mailbox("ann@y.test") };
        const answer = await clock.run(transaction.rcpt(rcpt));
        assertEquals([answer.code, hosts.tried.length], [code, connections], JSON.stringify(mail));
        if (code === 250) {
          await clock.run(transaction.data(""));
          await clock.run(transaction.write(new TextEncoder().encode("Subject: x\r\n\r\n")));
          await clock.run(transaction.end());
        }
        visit.leave();
      }
      await clock.run(pool.close());
    });
  }
});
