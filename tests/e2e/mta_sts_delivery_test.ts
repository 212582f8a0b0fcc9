/**
 * What becomes of mail by what the domain (MTA-STS, RFC 8461) and the sender (RFC 8689) ask for, at hosts
 * whose certificates are right and wrong: every domain has a mail host and a policy of its own.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { relay } from "../../lib/relay/relay.ts";
import { stsPolicies } from "../../lib/relay/mta_sts.ts";
import { certificateOf, makeCertificate, type Wanted } from "../net/certificates.ts";
import { BackgroundProcess, freePort, peerTest } from "../peers.ts";
import { dnsTable } from "../relay/dns_table.ts";
import { octets } from "./corpus.ts";
import { Dialog } from "./dialog.ts";
import { startNameServer } from "./name_server.ts";
import {
  answerWith,
  mayListen,
  ownAddress,
  type PolicyHost,
  policyText,
  startPolicyHosts,
} from "./policy_hosts.ts";
import {
  eventually,
  program,
  runProgram,
  startPassThrough,
  startSmtpd,
  temporaryDirectory,
} from "./smtpd.ts";

const DAY = 86_400;
const scripts = new URL("scripts/", import.meta.url).pathname;

/** The mail hosts. All but the first are no servers of ours, and do not know REQUIRETLS. */
const HOSTS = ["smtpd", "right", "name", "expired", "self", "none", "stripped"] as const;

/** How the certificate of a host differs from a good one for its names. */
const CERTIFICATES: Readonly<Record<string, Wanted>> = {
  name: { names: ["mx.elsewhere.test"] },
  expired: { from: new Date(Date.now() - 9e9), until: new Date(Date.now() - 1e9) },
  self: { issuer: "self" },
};

/** What a domain publishes, and what counts of it. */
const POLICIES = {
  enforce: "enforce",
  testing: "testing",
  off: "none",
  absent: "none",
  // The record is there, and the web host does not have the policy.
  failing: "none",
  cached: "enforce",
  // The policy names another mail host.
  elsewhere: "elsewhere",
} as const;
type PolicyName = keyof typeof POLICIES;

const DOMAINS = HOSTS.flatMap((host) =>
  (Object.keys(POLICIES) as PolicyName[]).map((policy) => ({
    host,
    policy,
    domain: `${host}-${policy}.test`,
  }))
);

type Outcome = "delivered" | "noted" | "4.7.0" | "4.7.4" | "4.7.5" | "5.7.30";

/** By what counts of the policy, the outcomes at each host in the order of {@linkcode HOSTS}. */
const PLAIN: Readonly<Record<string, readonly Outcome[]>> = {
  enforce: ["delivered", "delivered", "4.7.5", "4.7.5", "4.7.5", "4.7.4", "4.7.4"],
  testing: ["delivered", "delivered", "noted", "noted", "noted", "noted", "noted"],
  none: HOSTS.map(() => "delivered"),
  elsewhere: HOSTS.map(() => "4.7.0"),
};

/** The same for mail with REQUIRETLS, which takes a name that is vouched for and a host that has it. */
const REQUIRING: Readonly<Record<string, readonly Outcome[]>> = {
  enforce: HOSTS.map((host) => host === "smtpd" ? "delivered" : "5.7.30"),
  testing: HOSTS.map((host) => host === "smtpd" ? "delivered" : "5.7.30"),
  none: HOSTS.map(() => "5.7.30"),
  elsewhere: HOSTS.map(() => "4.7.0"),
};

function messageWith(header: string): Uint8Array {
  return octets(`Subject: x\r\n${header}\r\nx\r\n`);
}

async function* contentWith(header: string): AsyncGenerator<Uint8Array> {
  yield messageWith(header);
}

/** Starts smtp-server with a certificate, or without TLS. */
async function startServer(
  modules: string,
  address: string,
  port: number,
  options: Record<string, unknown>,
) {
  const args = [`${scripts}smtp_server_tls.cjs`, address, `${port}`, JSON.stringify(options)];
  const process = new BackgroundProcess("node", args, { env: { NODE_PATH: modules } });
  await process.line(/^ready$/);
  return process;
}

