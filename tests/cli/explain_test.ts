import { assertEquals } from "@std/assert";
import { newRecipient } from "../../lib/queue/new_recipient.ts";
import { openSqliteStore } from "../../lib/queue/sqlite_store.ts";
import { explainMailbox } from "../../lib/cli/explain.ts";
import type { Key } from "../../lib/config/names.ts";
import { resolveConfig } from "../../lib/config/sources.ts";
import type { Dns, MxRecord } from "../../lib/relay/dns.ts";
import type { StsPolicies, StsPolicy } from "../../lib/relay/mta_sts.ts";
import { call, testSystem } from "./surroundings.ts";

const mx = new Map<string, MxRecord[]>([
  ["good.example", [
    { preference: 20, exchange: "b.example." },
    { preference: 10, exchange: "a.example." },
    { preference: 10, exchange: "inside.example." },
  ]],
  ["null.example", [{ preference: 0, exchange: "." }]],
  ["loop.example", [{ preference: 10, exchange: "host.example." }]],
]);
const a = new Map([
  ["a.example", ["203.0.113.1"]],
  ["b.example", ["203.0.113.2"]],
  ["inside.example", ["10.0.0.1"]],
  ["host.example", ["203.0.113.9"]],
  ["plain.example", ["203.0.113.3"]],
]);
const aaaa = new Map([["a.example", ["2001:db8::1"]]]);

const dns: Dns = {
  mx(domain) {
    if (domain === "broken.example") return Promise.reject(new Error("SERVFAIL"));
    return Promise.resolve(mx.get(domain) ?? []);
  },
  a: (host) => Promise.resolve(a.get(host) ?? []),
  aaaa: (host) => Promise.resolve(aaaa.get(host) ?? []),
  txt: () => Promise.resolve([]),
  ptr: () => Promise.resolve([]),
};

async function explained(
  localPart: string,
  domain: string,
  flags: Partial<Record<Key, string[]>>,
  policies?: StsPolicies,
): Promise<{ code: number; lines: string[] }> {
  const config = resolveConfig({
    flags: new Map(Object.entries({ maildir: ["/mail"], ...flags }) as [Key, string[]][]),
    environment: new Map(),
  }, testSystem);
  const lines: string[] = [];
  const resolver = {
    dns,
    ourselves: { names: new Set(["host.example"]), endpoints: [] },
    random: () => 0.999,
  };
  const tell = (topic: string, text: string) => void lines.push(`${topic}: ${text}`);
  const code = await explainMailbox({ localPart, domain }, config, resolver, tell, policies);
  return { code, lines };
}

const LIMITS = "limits: at most 20 deliveries at once";
const TLS = "tls: opportunistic, plaintext where there is none";
const RELAYING = "relaying: for clients in 127.0.0.0/8, ::1/128; 550 5.7.1 for all others";

