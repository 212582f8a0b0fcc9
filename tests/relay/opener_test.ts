import { assertEquals } from "@std/assert";
import type { ClientTlsFacts } from "../../lib/net/tls_transport.ts";
import type { Secure } from "../../lib/relay/connector.ts";
import type { StsPolicy } from "../../lib/relay/mta_sts.ts";
import { Secret } from "../../lib/relay/credentials.ts";
import type { HostHop } from "../../lib/relay/next_hop.ts";
import type { RemoteHop } from "../../lib/relay/resolver.ts";
import type { TlsLevel } from "../../lib/relay/tls_policy.ts";
import { RemoteTransaction } from "../../lib/relay/transaction.ts";
import type { MailParameters } from "../../lib/smtp/envelope.ts";
import { encodeBase64 } from "../../lib/smtp/base64.ts";
import type { Script } from "./fake_hosts.ts";
import { envelope, mailbox, world } from "./fake_relay.ts";

const VERIFIED: ClientTlsFacts = {
  version: "TLSv1.3",
  cipher: "TLS_AES_128_GCM_SHA256",
  isVerified: true,
};
const UNVERIFIED: ClientTlsFacts = { ...VERIFIED, isVerified: false, problem: "self-signed" };
const MX: RemoteHop = { kind: "mx", domain: "y.test" };
const HOST = "mx.y.test[192.0.2.3]";

const NO_TLS = "mx.y.test does not offer STARTTLS";
const FAILED = "TLS with mx.y.test cannot be begun";
const OURS = "this server sends no mail there without";
const ASKED = "the MTA-STS policy of y.test asks for it";

const EHLO = "250-fake.test\r\n250 STARTTLS";

/** What a handshake comes to. */
type Handshake = ClientTlsFacts | "fails" | "hangs";

interface Options {
  readonly level?: TlsLevel;
  readonly handshake?: Handshake;
  readonly hop?: RemoteHop;
  readonly mail?: Partial<MailParameters>;
  readonly policy?: StsPolicy;
}

/** Names a recipient to the host at 192.0.2.3, and tells what came of it and what the host has seen. */
async function ask(script: Script, options: Options = {}) {
  const { level = "opportunistic", handshake = UNVERIFIED, hop = MX, mail = {}, policy } = options;
  const { clock, hosts, remote } = world({ "192.0.2.3": script });
  const names: string[] = [];
  const logged: string[] = [];
  const handshakes: string[] = [];
  const secure: Secure = (transport, { serverName, signal }) => {
    names.push(serverName);
    if (handshake === "fails") return Promise.reject(new Error("bad record"));
    if (handshake === "hangs") {
      return new Promise((_, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason));
      });
    }
    return Promise.resolve({ ...transport, tls: handshake });
  };
  const transaction = new RemoteTransaction(hop, envelope([], mail), {
    ...remote,
    secure,
    tlsLevelOf: () => level,
    policies: { policyFor: (domain) => Promise.resolve(domain === "y.test" ? policy : undefined) },
    log: (level, event, fields) => {
      (level === "debug" ? handshakes : logged).push(`${event} ${JSON.stringify(fields)}`);
    },
  });
  const start = clock.now();
  const answer = await clock.run(transaction.rcpt({ forwardPath: mailbox("ann@y.test") }));
  const took = clock.now() - start;
  let message: string | undefined;
  if (answer.code === 250) {
    await clock.run(transaction.data(""));
    await clock.run(transaction.write(new TextEncoder().encode("Subject: x\r\n\r\nx\r\n")));
    message = `${(await clock.run(transaction.end()) as { code: number }).code}`;
  }
  transaction.abort();
  const { commands } = hosts.seen("192.0.2.3");
  const text = `${answer.code} ${answer.enhanced} ${answer.lines[0]}`;
  return { text, commands, tried: hosts.tried.length, names, logged, handshakes, message, took };
}

Deno.test("opener goes on in TLS where it is offered, with any certificate", async () => {
  const { text, commands, names, logged, message } = await ask({ ehlo: EHLO });
  assertEquals(text, `250 2.1.5 ${HOST} said: 250 2.1.5 recipient ok`);
  assertEquals(commands.slice(0, 4), [
    "EHLO us.test",
    "STARTTLS",
    "EHLO us.test",
    "MAIL FROM:<joe@us.test>",
  ]);
  assertEquals(names, ["mx.y.test"]);
  assertEquals(message, "250");
  assertEquals(
    logged.map((line) =>
      line.includes(
        '"tls":"TLSv1.3 TLS_AES_128_GCM_SHA256 unverified (self-signed)"',
      )
    ),
    [true],
  );
});

