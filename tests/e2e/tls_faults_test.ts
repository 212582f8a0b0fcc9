/** What real clients make of handshakes that fail as scripted, as the README says. */
import { assertEquals } from "@std/assert";
import { ADDRESS, AUTHORITY } from "../net/tls_fixture.ts";
import { peerTest } from "../peers.ts";
import { FAULTY_CLIENTS, isOfTls, outcomesInReadme, startFaulty } from "./faulty_clients.ts";
import { temporaryDirectory } from "./smtpd.ts";

const TABLE = [...outcomesInReadme()].filter(([rule]) => isOfTls(rule));

for (const kind of FAULTY_CLIENTS) {
  peerTest({
    name: `${kind.name} does what the README says where TLS fails`,
    needs: kind.needs,
    async fn(_, t) {
      using directory = temporaryDirectory();
      const [certificate, key, authority] = ["crt", "key", "ca"].map((name) =>
        `${directory.path}/${name}`
      );
      Deno.writeTextFileSync(certificate, ADDRESS.certificate);
      Deno.writeTextFileSync(key, ADDRESS.key, { mode: 0o600 });
      Deno.writeTextFileSync(authority, AUTHORITY);
      await using server = await startFaulty("--tls-cert", certificate, "--tls-key", key);
      for (const [i, [rule, outcomes]] of TABLE.entries()) {
        await t.step(rule, async () => {
          // One that has begun TLS keeps its connection, and another handshake is what it is about.
          await using client = await kind.start(server.port, directory.path, authority);
          const { attempts, tls } = await server.fail(rule, client, `box${i}@slow.test`);
          const outcome = attempts.endsWith("sent")
            ? `${attempts} in ${tls ? "TLS" : "plaintext"}`
            : attempts;
          assertEquals(outcome, outcomes.get(kind.name));
        });
      }
    },
  });
}