const cases: [
  localPart: string,
  domain: string,
  flags: Partial<Record<Key, string[]>>,
  code: number,
  lines: string[],
][] = [
  ["Joe", "Example.ORG", { localDomain: ["example.org"] }, 0, [
    "address: Joe@Example.ORG",
    "local: yes, from every client",
    "outcome: would be delivered into /mail/example.org/joe/new",
  ]],
  ["../x", "example.org", { localDomain: ["example.org"] }, 0, [
    'address: "../x"@example.org',
    "local: yes, from every client",
    "outcome: would be delivered into /mail/example.org/%2e.%2fx/new",
  ]],
  ["é".repeat(100), "example.org", { localDomain: ["example.org"] }, 69, [
    `address: ${"\\xe9".repeat(100)}@example.org`,
    "local: yes, from every client",
    "outcome: would be refused: 553 5.1.3 Cannot have a mailbox of this name",
  ]],
  ["joe", "good.example", {}, 0, [
    "address: joe@good.example",
    "local: no, good.example is not a local domain",
    RELAYING,
    "route: mx, by the MX records of good.example (--route)",
    LIMITS,
    TLS,
    "hosts: from MX records, in this order",
    "host: 10 a.example port 25: 2001:db8::1, 203.0.113.1",
    "host: 20 b.example port 25: 203.0.113.2",
    "left out: inside.example 10.0.0.1: a private address",
    "outcome: would be sent to a.example, 2001:db8::1 port 25 first",
  ]],
  ["joe", "plain.example", { relayFrom: ["192.0.2.0/24"] }, 0, [
    "address: joe@plain.example",
    "local: no, plain.example is not a local domain",
    "relaying: for clients in 192.0.2.0/24; 550 5.7.1 for all others",
    "route: mx, by the MX records of plain.example (--route)",
    LIMITS,
    TLS,
    "hosts: from implicit MX, in this order",
    "host: 0 plain.example port 25: 203.0.113.3",
    "outcome: would be sent to plain.example, 203.0.113.3 port 25 first",
  ]],
  ["joe", "null.example", {}, 69, [
    "address: joe@null.example",
    "local: no, null.example is not a local domain",
    RELAYING,
    "route: mx, by the MX records of null.example (--route)",
    LIMITS,
    "outcome: would be refused: 556 5.1.10 The domain null.example takes no mail (null MX)",
  ]],
  ["joe", "loop.example", {}, 69, [
    "address: joe@loop.example",
    "local: no, loop.example is not a local domain",
    RELAYING,
    "route: mx, by the MX records of loop.example (--route)",
    LIMITS,
    "left out: host.example: it is this server",
    "outcome: would be refused: 554 5.4.6 Mail for loop.example loops back to myself",
  ]],
  ["joe", "broken.example", {}, 75, [
    "address: joe@broken.example",
    "local: no, broken.example is not a local domain",
    RELAYING,
    "route: mx, by the MX records of broken.example (--route)",
    LIMITS,
    "outcome: would be put off: 451 4.4.3 The name servers cannot tell the MX records of broken.example now",
  ]],
  ["joe", "[203.0.113.7]", {}, 0, [
    "address: joe@[203.0.113.7]",
    "local: no, [203.0.113.7] is not a local domain",
    RELAYING,
    "route: mx, to the address [203.0.113.7] (--route)",
    LIMITS,
    TLS,
    "hosts: from address literal, in this order",
    "host: 0 [203.0.113.7] port 25: 203.0.113.7",
    "outcome: would be sent to [203.0.113.7], 203.0.113.7 port 25 first",
  ]],
  ["joe", "any.example", { route: ["smtp://127.0.0.1:2500"] }, 0, [
    "address: joe@any.example",
    "local: no, any.example is not a local domain",
    RELAYING,
    "route: smtp://127.0.0.1:2500 (--route)",
    LIMITS,
    TLS,
    "hosts: from route, in this order",
    "host: 0 127.0.0.1 port 2500: 127.0.0.1",
    "outcome: would be sent to 127.0.0.1, 127.0.0.1 port 2500 first",
  ]],
  [
    "joe",
    "any.example",
    {
      route: ["smtps://user:secret@127.0.0.1"],
      tlsOut: ["require"],
      tlsPolicy: ["any.example verify"],
    },
    0,
    [
      "address: joe@any.example",
      "local: no, any.example is not a local domain",
      RELAYING,
      "route: smtps://user@127.0.0.1:465 (--route)",
      LIMITS,
      "tls: required, with a certificate that is verified for the name of the host",
      "hosts: from route, in this order",
      "host: 0 127.0.0.1 port 465: 127.0.0.1",
      "outcome: would be sent to 127.0.0.1, 127.0.0.1 port 465 first",
    ],
  ],
  ["Joe", "Any.example", { route: ["maildir:/all"] }, 0, [
    "address: Joe@Any.example",
    "local: no, Any.example is not a local domain",
    RELAYING,
    "route: maildir:/all (--route)",
    LIMITS,
    "outcome: would be delivered into /all/any.example/joe/new",
  ]],
  ["joe", "any.example", { route: ["pipe:/bin/x -f ${sender} ${recipient}"] }, 0, [
    "address: joe@any.example",
    "local: no, any.example is not a local domain",
    RELAYING,
    "route: pipe:/bin/x -f ${sender} ${recipient} (--route)",
    LIMITS,
    "outcome: would be given to a program: /bin/x -f  joe@any.example",
  ]],
  ["-joe", "any.example", { route: ["pipe:/bin/x ${local}"] }, 69, [
    "address: -joe@any.example",
    "local: no, any.example is not a local domain",
    RELAYING,
    "route: pipe:/bin/x ${local} (--route)",
    LIMITS,
    "outcome: would be refused: 553 5.1.3 Cannot give this mailbox to a program",
  ]],
  ["joe", "any.example", { route: ["https://u:secret@hook.test/secret?t=secret"] }, 0, [
    "address: joe@any.example",
    "local: no, any.example is not a local domain",
    RELAYING,
    "route: https://hook.test:443/...#4cb1da29 (--route)",
    LIMITS,
    "outcome: would be posted to https://hook.test:443/...#4cb1da29",
  ]],
  ["joe", "any.example", { route: ["discard"] }, 0, [
    "address: joe@any.example",
    "local: no, any.example is not a local domain",
    RELAYING,
    "route: discard (--route)",
    LIMITS,
    "outcome: would be accepted and dropped",
  ]],
  [
    "joe",
    "any.example",
    {
      route: ["discard"],
      routes: ["any.example lmtp://127.0.0.1:2400", "other.example hold"],
      concurrency: ["any.example 3"],
      rate: ["any.example 10/1m"],
    },
    0,
    [
      "address: joe@any.example",
      "local: no, any.example is not a local domain",
      RELAYING,
      "route: lmtp://127.0.0.1:2400 (any.example in routes)",
      "limits: at most 3 deliveries at once, messages at 10/1m",
      TLS,
      "hosts: from route, in this order",
      "host: 0 127.0.0.1 port 2400: 127.0.0.1",
      "outcome: would be sent to 127.0.0.1, 127.0.0.1 port 2400 first",
    ],
  ],
  ["joe", "A.B.example", { routes: [".b.example hold", "b.example mx"] }, 0, [
    "address: joe@A.B.example",
    "local: no, A.B.example is not a local domain",
    RELAYING,
    "route: hold (.b.example in routes)",
    LIMITS,
    "outcome: would be held in the queue until it is released, and then go by MX",
  ]],
  ["joe", "b.example", { route: ["discard"], routes: [".b.example hold"] }, 0, [
    "address: joe@b.example",
    "local: no, b.example is not a local domain",
    RELAYING,
    "route: discard (--route)",
    LIMITS,
    "outcome: would be accepted and dropped",
  ]],
  ["postmaster", "", {}, 69, [
    "address: postmaster",
    "local: no, a bare postmaster is not a local domain",
    RELAYING,
    "route: mx (--route)",
    LIMITS,
    "outcome: would be refused: 550 5.1.1 There is no postmaster here: no domain is local",
  ]],
];

