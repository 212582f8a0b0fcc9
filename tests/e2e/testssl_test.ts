/** testssl.sh looks for what is weak in TLS. It takes minutes. */
import { assertEquals } from "@std/assert";
import { peerTest } from "../peers.ts";
import { LOCALHOST } from "./certificates.ts";
import { runProgram, temporaryDirectory } from "./smtpd.ts";
import { SERVICES, startTlsServer } from "./tls_server.ts";

/** Ten times what it takes where it has a core to itself, in milliseconds. */
const PATIENCE = 900_000;

/** One thing that testssl.sh has looked at. */
interface Finding {
  readonly id: string;
  readonly severity: string;
  readonly finding: string;
}

/** What is worse than information; `WARN` says that testssl.sh could not look. */
const GRADES = ["LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL"];

/** What has to be looked at and found well. */
const SOUND = [
  ...["BEAST", "CCS", "CRIME_TLS", "DROWN", "FREAK", "LOGJAM", "LUCKY13", "POODLE_SSL", "RC4"],
  ...["ROBOT", "SWEET32", "fallback_SCSV", "heartbleed", "secure_client_renego", "secure_renego"],
];

/**
 * What is of the certificate that a test makes for itself, and of no server: its authority is known to
 * nobody, and it has no place where it could be revoked.
 */
const OF_THE_CERTIFICATE = ["cert_chain_of_trust", "cert_revocation"];

/** TLS that begins later and at once, each with a key of another kind. */
const [SMTP, , SMTPS] = SERVICES;
for (const [service, key] of [[SMTP, "p256"], [SMTPS, "rsa"]] as const) {
  peerTest({
    name: `testssl.sh finds nothing weak at ${service.name} with a certificate of ${key}`,
    needs: ["testssl", "openssl"],
    async fn({ testssl }) {
      using directory = temporaryDirectory();
      await using server = await startTlsServer(directory.path, { key });
      const report = `${directory.path}/testssl.json`;
      const { text } = await runProgram(testssl, [
        ...["--quiet", "--color", "0", "--warnings", "off", "--jsonfile", report],
        ...["--nodns", "min", "-p", "-s", "-f", "-S", "-U"],
        ...service.implicitTls ? [] : ["--starttls", "smtp"],
        `${LOCALHOST}:${server.portOf(service)}`,
      ], { patience: PATIENCE });
      const findings: Finding[] = JSON.parse(Deno.readTextFileSync(report));
      const found = new Map(findings.map((finding) => [finding.id, finding.finding]));
      for (const id of ["SSLv2", "SSLv3", "TLS1", "TLS1_1"]) {
        assertEquals(found.get(id)?.startsWith("not offered"), true, `${id} ${found.get(id)}`);
      }
      for (const id of ["TLS1_2", "TLS1_3", "PFS"]) {
        assertEquals(found.get(id)?.startsWith("offered"), true, `${id} ${found.get(id)}`);
      }
      const sound = new Set(
        findings.filter(({ severity }) => severity === "OK").map(({ id }) => id),
      );
      assertEquals(SOUND.filter((id) => !sound.has(id)), [], text);
      const bad = findings.filter(({ id, severity }) =>
        GRADES.includes(severity) && !OF_THE_CERTIFICATE.includes(id)
      );
      assertEquals(bad, [], text);
    },
  });
}