Deno.test("opener knows nothing in TLS of what was offered before", async () => {
  const { commands } = await ask({
    ehlo: `${EHLO.replace("250 STARTTLS", "250-SIZE")}\r\n250 STARTTLS`,
    ehloInTls: "250 fake.test",
  }, { mail: { size: 5 } });
  assertEquals(commands[3], "MAIL FROM:<joe@us.test>");
});

/** What becomes of mail: the script of the host, the level, the handshake, the outcome. */
const OUTCOMES: [
  script: Script,
  level: TlsLevel,
  handshake: Handshake,
  outcome: string,
  connections: number,
][] = [
  [{}, "opportunistic", UNVERIFIED, "250 2.1.5", 1],
  [{}, "require", UNVERIFIED, `451 4.7.4 ${NO_TLS}; ${OURS}`, 1],
  [{}, "verify", VERIFIED, `451 4.7.4 ${NO_TLS}; ${OURS}`, 1],
  [{ ehlo: EHLO }, "require", UNVERIFIED, "250 2.1.5", 1],
  [{ ehlo: EHLO }, "verify", VERIFIED, "250 2.1.5", 1],
  [
    { ehlo: EHLO },
    "verify",
    UNVERIFIED,
    `451 4.7.5 The certificate of mx.y.test is not verified: self-signed; ${OURS}`,
    1,
  ],
  // Plaintext, on a connection of its own.
  [{ ehlo: EHLO }, "opportunistic", "fails", "250 2.1.5", 2],
  [{ ehlo: EHLO }, "opportunistic", "hangs", "250 2.1.5", 2],
  [{ ehlo: EHLO, starttls: "454 4.7.0 no" }, "opportunistic", VERIFIED, "250 2.1.5", 2],
  [{ ehlo: EHLO, starttls: "502 5.5.1 no" }, "opportunistic", VERIFIED, "250 2.1.5", 2],
  [{ ehlo: EHLO, starttls: "drop" }, "opportunistic", VERIFIED, "250 2.1.5", 2],
  [{ ehlo: EHLO, ehloInTls: "drop" }, "opportunistic", VERIFIED, "250 2.1.5", 2],
  [{ ehlo: EHLO }, "require", "fails", `451 4.7.5 ${FAILED}: bad record; ${OURS}`, 1],
  [{ ehlo: EHLO }, "verify", "fails", `451 4.7.5 ${FAILED}: bad record; ${OURS}`, 1],
  [
    { ehlo: EHLO },
    "require",
    "hangs",
    `451 4.7.5 ${FAILED}: the handshake took too long; ${OURS}`,
    1,
  ],
  // A lasting refusal of STARTTLS is none of the message.
  [
    { ehlo: EHLO, starttls: "554 5.7.3 no" },
    "require",
    VERIFIED,
    `451 4.7.5 ${FAILED}: it refuses STARTTLS: 554 5.7.3 no; ${OURS}`,
    1,
  ],
  [
    { ehlo: EHLO, starttls: "drop" },
    "verify",
    VERIFIED,
    `451 4.7.5 ${FAILED}: the session was lost: `,
    1,
  ],
  // Neither an attack nor a host that wants no mail is a reason to try it in plaintext.
  [
    { ehlo: EHLO, starttls: "220 go\r\n250-x\r\n250 SIZE" },
    "opportunistic",
    VERIFIED,
    `451 4.5.0 ${HOST} broke the protocol: octets came in plaintext behind the reply to STARTTLS`,
    1,
  ],
  [
    { ehlo: EHLO, starttls: "250 go" },
    "opportunistic",
    VERIFIED,
    `451 4.5.0 ${HOST} broke the protocol: a 250 reply came to STARTTLS`,
    1,
  ],
  [{ ehlo: EHLO, starttls: "421 4.3.2 no" }, "opportunistic", VERIFIED, "451 4.3.2", 1],
  [
    { ehlo: EHLO, ehloInTls: "450 4.3.2 no" },
    "opportunistic",
    VERIFIED,
    `451 4.3.2 ${HOST} said: 450 4.3.2 no`,
    1,
  ],
];

Deno.test("opener gives up TLS where that is allowed, and else the host", async () => {
  for (const [script, level, handshake, outcome, connections] of OUTCOMES) {
    const what = JSON.stringify([script, level, handshake]);
    const { text, tried, logged, took, commands } = await ask(script, { level, handshake });
    assertEquals(text.slice(0, outcome.length), outcome, what);
    assertEquals(tried, connections, what);
    assertEquals(took, handshake === "hangs" ? 30_000 : 0, what);
    assertEquals(logged.some((line) => line.startsWith("tls-failed")), connections === 2, what);
    if (outcome.startsWith("451 4.7")) {
      assertEquals(commands.some((command) => command.startsWith("MAIL")), false, what);
    }
  }
});