Deno.test("explain tells each step, and exits by the outcome", async (t) => {
  for (const [localPart, domain, flags, code, lines] of cases) {
    await t.step(`${localPart.slice(0, 20)}@${domain} ${JSON.stringify(flags)}`, async () => {
      assertEquals(await explained(localPart, domain, flags), { code, lines });
    });
  }
});

/** A policy for every domain, which names some hosts. */
function policiesOf(mode: StsPolicy["mode"], ...hosts: string[]): StsPolicies {
  return {
    policyFor: (domain) =>
      Promise.resolve({ domain, id: "20260101", mode, mayUse: (host) => hosts.includes(host) }),
    [Symbol.dispose]: () => {},
  };
}

Deno.test("explain tells what the MTA-STS policy of the domain does to its hosts", async (t) => {
  const enforce = "mta-sts: enforce, only over TLS with a verified certificate; " +
    "policy 20260101 of good.example";
  const testing = "mta-sts: testing, what fails would be logged; policy 20260101 of good.example";
  const unnamed = (host: string) => `${host} is no mail host in the MTA-STS policy of good.example`;
  const toA = "outcome: would be sent to a.example, 2001:db8::1 port 25 first";
  const policies: [name: string, StsPolicies, code: number, lines: string[]][] = [
    ["every host", policiesOf("enforce", "a.example", "b.example"), 0, [enforce, toA]],
    ["the second host", policiesOf("enforce", "b.example"), 0, [
      enforce,
      `left out: ${unnamed("a.example")}`,
      "outcome: would be sent to b.example, 203.0.113.2 port 25 first",
    ]],
    ["no host", policiesOf("enforce"), 75, [
      enforce,
      `left out: ${unnamed("a.example")}`,
      `left out: ${unnamed("b.example")}`,
      `outcome: would be put off: 451 4.7.0 ${unnamed("a.example")}`,
    ]],
    ["no host, in testing", policiesOf("testing"), 0, [
      testing,
      `mta-sts: ${unnamed("a.example")}`,
      `mta-sts: ${unnamed("b.example")}`,
      toA,
    ]],
  ];
  for (const [name, policy, code, lines] of policies) {
    await t.step(name, async () => {
      const found = await explained("joe", "good.example", {}, policy);
      assertEquals({ code: found.code, lines: found.lines.slice(10) }, { code, lines });
    });
  }
  await t.step("a route that the operator named has no policy", async () => {
    const flags = { route: ["smtp://203.0.113.7"] };
    const { code, lines } = await explained("joe", "good.example", flags, policiesOf("enforce"));
    assertEquals([code, lines.filter((line) => line.startsWith("mta-sts"))], [0, []]);
  });
});

