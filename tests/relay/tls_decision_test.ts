import { assertEquals } from "@std/assert";
import type { ClientTlsFacts } from "../../lib/net/tls_transport.ts";
import type { StsPolicy } from "../../lib/relay/mta_sts/policy.ts";
import {
  decideHost,
  decideTls,
  type SenderTls,
  type TlsDecision,
} from "../../lib/relay/tls_decision.ts";
import type { TlsLevel } from "../../lib/relay/tls_policy.ts";

function policy(mode: StsPolicy["mode"]): StsPolicy {
  return { domain: "x.test", id: "1", mode, mayUse: (host) => host === "mx.x.test" };
}

const POLICIES = { "": undefined, enforce: policy("enforce"), testing: policy("testing") };

const facts = { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256" } as const;
const good: ClientTlsFacts = { ...facts, isVerified: true };
const bad: ClientTlsFacts = { ...facts, isVerified: false, problem: "CERT_HAS_EXPIRED" };

/** How a session with a host may be. */
const SESSIONS = {
  plaintext: { offersStartTls: false },
  failed: { offersStartTls: true, problem: "reset" },
  unverified: { offersStartTls: true, tls: bad },
  verified: { offersStartTls: true, tls: good },
  "verified+": { offersStartTls: true, tls: good, offersRequireTls: true },
  "unverified+": { offersStartTls: true, tls: bad, offersRequireTls: true },
};

const SENDERS: Readonly<Record<string, SenderTls>> = {
  "": {},
  requires: { requireTls: true },
  no: { tlsRequiredNo: true },
  both: { requireTls: true, tlsRequiredNo: true },
};

function told(decision: TlsDecision): string {
  if (decision.kind === "go") return decision.note === undefined ? "go" : `go: ${decision.note}`;
  const { code, enhanced, lines } = decision.reply;
  return `${code} ${enhanced} ${lines[0]}`;
}

type Row = [
  level: TlsLevel,
  policy: keyof typeof POLICIES,
  session: keyof typeof SESSIONS,
  sender: string,
  outcome: string,
];

const NO_TLS = "mx.x.test does not offer STARTTLS";
const FAILED = "TLS with mx.x.test cannot be begun: reset";
const UNVERIFIED = "The certificate of mx.x.test is not verified: CERT_HAS_EXPIRED";
const ASKED = "the MTA-STS policy of x.test asks for it";
const TESTING = "the MTA-STS policy of x.test is in testing";
const OURS = "this server sends no mail there without";
const SENDER = "the sender asks for REQUIRETLS";

const table: Row[] = [
  ["opportunistic", "", "plaintext", "", "go"],
  ["opportunistic", "", "failed", "", `go: ${FAILED}`],
  ["opportunistic", "", "unverified", "", "go"],
  ["opportunistic", "", "verified", "", "go"],
  ["require", "", "plaintext", "", `451 4.7.4 ${NO_TLS}; ${OURS}`],
  ["require", "", "failed", "", `451 4.7.5 ${FAILED}; ${OURS}`],
  ["require", "", "unverified", "", "go"],
  ["require", "", "verified", "", "go"],
  ["verify", "", "plaintext", "", `451 4.7.4 ${NO_TLS}; ${OURS}`],
  ["verify", "", "failed", "", `451 4.7.5 ${FAILED}; ${OURS}`],
  ["verify", "", "unverified", "", `451 4.7.5 ${UNVERIFIED}; ${OURS}`],
  ["verify", "", "verified", "", "go"],

  ["opportunistic", "enforce", "plaintext", "", `451 4.7.4 ${NO_TLS}; ${ASKED}`],
  ["opportunistic", "enforce", "failed", "", `451 4.7.5 ${FAILED}; ${ASKED}`],
  ["opportunistic", "enforce", "unverified", "", `451 4.7.5 ${UNVERIFIED}; ${ASKED}`],
  ["opportunistic", "enforce", "verified", "", "go"],
  ["verify", "enforce", "unverified", "", `451 4.7.5 ${UNVERIFIED}; ${ASKED}`],

  ["opportunistic", "testing", "plaintext", "", `go: ${NO_TLS}; ${TESTING}`],
  ["opportunistic", "testing", "failed", "", `go: ${FAILED}; ${TESTING}`],
  ["opportunistic", "testing", "unverified", "", `go: ${UNVERIFIED}; ${TESTING}`],
  ["opportunistic", "testing", "verified", "", "go"],
  // A policy in testing takes nothing away from what the operator asks for.
  ["require", "testing", "plaintext", "", `451 4.7.4 ${NO_TLS}; ${OURS}`],
  ["verify", "testing", "unverified", "", `451 4.7.5 ${UNVERIFIED}; ${OURS}`],

  ["opportunistic", "enforce", "plaintext", "no", "go"],
  ["opportunistic", "enforce", "failed", "no", `go: ${FAILED}`],
  ["opportunistic", "enforce", "unverified", "no", "go"],
  ["opportunistic", "testing", "unverified", "no", "go"],
  ["require", "enforce", "plaintext", "no", `451 4.7.4 ${NO_TLS}; ${OURS}`],
  ["verify", "enforce", "unverified", "no", `451 4.7.5 ${UNVERIFIED}; ${OURS}`],

  ["opportunistic", "enforce", "plaintext", "requires", `550 5.7.30 ${NO_TLS}; ${SENDER}`],
  ["opportunistic", "enforce", "failed", "requires", `451 4.7.5 ${FAILED}; ${SENDER}`],
  ["opportunistic", "enforce", "unverified+", "requires", `550 5.7.30 ${UNVERIFIED}; ${SENDER}`],
  [
    "opportunistic",
    "enforce",
    "verified",
    "requires",
    `550 5.7.30 mx.x.test does not offer REQUIRETLS; ${SENDER}`,
  ],
  ["opportunistic", "enforce", "verified+", "requires", "go"],
  ["opportunistic", "testing", "verified+", "requires", "go"],
  [
    "opportunistic",
    "",
    "verified+",
    "requires",
    `550 5.7.30 Nothing vouches for the name of mx.x.test; ${SENDER}`,
  ],
  [
    "require",
    "",
    "verified+",
    "requires",
    `550 5.7.30 Nothing vouches for the name of mx.x.test; ${SENDER}`,
  ],
  ["verify", "", "verified+", "requires", "go"],
  ["verify", "", "unverified+", "requires", `550 5.7.30 ${UNVERIFIED}; ${SENDER}`],
  ["opportunistic", "enforce", "verified+", "both", "go"],
  ["opportunistic", "enforce", "plaintext", "both", `550 5.7.30 ${NO_TLS}; ${SENDER}`],
];

Deno.test("mail goes only where the operator, the domain and the sender let it", async (t) => {
  for (const [level, mode, session, sender, outcome] of table) {
    await t.step([level, mode || "no policy", session, sender].join(" "), () => {
      const hop = { host: "mx.x.test", ...SESSIONS[session] };
      assertEquals(told(decideTls(level, POLICIES[mode], hop, SENDERS[sender])), outcome);
    });
  }
});

Deno.test("a host that the policy does not name is passed over where it is enforced", () => {
  const text = "mx.y.test is no mail host in the MTA-STS policy of x.test";
  const hosts: [keyof typeof POLICIES, string, string][] = [
    ["", "", "go"],
    ["enforce", "", `451 4.7.0 ${text}`],
    ["enforce", "no", "go"],
    ["enforce", "requires", `451 4.7.0 ${text}`],
    ["enforce", "both", `451 4.7.0 ${text}`],
    ["testing", "", `go: ${text}`],
    ["testing", "no", "go"],
  ];
  for (const [mode, sender, outcome] of hosts) {
    const name = `${mode} ${sender}`;
    assertEquals(told(decideHost(POLICIES[mode], "mx.y.test", SENDERS[sender])), outcome, name);
    if (sender === "requires" || sender === "both") continue;
    const hop = { host: "mx.y.test", ...SESSIONS.verified };
    assertEquals(told(decideTls("verify", POLICIES[mode], hop, SENDERS[sender])), outcome, name);
  }
  assertEquals(told(decideHost(POLICIES.enforce, "mx.x.test")), "go");
});

Deno.test("REQUIRETLS is not met by a host that a policy in testing does not name", () => {
  const hop = { host: "mx.y.test", ...SESSIONS["verified+"] };
  const outcome = told(decideTls("opportunistic", POLICIES.testing, hop, SENDERS.requires));
  assertEquals(outcome, `550 5.7.30 Nothing vouches for the name of mx.y.test; ${SENDER}`);
});