Deno.test("opener tells the log why a session is in plaintext, and the ledger how it was encrypted", async () => {
  const { logged } = await ask({ ehlo: EHLO }, { handshake: "fails" });
  const where = '"hop":"mx:y.test","host":"mx.y.test","address":"192.0.2.3","port":25';
  assertEquals(logged, [
    `tls-failed {${where},"problem":"${FAILED}: bad record"}`,
    `relayed {${where},"reply":"250 2.0.0 ${HOST} said: 250 2.0.0 queued","tls":"none"}`,
  ]);
});

Deno.test("opener tells the log of each handshake", async () => {
  const where = '"host":"mx.y.test","address":"192.0.2.3","port":25';
  const cipher = "TLS_AES_128_GCM_SHA256";
  const table: [Handshake, string][] = [
    [UNVERIFIED, `hop-secured {${where},"version":"TLSv1.3","cipher":"${cipher}"}`],
    ["fails", `hop-not-secured {${where},"problem":"bad record"}`],
  ];
  for (const [handshake, expected] of table) {
    assertEquals((await ask({ ehlo: EHLO }, { handshake })).handshakes, [expected]);
  }
});

const SMTPS: HostHop = { kind: "smtps", host: "192.0.2.3", port: 465 };

Deno.test("opener begins with TLS at smtps://, and never without", async () => {
  const table: [TlsLevel, Handshake, string][] = [
    ["opportunistic", UNVERIFIED, "250 2.1.5"],
    ["opportunistic", "fails", `451 4.7.5 TLS with 192.0.2.3 cannot be begun: bad record; ${OURS}`],
    ["verify", VERIFIED, "250 2.1.5"],
    ["verify", UNVERIFIED, "451 4.7.5 The certificate of 192.0.2.3 is not verified"],
  ];
  for (const [level, handshake, outcome] of table) {
    // STARTTLS is offered in vain: the session is encrypted already.
    const { text, tried, commands, names } = await ask({ ehlo: EHLO }, {
      level,
      handshake,
      hop: SMTPS,
    });
    assertEquals(text.slice(0, outcome.length), outcome);
    assertEquals([tried, names, commands.includes("STARTTLS")], [1, ["192.0.2.3"], false]);
  }
});

const JOE: HostHop = {
  kind: "smtp",
  host: "192.0.2.3",
  port: 587,
  credentials: {
    user: "joe",
    kind: "password",
    source: { kind: "route", secret: new Secret("s3cr3t") },
  },
};
const AT = "192.0.2.3[192.0.2.3]";
const offer = (mechanisms: string) => `250-fake.test\r\n250-STARTTLS\r\n250 AUTH ${mechanisms}`;

Deno.test("opener logs in before it hands in mail", async () => {
  const script = {
    ehlo: EHLO,
    ehloInTls: offer("LOGIN PLAIN"),
    auth: ["235 2.7.0 ok"],
  };
  const { text, commands, message } = await ask(script, { hop: JOE, handshake: VERIFIED });
  assertEquals(text.slice(0, 9), "250 2.1.5");
  assertEquals(message, "250");
  assertEquals(commands.slice(2, 5), [
    "EHLO us.test",
    `AUTH PLAIN ${encodeBase64(new TextEncoder().encode("\0joe\0s3cr3t"))}`,
    "MAIL FROM:<joe@us.test>",
  ]);
});

Deno.test("opener logs in by LOGIN where there is nothing else", async () => {
  const auth = ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 2.7.0 ok"];
  const script = { ehlo: EHLO, ehloInTls: offer("LOGIN"), auth };
  const { text, commands } = await ask(script, { hop: JOE, handshake: VERIFIED });
  assertEquals(text.slice(0, 9), "250 2.1.5");
  assertEquals(commands.slice(3, 6), ["AUTH LOGIN", btoa("joe"), btoa("s3cr3t")]);
});