Deno.test("explain takes an address with angle brackets and without", async () => {
  for (const address of ["joe@example.org", "<joe@example.org>", '"joe"@example.org']) {
    const { code, out } = await call([
      "explain",
      address,
      "--local-domain=example.org",
      "--maildir=/mail",
    ]);
    assertEquals(code, 0);
    assertEquals(
      out,
      "address   joe@example.org\n" +
        "local     yes, from every client\n" +
        "outcome   would be delivered into /mail/example.org/joe/new\n",
    );
  }
});

Deno.test("explain says what it does not ask", async () => {
  const hooks =
    "hooks     not asked; those of /etc/policy.js may refuse the mail or send it elsewhere\n";
  const cases: [flags: string[], out: string][] = [
    [["--hooks=/etc/policy.js"], hooks],
    [["--fault=none"], ""],
    [["--fault=rcpt reply 451"], "faults    left out; 1 rule makes mail fail on purpose\n"],
    [
      ["--hooks=/etc/policy.js", "--fault=rcpt reply 451", "--fault=data drop"],
      `${hooks}faults    left out; 2 rules make mail fail on purpose\n`,
    ],
  ];
  for (const [flags, beside] of cases) {
    const { code, out } = await call([
      ...["explain", "joe@example.org", "--local-domain=example.org", "--maildir=/mail"],
      ...flags,
    ]);
    const whole = "address   joe@example.org\nlocal     yes, from every client\n" +
      "outcome   would be delivered into /mail/example.org/joe/new\n";
    assertEquals([code, out], [0, beside + whole], flags.join(" "));
  }
});

Deno.test("explain counts what waits in the queue for the domain", async () => {
  const queue = Deno.makeTempDirSync();
  try {
    {
      await using store = await openSqliteStore({ directory: queue });
      for (const to of ["a@any.example", "b@any.example", "c@other.example"]) {
        const [localPart, domain] = to.split("@");
        const body = store.stage();
        await body.write(new TextEncoder().encode("Subject: x\r\n\r\n"));
        await store.commit({
          id: `${localPart}000000000000000`,
          mail: { reversePath: null, smtpUtf8: false },
          accepted: 1,
          expires: 2,
          origin: { client: "local", protocol: "sendmail" },
          recipients: [
            newRecipient({ forwardPath: { localPart, domain } }, 1, localPart === "b"),
          ],
        }, body);
      }
    }
    const { lines } = await explained("joe", "any.example", { queue: [queue], route: ["discard"] });
    assertEquals(lines.at(-2), "queued: 2 recipients wait for any.example");
  } finally {
    Deno.removeSync(queue, { recursive: true });
  }
});
