/** What `smtpd doctor` finds with a real name server, real ports and real files. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { freePort, peerTest } from "../peers.ts";
import { makeAuthority } from "./certificates.ts";
import { Hops } from "./hops.ts";
import { mailHost, startNameServer } from "./name_server.ts";
import { program, runProgram, startSmtpd, temporaryDirectory } from "./smtpd.ts";

const HOST = "mx.smtpd.test";
const ADDRESS = "203.0.113.5";

/** Hosts that mail is sent to: one that is well, one where nobody listens, and one that is mute. */
const GOOD = "127.0.3.1";
const NOBODY = "127.0.3.9";
const MUTE = "127.0.3.10";

const RECORDS = [
  `host-record=${HOST},${ADDRESS}`,
  `ptr-record=5.113.0.203.in-addr.arpa,${HOST}`,
  `txt-record=${HOST},v=spf1 a -all`,
  // A host-record would come with a name for the address.
  "address=/nameless.test/203.0.113.6",
  "local=/113.0.203.in-addr.arpa/",
  `mx-host=example.test,${HOST},10`,
  "txt-record=example.test,v=spf1 mx -all",
  "mx-host=elsewhere.test,mx.good.test,10",
  ...mailHost("good.test", GOOD),
  ...mailHost("nobody.test", NOBODY),
  ...mailHost("mute.test", MUTE),
  // Everything below it has an address, as with a name server that lies.
  "address=/lie.test/127.0.3.1",
];

interface Line {
  readonly status: string;
  readonly topic: string;
  readonly found: string;
  readonly mend?: string;
}

/** Runs it, perhaps by another program that becomes it, and answers what it found. */
async function doctor(
  flags: readonly string[],
  under: readonly string[] = [],
): Promise<{ readonly code: number; readonly lines: readonly Line[]; readonly text: string }> {
  const [file, ...args] = [...under, ...program, "doctor", "--json", ...flags];
  const { code, text } = await runProgram(file, args);
  const lines = text.split("\n").filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
  return { code, lines, text };
}

/** Holds that a run has a finding, and that its code says whether anything has failed. */
function assertFinding(
  { code, lines, text }: Awaited<ReturnType<typeof doctor>>,
  [status, topic, found, mend]: readonly [string, string, RegExp, RegExp?],
): void {
  const line = lines.find((line) => line.topic === topic && found.test(line.found));
  assert(line !== undefined, text);
  assertEquals(line.status, status, text);
  assertEquals(line.mend === undefined, mend === undefined, text);
  if (mend !== undefined) assertMatch(line.mend!, mend);
  assertEquals(code, lines.some(({ status }) => status === "fail") ? 78 : 0, text);
}

/** Flags without which a run would look at the world outside. */
function flagsFor(dns: string, mxPort: number, queue: string, hostname = HOST): string[] {
  return [
    ...["--dns", dns, "--mx-port", `${mxPort}`, "--allow-local-mx", "--queue", queue],
    ...["--hostname", hostname, "--port", "0", "--host", "127.0.0.1"],
  ];
}