/** Why a login comes to nothing. It is never a reason to bounce mail, and never shows the password. */
const REFUSED: [script: Script, handshake: Handshake, outcome: string][] = [
  [
    { ehlo: offer("PLAIN LOGIN"), ehloInTls: offer("PLAIN LOGIN") },
    UNVERIFIED,
    `451 4.7.0 Cannot log in at ${AT}: PLAIN and LOGIN would give the password away: its ` +
    "certificate is not verified (self-signed)",
  ],
  [
    { ehlo: offer("PLAIN") },
    "fails",
    `451 4.7.0 Cannot log in at ${AT}: PLAIN would give the password away: the session is not ` +
    "encrypted",
  ],
  [{}, VERIFIED, `451 4.7.0 Cannot log in at ${AT}: it offers no AUTH`],
  [
    { ehlo: EHLO, ehloInTls: offer("PLAIN"), auth: ["535 5.7.8 wrong"] },
    VERIFIED,
    `451 4.7.8 ${AT} does not let us in by PLAIN: 535 5.7.8 wrong`,
  ],
  [
    { ehlo: EHLO, ehloInTls: offer("PLAIN"), auth: ["334 ", "501 5.7.0 no"] },
    VERIFIED,
    `451 4.7.8 ${AT} failed in PLAIN: a challenge came that PLAIN does not have`,
  ],
  [
    { ehlo: offer("SCRAM-SHA-256"), ehloInTls: offer("SCRAM-SHA-256"), auth: ["235 2.7.0 ok"] },
    VERIFIED,
    `451 4.7.8 ${AT} did not show that it knows the password (SCRAM-SHA-256)`,
  ],
  [
    {
      ehlo: EHLO,
      ehloInTls: offer("SCRAM-SHA-256"),
      auth: [`334 ${btoa("r=x,s=AAAA,i=4096")}`, "535 5.7.8 x"],
    },
    VERIFIED,
    `451 4.7.8 ${AT} failed in SCRAM-SHA-256: the nonce of SCRAM is not ours`,
  ],
  [
    { ehlo: EHLO, ehloInTls: offer("LOGIN"), auth: ["334 !", "501 5.7.0 no"] },
    VERIFIED,
    `451 4.5.0 ${AT} broke the protocol: a challenge is not in base64`,
  ],
  [
    { ehlo: EHLO, ehloInTls: offer("LOGIN"), auth: ["334 ", "drop"] },
    VERIFIED,
    `451 4.4.2 ${AT} was lost`,
  ],
];

Deno.test("opener hands in no mail where it cannot log in", async () => {
  for (const [script, handshake, outcome] of REFUSED) {
    const { text, commands, logged } = await ask(script, { hop: JOE, handshake });
    assertEquals(text.slice(0, outcome.length), outcome);
    assertEquals(commands.some((command) => command.startsWith("MAIL")), false);
    assertEquals([text, ...logged].some((line) => line.includes("s3cr3t")), false);
  }
});

Deno.test("opener does not wait for a host that hangs in AUTH for ever", async () => {
  const script: Script = { ehlo: EHLO, ehloInTls: offer("PLAIN"), auth: ["hang"] };
  const { text, took } = await ask(script, { hop: JOE, handshake: VERIFIED });
  assertEquals(text, `451 4.4.2 ${AT} was lost: the time for the reply (auth) is up`);
  assertEquals(took, 120_000);
});

function policy(mode: StsPolicy["mode"], host = "mx.y.test"): StsPolicy {
  return { domain: "y.test", id: "1", mode, mayUse: (name) => name === host };
}

/** What becomes of mail where the domain has a policy: how often we connect, what the log is told. */
const BY_POLICY: [
  script: Script,
  handshake: Handshake,
  policy: StsPolicy,
  mail: Partial<MailParameters>,
  outcome: string,
  connections: number,
  logged: string,
][] = [
  [{ ehlo: EHLO }, VERIFIED, policy("enforce"), {}, "250 2.1.5", 1, "relayed"],
  [{}, VERIFIED, policy("enforce"), {}, `451 4.7.4 ${NO_TLS}; ${ASKED}`, 1, "attempt-failed"],
  [
    { ehlo: EHLO },
    "fails",
    policy("enforce"),
    {},
    `451 4.7.5 ${FAILED}: bad record; ${ASKED}`,
    1,
    "attempt-failed",
  ],
  [
    { ehlo: EHLO },
    UNVERIFIED,
    policy("enforce"),
    {},
    `451 4.7.5 The certificate of mx.y.test is not verified: self-signed; ${ASKED}`,
    1,
    "attempt-failed",
  ],
  [
    { ehlo: EHLO },
    VERIFIED,
    policy("enforce", "other.y.test"),
    {},
    "451 4.7.0 mx.y.test is no mail host in the MTA-STS policy of y.test",
    0,
    "attempt-failed",
  ],
  [{}, VERIFIED, policy("enforce"), { tlsRequiredNo: true }, "250 2.1.5", 1, "relayed"],
  [
    { ehlo: EHLO },
    "fails",
    policy("enforce"),
    { tlsRequiredNo: true },
    "250 2.1.5",
    2,
    "tls-failed",
  ],
  [
    {},
    VERIFIED,
    policy("enforce"),
    { requireTls: true, tlsRequiredNo: true },
    `550 5.7.30 ${NO_TLS}; the sender asks for REQUIRETLS`,
    1,
    "attempt-failed",
  ],
  [{}, VERIFIED, policy("testing"), {}, "250 2.1.5", 1, "mta-sts-testing"],
  [{ ehlo: EHLO }, "fails", policy("testing"), {}, "250 2.1.5", 2, "tls-failed"],
  [{ ehlo: EHLO }, UNVERIFIED, policy("testing"), {}, "250 2.1.5", 1, "mta-sts-testing"],
  [{ ehlo: EHLO }, VERIFIED, policy("testing", "x"), {}, "250 2.1.5", 1, "mta-sts-testing"],
];