/** Sits before a host, and takes STARTTLS out of what it offers. */
function startStripper(hostname: string, port: number, host: string): AsyncDisposable {
  const listener = Deno.listen({ hostname, port });
  const latin1 = new TextDecoder("latin1");
  const connections = new Set<Deno.TcpConn>();
  async function pass(client: Deno.TcpConn): Promise<void> {
    const server = await Deno.connect({ hostname: host, port });
    for (const each of [client, server]) connections.add(each);
    const strip = new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, out) =>
        out.enqueue(octets(latin1.decode(chunk).replace("STARTTLS", "XXXXXXXX"))),
    });
    await Promise.allSettled([
      client.readable.pipeTo(server.writable),
      server.readable.pipeThrough(strip).pipeTo(client.writable),
    ]);
    for (const each of [client, server]) connections.delete(each);
  }
  const accepting = (async () => {
    const passing: Promise<void>[] = [];
    for await (const client of listener) passing.push(pass(client));
    await Promise.all(passing);
  })();
  return {
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const connection of connections) {
        try {
          connection.close();
        } catch (error) {
          if (!(error instanceof Deno.errors.BadResource)) throw error;
        }
      }
      await accepting;
    },
  };
}

/** The policies of an earlier run, from when the web hosts still had them. */
async function fillCache(directory: string): Promise<void> {
  const cached = DOMAINS.filter(({ policy }) => policy === "cached");
  using policies = stsPolicies({
    dns: dnsTable(
      Object.fromEntries(
        cached.map(({ domain }) => [`_mta-sts.${domain}`, { txt: ["v=STSv1; id=before"] }]),
      ),
    ),
    directory,
    fetch: (domain) => Promise.resolve(policyText("enforce", 7 * DAY, `mx.${domain}`)),
  });
  for (const { domain } of cached) {
    const found = await policies.policyFor(domain, AbortSignal.timeout(10_000));
    assertEquals(found?.mode, "enforce");
  }
}

function policyHosts(): Map<string, PolicyHost> {
  const hosts = new Map<string, PolicyHost>();
  for (const { domain, policy } of DOMAINS) {
    const mx = `mx.${domain}`;
    const answers: Readonly<Record<PolicyName, string | undefined>> = {
      enforce: answerWith(policyText("enforce", DAY, mx)),
      testing: answerWith(policyText("testing", DAY, mx)),
      off: answerWith(policyText("none", DAY)),
      absent: undefined,
      failing: "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
      cached: "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
      elsewhere: answerWith(policyText("enforce", DAY, "mx.elsewhere.test")),
    };
    const answer = answers[policy];
    if (answer !== undefined) hosts.set(domain, { answer });
  }
  return hosts;
}

