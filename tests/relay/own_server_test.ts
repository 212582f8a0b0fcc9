/** The relay's client and the server hold every exchange with each other that both know. */
import { assertEquals, assertMatch } from "@std/assert";
import { endPointOf } from "../../lib/net/end_point.ts";
import { startServer } from "../../lib/net/server.ts";
import type { TlsIdentity } from "../../lib/net/tls_identity.ts";
import { type SaslServer, saslServer } from "../../lib/policy/sasl.ts";
import { makeVerifier } from "../../lib/policy/scram_verifier.ts";
import { type Credentials, Secret } from "../../lib/relay/credentials.ts";
import { RemoteTransaction } from "../../lib/relay/transaction.ts";
import { isPositive } from "../../lib/smtp/reply.ts";
import { RecordingIntake } from "../net/recording_intake.ts";
import { type LogEvent, serverOptions } from "../net/session_fixture.ts";
import { AUTHORITY, MX, testIdentity } from "../net/tls_fixture.ts";
import { dnsTable, noShuffle } from "./dns_table.ts";
import { envelope, mailbox } from "./fake_relay.ts";

const der = Uint8Array.from(
  atob(MX.certificate.replace(/-----.*-----|\s/g, "")),
  (character) => character.charCodeAt(0),
);

const identity: TlsIdentity = { ...testIdentity(), endPointFor: () => endPointOf(der)! };

/** Lets a server offer one mechanism alone. */
function only(name: string, sasl: SaslServer): SaslServer {
  return {
    ...sasl,
    mechanisms: (session) => sasl.mechanisms(session).filter((offered) => offered === name),
  };
}

const verifier = await makeVerifier("p\u00e4ss", { iterations: 4096 });
const full = saslServer({
  channelBinding: true,
  accounts: { find: (name) => name === "joe" ? { name, verifier, allowedFrom: [] } : undefined },
  token: (_session, { token }) => token === "t0k" ? "joe" : undefined,
});

function credentials(kind: Credentials["kind"], secret: string): Credentials {
  return { user: "joe", kind, source: { kind: "route", secret: new Secret(secret) } };
}

/** Hands in a message; answers the last reply, and what the server has taken and logged. */
async function handIn(
  mechanism: string,
  kind: "smtp" | "smtps",
  who: Credentials,
  offered: TlsIdentity = identity,
) {
  const intake = new RecordingIntake();
  const events: LogEvent[] = [];
  const service = { port: 0, implicitTls: kind === "smtps", submission: true };
  const options = { identity: offered, sasl: only(mechanism, full), service };
  const server = startServer(serverOptions(options, intake, events));
  const { port } = server.endpoints[0];
  const transaction = new RemoteTransaction(
    { kind, host: "mx.test", port, credentials: who },
    envelope([]),
    {
      heloName: "us.test",
      resolver: { dns: dnsTable({ "mx.test": { a: ["127.0.0.1"] } }), random: noShuffle },
      authorities: [AUTHORITY],
      tlsLevelOf: () => "verify",
    },
  );
  let answer = await transaction.rcpt({ forwardPath: mailbox("ann@example.org") });
  if (isPositive(answer)) {
    await transaction.data("");
    await transaction.write(new TextEncoder().encode("Subject: x\r\n\r\nx\r\n"));
    answer = await transaction.end() as typeof answer;
  } else {
    transaction.abort();
  }
  await server.drain(2_000);
  return {
    text: `${answer.code} ${answer.lines[0]}`,
    accounts: events.filter(({ event }) => event === "authenticated").map(({ fields }) =>
      fields?.account
    ),
    messages: intake.messages.length,
  };
}

const TAKEN = "250 mx.test[127.0.0.1] said: 250 2.6.0 Message ok";
const NOT_LET_IN = "451 mx.test[127.0.0.1] does not let us in by";

const EXCHANGES: [mechanism: string, "smtp" | "smtps", Credentials["kind"]][] = [
  ["SCRAM-SHA-256-PLUS", "smtp", "password"],
  ["SCRAM-SHA-256-PLUS", "smtps", "password"],
  ["PLAIN", "smtp", "password"],
  ["LOGIN", "smtps", "password"],
  ["OAUTHBEARER", "smtp", "token"],
];

for (const [mechanism, kind, proof] of EXCHANGES) {
  Deno.test(`the client logs in at the server by ${mechanism} over ${kind}://`, async () => {
    const right = credentials(proof, proof === "token" ? "t0k" : "p\u00e4ss");
    assertEquals(await handIn(mechanism, kind, right), {
      text: TAKEN,
      accounts: ["joe"],
      messages: 1,
    });
    assertEquals(await handIn(mechanism, kind, credentials(proof, "wrong")), {
      text: `${NOT_LET_IN} ${mechanism}: 535 5.7.8 Authentication credentials invalid`,
      accounts: [],
      messages: 0,
    });
  });
}

Deno.test("client and server notice that the offer of channel binding was taken away", async () => {
  const { text, messages } = await handIn(
    "SCRAM-SHA-256",
    "smtp",
    credentials("password", "p\u00e4ss"),
  );
  assertMatch(
    text,
    /does not let us in by SCRAM-SHA-256: 535 5\.7\.8 SCRAM-SHA-256-PLUS was offered/,
  );
  assertEquals(messages, 0);
});

Deno.test("client and server notice a certificate between them that is not the server's", async () => {
  const other = { ...identity, endPointFor: () => new Uint8Array(32) };
  const right = credentials("password", "p\u00e4ss");
  const { text, messages } = await handIn("SCRAM-SHA-256-PLUS", "smtps", right, other);
  assertEquals(
    [text.startsWith(`${NOT_LET_IN} SCRAM-SHA-256-PLUS: 535`), messages],
    [true, 0],
    text,
  );
});