Deno.test("opener keeps to the policy of the domain, and tells which one was in the way", async () => {
  for (const [script, handshake, policy, mail, outcome, connections, event] of BY_POLICY) {
    const what = JSON.stringify([script, handshake, policy.mode, mail]);
    const { text, tried, logged, commands } = await ask(script, { handshake, policy, mail });
    assertEquals(text.slice(0, outcome.length), outcome, what);
    assertEquals(tried, connections, what);
    assertEquals(logged[0].split(" ")[0], event, what);
    const isTaken = outcome.startsWith("250");
    assertEquals(commands.some((command) => command.startsWith("MAIL")), isTaken, what);
  }
});

Deno.test("a policy that cannot be had now puts mail off", async () => {
  const { clock, remote } = world({ "192.0.2.3": {} });
  const transaction = new RemoteTransaction(MX, envelope([]), {
    ...remote,
    policies: { policyFor: () => Promise.reject(new Error("closed")) },
  });
  const { code, lines } = await clock.run(transaction.rcpt({ forwardPath: mailbox("a@y.test") }));
  assertEquals([code, ...lines], [451, "The MTA-STS policy of y.test cannot be had now: closed"]);
});

Deno.test("a message that asks for REQUIRETLS goes nowhere that does not offer it", async () => {
  const mail = { requireTls: true };
  const inTls = "250-fake.test\r\n250 REQUIRETLS";
  const script = { ehlo: EHLO, ehloInTls: inTls };
  const vouched: Options[] = [
    { level: "verify" },
    { policy: policy("enforce") },
    { hop: { kind: "smtp", host: "192.0.2.3", port: 25 } },
  ];
  for (const options of vouched) {
    const kept = await ask(script, { handshake: VERIFIED, mail, ...options });
    assertEquals(kept.commands[3], "MAIL FROM:<joe@us.test> REQUIRETLS");
  }
  for (
    const [script, handshake, why] of [
      [{ ehlo: EHLO }, VERIFIED, "mx.y.test does not offer REQUIRETLS"],
      [
        { ehlo: `${EHLO.replace("250 ", "250-")}\r\n250 REQUIRETLS` },
        VERIFIED,
        "mx.y.test does not",
      ],
      [{ ehlo: EHLO, ehloInTls: inTls }, UNVERIFIED, "The certificate of mx.y.test"],
      [{ ehlo: "250-fake.test\r\n250 REQUIRETLS" }, VERIFIED, NO_TLS],
    ] as [Script, Handshake, string][]
  ) {
    const { text, commands } = await ask(script, { mail, handshake, policy: policy("enforce") });
    assertEquals(text.slice(0, 11 + why.length), `550 5.7.30 ${why}`);
    assertEquals(commands.some((command) => command.startsWith("MAIL")), false);
  }
  const unnamed = await ask(script, { mail, handshake: VERIFIED });
  assertEquals(unnamed.text.slice(0, 30), "550 5.7.30 Nothing vouches for");
});

Deno.test("a notice that asks for REQUIRETLS goes without where there is none", async () => {
  const mail = { requireTls: true, reversePath: null };
  const plain = await ask({}, { mail });
  assertEquals([plain.message, plain.commands[1]], ["250", "MAIL FROM:<>"]);
  const inTls = "250-fake.test\r\n250 REQUIRETLS";
  const kept = await ask({ ehlo: EHLO, ehloInTls: inTls }, { mail });
  assertEquals(kept.commands[3], "MAIL FROM:<> REQUIRETLS");
});