peerTest({
  name: "doctor tells mistakes in the network apart, with a real name server and real ports",
  needs: ["dnsmasq", "prlimit", "setpriv"],
  async fn({ dnsmasq, prlimit, setpriv }, t) {
    using directory = temporaryDirectory();
    const { path } = directory;
    const mxPort = freePort();
    await using dns = await startNameServer(dnsmasq, path, RECORDS);
    using _hops = new Hops(mxPort, { [GOOD]: { greeting: "220 mx.good.test ESMTP Good" } });
    // The system accepts connections to it, and nobody says anything.
    using _mute = Deno.listen({ hostname: MUTE, port: mxPort });
    const silent = createSocket("udp4").bind(0, "127.0.0.1");
    await once(silent, "listening");
    Deno.mkdirSync(`${path}/closed`, { mode: 0o555 });

    const flags = (...more: string[]) => [
      ...flagsFor(dns.address, mxPort, `${path}/queue`),
      ...more,
    ];
    const goods = flags("--probe", "good.test", "--local-domain", "example.test");

    await t.step("what is well", async () => {
      const outcome = await doctor(goods);
      for (
        const [topic, found] of [
          ["open files", /^\d+ or more files can be open at once$/],
          ["disk", /are free/],
          ["fsync", /^it takes \d+\.\d ms/],
          ["reverse dns", /^203\.0\.113\.5 has the name mx\.smtpd\.test, which leads back$/],
          ["mx example.test", /^mail for example\.test goes to mx\.smtpd\.test$/],
          ["spf example.test", /may cover this machine$/],
          ["spf mx.smtpd.test", /may cover this machine$/],
          ["name server", /^the name server 127\.0\.0\.1:\d+ answers, and says so where/],
          ["outbound", /^mx\.good\.test port \d+ says 220 mx\.good\.test ESMTP Good$/],
          ["queue", /^there is none yet$/],
        ] as const
      ) assertFinding(outcome, ["ok", topic, found]);
      assertEquals([...Deno.readDirSync(path)].some(({ name }) => name === "queue"), false);
    });

    const limited = [prlimit, "--nofile=400:400"];
    const unprivileged = [setpriv, "--bounding-set=-dac_override,-dac_read_search"];
    const nowhere = `127.0.0.1:${silent.address().port}`;
    const mistakes: readonly {
      readonly name: string;
      readonly flags: readonly string[];
      readonly under?: readonly string[];
      readonly tells: Parameters<typeof assertFinding>[1];
    }[] = [
      {
        name: "reverse DNS is missing",
        flags: [
          ...flagsFor(dns.address, mxPort, `${path}/queue`, "nameless.test"),
          ...["--probe", "off"],
        ],
        tells: ["fail", "reverse dns", /^203\.0\.113\.6 has no name/, /PTR record to nameless/],
      },
      {
        name: "the MX record points elsewhere",
        flags: flags("--probe", "off", "--local-domain", "elsewhere.test"),
        tells: ["fail", "mx elsewhere.test", /goes to mx\.good\.test, and none/, /MX 10 mx\.smtpd/],
      },
      {
        name: "no SPF record",
        flags: flags("--probe", "off", "--local-domain", "elsewhere.test"),
        tells: ["warn", "spf elsewhere.test", /does not say who may send/, /v=spf1 mx -all/],
      },
      {
        name: "the name server is silent",
        flags: [...flagsFor(nowhere, mxPort, `${path}/queue`), "--probe", "good.test"],
        tells: ["fail", "name server", /127\.0\.0\.1:\d+ does not answer/, /--dns/],
      },
      {
        name: "the name server lies",
        flags: [
          ...flagsFor(dns.address, mxPort, `${path}/queue`, "lie.test"),
          ...["--probe", "off"],
        ],
        tells: ["fail", "name server", /does not exist \(127\.0\.3\.1\)$/, /honest one to --dns/],
      },
      {
        name: "port 25 is refused on the way out",
        flags: flags("--probe", "nobody.test"),
        tells: ["fail", "outbound", /mx\.nobody\.test port \d+ \(.*refused/, /--route smtp:/],
      },
      {
        name: "port 25 is silent on the way out",
        flags: flags("--probe", "mute.test"),
        tells: ["fail", "outbound", /port \d+ \(no answer in 5 seconds\)$/, /many networks block/],
      },
      {
        name: "the smarthost is away",
        flags: flags("--probe", "off", "--route", `smtp://mx.nobody.test:${mxPort}`),
        tells: ["fail", `route smtp://mx.nobody.test:${mxPort}`, /refused/, /to --route$/],
      },
      {
        name: "everybody may relay",
        flags: flags("--probe", "off", "--relay-from", "0.0.0.0/0"),
        tells: ["fail", "relaying", /0\.0\.0\.0\/0 may relay .* open relay/, /--relay-from$/],
      },
      {
        name: "few files can be open",
        flags: flags("--probe", "off"),
        under: limited,
        tells: ["fail", "open files", /^3\d\d files can be open at once/, /LimitNOFILE=1264/],
      },
      {
        name: "the state directory cannot be written",
        flags: [...flagsFor(dns.address, mxPort, `${path}/closed/queue`), "--probe", "off"],
        under: unprivileged,
        tells: ["fail", "directories", /^no permission to write in .*\/closed$/, /--queue$/],
      },
    ];
    try {
      for (const { name, flags, under, tells } of mistakes) {
        await t.step(name, async () => assertFinding(await doctor(flags, under), tells));
      }
    } finally {
      silent.close();
    }
  },
});

Deno.test("doctor tells who has a port, and does not mind our own server", async (t) => {
  using directory = temporaryDirectory();
  const queue = `${directory.path}/queue`;
  const flags = (port: number) => [
    ...["--port", `${port}`, "--host", "127.0.0.1", "--hostname", HOST, "--queue", queue],
    ...["--dns", "127.0.0.1:1", "--probe", "off", "--route", "discard"],
  ];
  await t.step("another server", async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    const greeted = listener.accept().then(async (connection) => {
      await connection.write(new TextEncoder().encode("220 mail.test ESMTP \x1b[31mOther\r\n"));
      await connection.read(new Uint8Array(100));
      connection.close();
    });
    assertFinding(await doctor(flags(port)), [
      "fail",
      `port ${port}`,
      /taken, and who has it says 220 mail\.test ESMTP \\x1b\[31mOther$/,
      /^stop .* or take another port with --port$/,
    ]);
    await greeted;
  });
  await t.step("our own", async () => {
    await using smtpd = await startSmtpd("--queue", queue, "--route", "discard");
    const outcome = await doctor(flags(smtpd.port));
    assertFinding(outcome, ["ok", `port ${smtpd.port}`, /taken by our own server, which runs$/]);
    assertFinding(outcome, ["ok", "queue lock", /^our own server has it, and answers$/]);
    assertFinding(outcome, ["ok", "queue", /^0 messages, 0 recipients queued, 0 held$/]);
  });
  await t.step("nobody any more", async () => {
    const outcome = await doctor(flags(0));
    assertFinding(outcome, ["ok", "queue lock", /^no server has it$/]);
  });
});

peerTest({
  name: "doctor tells what is wrong with a certificate",
  needs: ["openssl"],
  async fn(_peers, t) {
    using directory = temporaryDirectory();
    const { path } = directory;
    const authority = await makeAuthority(path);
    const DAY = 86_400_000;
    const past = new Date(Date.now() - DAY);
    const certificates = {
      good: await authority.issue("good", { names: [HOST] }),
      other: await authority.issue("other", { names: ["other.test"] }),
      expired: await authority.issue("expired", {
        names: [HOST],
        from: new Date(past.getTime() - DAY),
        until: past,
      }),
    };
    const cases: readonly [keyof typeof certificates, Parameters<typeof assertFinding>[1]][] = [
      ["good", ["ok", "certificate", /^good$/]],
      ["other", ["warn", "certificate", /^the certificates are for other\.test, and/, /^have/]],
      ["expired", ["fail", "certificate", /expired on/, /^have it renewed$/]],
    ];
    for (const [name, tells] of cases) {
      await t.step(name, async () => {
        const { certificate, key } = certificates[name];
        const outcome = await doctor([
          ...["--tls-cert", certificate, "--tls-key", key, "--hostname", HOST, "--port", "0"],
          ...["--host", "127.0.0.1", "--queue", `${path}/queue`, "--route", "discard"],
          ...["--dns", "127.0.0.1:1", "--probe", "off"],
        ]);
        // An executable may be made with a Deno that says so before it looks at any.
        const isOld = outcome.lines.some(({ topic, status }) =>
          topic === "deno" && status === "warn"
        );
        assertFinding(outcome, isOld ? ["fail", "certificate", /cannot do TLS/, /2\.8/] : tells);
      });
    }
  },
});