peerTest({
  name: "mail goes out as the policies of domains and senders have it (smtp-server)",
  needs: ["node", "npm:smtp-server", "dnsmasq", "openssl"],
  async fn({ "npm:smtp-server": modules, dnsmasq }, t) {
    if (!mayListen(ownAddress)) return;
    using directory = temporaryDirectory();
    const { path } = directory;
    const mxPort = freePort();
    await using web = await startPolicyHosts(path, policyHosts(), {
      hostname: ownAddress,
      port: 443,
    });
    const addresses = new Map(HOSTS.map((host, i) => [host as string, `127.7.0.${i + 1}`]));
    await using names = await startNameServer(dnsmasq, path, [
      ...web.addresses,
      "address=/mx.smtpd.test/127.0.0.1",
      "mx-host=back.test,mx.back.test,10",
      `address=/mx.back.test/${addresses.get("smtpd")}`,
      ...DOMAINS.flatMap(({ domain, host, policy }) => [
        `mx-host=${domain},mx.${domain},10`,
        `address=/mx.${domain}/${addresses.get(host)}`,
        ...policy === "absent" ? [] : [`txt-record=_mta-sts.${domain},v=STSv1; id=now`],
      ]),
    ]);
    const all = [...DOMAINS.map(({ domain }) => `mx.${domain}`), "mx.smtpd.test", "mx.back.test"];
    await using servers = new AsyncDisposableStack();
    for (const host of HOSTS.slice(1, 6)) {
      await makeCertificate(path, host, { names: all, issuer: "authority", ...CERTIFICATES[host] });
      const { certificate: cert, key } = certificateOf(path, host);
      const options = { cert, key, hidden: host === "none" };
      servers.use(await startServer(modules, addresses.get(host)!, mxPort, options));
    }
    servers.use(startStripper(addresses.get("stripped")!, mxPort, addresses.get("right")!));
    await makeCertificate(path, "smtpd", { names: all, issuer: "authority" });
    const own = ["--tls-cert", `${path}/smtpd.pem`, "--tls-key", `${path}/smtpd.key`];
    const there = `${path}/there`;
    const port = `${mxPort}`;
    await using _there = await startSmtpd(
      ...["--host", addresses.get("smtpd")!, "--port", port, "--route", "hold"],
      ...["--queue", there, ...own],
    );
    const queue = `${path}/queue`;
    await fillCache(`${queue}/mta-sts`);
    const config = `${path}/smtpd.json`;
    Deno.writeTextFileSync(config, JSON.stringify({ tlsAuthorities: `${path}/authority.pem` }));
    await using smtpd = await startSmtpd(
      ...["--config", config, "--queue", queue, "--dns", names.address, ...own],
      ...["--mx-port", port, "--allow-local-mx"],
    );

    async function showAll(directory: string): Promise<Record<string, unknown>[]> {
      const [file, ...args] = program;
      const flags = ["queue", "list", "--json", "--queue", directory];
      const { text } = await runProgram(file, [...args, ...flags]);
      return text.split("\n").filter((line) => line.startsWith("{")).map((line) =>
        JSON.parse(line)
      );
    }

    /** Checks what the log says of the mail of a recipient. */
    async function check(
      to: string,
      { domain, policy }: typeof DOMAINS[number],
      outcome: Outcome,
    ): Promise<void> {
      const isTaken = outcome === "delivered" || outcome === "noted";
      const event = isTaken ? "delivered" : outcome.startsWith("4") ? "deferred" : "failed";
      const told = await smtpd.event(event, { to });
      if (isTaken) return;
      assertMatch(`${told.reply}`, new RegExp(`^\\d+ ${RegExp.escape(outcome)} `), to);
      if (event === "failed") assertMatch(`${told.reply}`, /the sender asks for REQUIRETLS$/);
      else if (policy !== "elsewhere") {
        assertMatch(`${told.reply}`, new RegExp(`the MTA-STS policy of ${domain} asks for it$`));
      } else {
        const why = `mx.${domain} is no mail host in the MTA-STS policy of ${domain}`;
        assertEquals(told.reply, `451 4.7.0 ${why}`);
      }
    }

    using dialog = await Dialog.open(smtpd.port);
    async function send(domain: string, to: string, header: string): Promise<void> {
      const message = messageWith(header);
      const replies = await dialog.sendMail("a@back.test", [`${to}@${domain}`], message);
      assertEquals(replies.at(-1)?.code, 250);
    }

    /** Hands a message with REQUIRETLS to a server of ours. */
    function relayRequiring(port: number, to: string, domain: string, header: string) {
      return relay({
        reversePath: { localPart: "a", domain: "back.test" },
        forwardPaths: [{ localPart: to, domain }],
        smtpUtf8: false,
        requireTls: true,
        content: contentWith(header),
      }, {
        route: `smtp://mx.smtpd.test:${port}`,
        authorities: [web.authority],
        nameServer: { address: "127.0.0.1", port: names.port },
      });
    }

    await t.step("mail of which the sender says nothing", async () => {
      for (const { domain } of DOMAINS) await send(domain, "plain", "");
      for (const each of DOMAINS) {
        const { domain, host, policy } = each;
        const outcome = PLAIN[POLICIES[policy]][HOSTS.indexOf(host)];
        await check(`plain@${domain}`, each, outcome);
        const isNoted = smtpd.events("mta-sts-testing").some(({ hop }) => hop === `mx:${domain}`);
        assertEquals(isNoted, outcome === "noted", domain);
      }
    });

    await t.step("a stripped STARTTLS is told in the log, with the policy", () => {
      const told = smtpd.events("attempt-failed").filter(({ host }) =>
        host === "mx.stripped-enforce.test"
      );
      assertEquals(told.map(({ reply }) => reply), [
        "451 4.7.4 mx.stripped-enforce.test does not offer STARTTLS; the MTA-STS policy of " +
        "stripped-enforce.test asks for it",
      ]);
    });

    await t.step("mail with TLS-Required: No", async () => {
      for (const { domain } of DOMAINS) await send(domain, "no", "TLS-Required: No\r\n");
      for (const each of DOMAINS) await check(`no@${each.domain}`, each, "delivered");
    });

    await t.step("mail with REQUIRETLS, and with both", async () => {
      for (const [to, header] of [["requiring", ""], ["both", "TLS-Required: No\r\n"]]) {
        for (const each of DOMAINS) {
          const results = await relayRequiring(smtpd.port, to, each.domain, header);
          assertEquals(results.map(({ status }) => status), ["delivered"]);
        }
        for (const each of DOMAINS) {
          const outcome = REQUIRING[POLICIES[each.policy]][HOSTS.indexOf(each.host)];
          await check(`${to}@${each.domain}`, each, outcome);
        }
      }
    });

    await t.step("what was asked for arrives, in notices as well", async () => {
      const failures = smtpd.events("failed").length;
      const isNotice = ({ from }: Record<string, unknown>) => from === "" || from === null;
      const kept = await eventually(
        async () => {
          const entries = await showAll(there);
          return entries.filter(isNotice).length === failures ? entries : undefined;
        },
        () => JSON.stringify(smtpd.events("notice").length),
      );
      for (const entry of kept) {
        const to = JSON.stringify(entry.recipients);
        const isAsked = isNotice(entry) || /requiring@|both@/.test(to);
        assertEquals(entry.requireTls, isAsked ? true : undefined, JSON.stringify(entry));
      }
      assert(kept.length > failures);
    });

    async function showMailTo(to: string, queue: string): Promise<string> {
      const entries = await showAll(queue);
      const entry = entries.find(({ recipients }) => JSON.stringify(recipients).includes(to));
      const [file, ...args] = program;
      const flags = ["queue", "show", `${entry?.id}`, "--queue", queue];
      return (await runProgram(file, [...args, ...flags])).text;
    }

    await t.step(
      "the ledger names the policy that was in the way, and what was asked",
      async () => {
        const refused = await showMailTo("plain@none-cached.test", queue);
        assertMatch(
          refused,
          /does not offer STARTTLS; the MTA-STS policy of none-cached\.test asks/,
        );
        assert(!/^(requiretls|tls-required) /m.test(refused), refused);
        const taken = await showMailTo("both@smtpd-enforce.test", there);
        assertMatch(taken, /^requiretls +yes$/m);
        assertMatch(taken, /^tls-required +no$/m);
      },
    );

    await t.step("a server without a queue does not offer REQUIRETLS", async () => {
      await using passing = await startPassThrough("--route", "discard", ...own);
      const [{ reply }] = await relayRequiring(passing.port, "requiring", "x.test", "");
      assertEquals([reply.code, reply.enhanced], [550, "5.7.30"]);
      assertMatch(reply.lines[0], /^mx\.smtpd\.test does not offer REQUIRETLS/);
    });
  },
});
