/** Fetches MTA-STS policies over HTTPS from local hosts, whose names a local name server knows. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { TLSSocket } from "node:tls";
import { systemDns } from "../../lib/relay/dns.ts";
import { stsPolicies, type StsPolicy } from "../../lib/relay/mta_sts.ts";
import { policyFetch } from "../../lib/relay/mta_sts/fetch.ts";
import { freePort, peerTest } from "../peers.ts";
import { dnsTable, noShuffle } from "../relay/dns_table.ts";
import { FakeClock } from "../relay/fake_clock.ts";
import { mailHost, startNameServer } from "./name_server.ts";
import {
  answerWith,
  mayListen,
  ownAddress,
  type PolicyHost,
  policyText,
  startPolicyHosts,
} from "./policy_hosts.ts";
import { program, runProgram, temporaryDirectory } from "./smtpd.ts";

const POLICY = policyText("enforce", 86_400, "mx.x.test");
const LIMIT = 64 * 1024;
const DAY = 86_400_000;

/** Sends without end, as fast as it is taken. */
function flood(head: string, chunk: string): (socket: TLSSocket) => void {
  return (socket) => {
    const more = () => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.write(head);
    socket.on("drain", more);
    more();
  };
}

const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";

/** What the runtime says of a certificate that is refused. */
const ALTNAME = /\(ERR_TLS_CERT_ALTNAME_INVALID\)$/;
const CERTIFICATE = /certificate.*\([A-Z_]+\)$/;

const hosts = new Map<string, PolicyHost & { readonly outcome: string | RegExp }>([
  ["right.test", { answer: answerWith(POLICY), outcome: POLICY }],
  ["wildcard.test", {
    certificate: { names: ["*.wildcard.test"] },
    answer: answerWith(POLICY),
    outcome: POLICY,
  }],
  ["chunked.test", {
    answer: `${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n`,
    outcome: "hello!",
  }],
  ["other-case.test", { answer: answerWith(POLICY, "Text/PLAIN"), outcome: POLICY }],
  ["largest.test", { answer: answerWith("x".repeat(LIMIT)), outcome: "x".repeat(LIMIT) }],
  ["second.test", { answer: answerWith(POLICY), outcome: POLICY }],
  ["empty.test", { answer: answerWith(""), outcome: "" }],

  ["wrong-name.test", {
    certificate: { names: ["mta-sts.other.test"] },
    answer: answerWith(POLICY),
    outcome: ALTNAME,
  }],
  ["domain-only.test", {
    certificate: { names: ["domain-only.test"] },
    answer: answerWith(POLICY),
    outcome: ALTNAME,
  }],
  ["common-name.test", {
    // It has no subject alternative name: the common name does not count (RFC 8461 section 4.2).
    certificate: { names: ["mta-sts.common-name.test"], isAuthority: true },
    answer: answerWith(POLICY),
    outcome: CERTIFICATE,
  }],
  ["expired.test", {
    certificate: { from: new Date(Date.now() - 90 * DAY), until: new Date(Date.now() - DAY) },
    answer: answerWith(POLICY),
    outcome: CERTIFICATE,
  }],
  ["early.test", {
    certificate: { from: new Date(Date.now() + DAY) },
    answer: answerWith(POLICY),
    outcome: CERTIFICATE,
  }],
  ["self-signed.test", {
    certificate: { issuer: "mta-sts.self-signed.test" },
    answer: answerWith(POLICY),
    outcome: CERTIFICATE,
  }],
  ["stranger.test", {
    certificate: { issuer: "stranger" },
    answer: answerWith(POLICY),
    outcome: CERTIFICATE,
  }],

  ["redirect.test", {
    answer: "HTTP/1.1 301 Moved\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n",
    outcome: /the answer is 301, not 200/,
  }],
  ["missing.test", {
    answer: answerWith(POLICY).replace("200 OK", "404 Not Found"),
    outcome: /the answer is 404, not 200/,
  }],
  ["partial.test", {
    answer: answerWith(POLICY).replace("200 OK", "206 Partial Content"),
    outcome: /the answer is 206, not 200/,
  }],
  ["page.test", {
    answer: answerWith(POLICY, "text/html"),
    outcome: /it is text\/html, not text\/plain/,
  }],
  ["plainer.test", {
    answer: answerWith(POLICY, "text/plainer"),
    outcome: /it is text\/plainer, not/,
  }],
  ["no-type.test", {
    answer: answerWith(POLICY).replace(/Content-Type.*\r\n/, ""),
    outcome: /it is of no type, not text\/plain/,
  }],
  ["packed.test", {
    answer: answerWith(POLICY).replace("\r\n", "\r\nContent-Encoding: gzip\r\n"),
    outcome: /it is encoded as gzip/,
  }],
  ["latin.test", {
    answer: (socket) => void socket.end(`${HEAD}Content-Length: 1\r\n\r\n\xfc`, "latin1"),
    outcome: /it is not UTF-8/,
  }],
  ["too-large.test", {
    answer: answerWith("x".repeat(LIMIT + 1)),
    outcome: /it is over 65536 octets/,
  }],
  ["endless.test", {
    answer: flood(`${HEAD}Content-Length: 1000000000\r\n\r\n`, "x".repeat(10_000)),
    outcome: /it is over 65536 octets/,
  }],
  ["endless-head.test", {
    answer: flood(HEAD, `x: ${"y".repeat(10_000)}\r\n`),
    outcome: /overflow/,
  }],
  ["breaks-off.test", {
    answer: answerWith(POLICY).slice(0, -10),
    outcome: /aborted/,
  }],
  ["chunk-breaks-off.test", {
    answer: `${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
    outcome: /aborted/,
  }],
  ["unframed.test", {
    answer: `${HEAD}\r\n${POLICY}`,
    outcome: /it does not say where it ends/,
  }],
  ["nonsense.test", { answer: "220 mx.test ESMTP\r\n", outcome: /Parse Error/ }],
  ["silent.test", { answer: () => {}, outcome: /enough/ }],
  ["slow.test", {
    answer: (socket) => void socket.write(`${HEAD}Content-Length: 2\r\n\r\nx`),
    outcome: /enough/,
  }],
]);

peerTest({
  name: "an MTA-STS policy is taken from a host that proves its name, and as it should be",
  needs: ["openssl", "dnsmasq"],
  async fn({ dnsmasq }, t) {
    using directory = temporaryDirectory();
    await using web = await startPolicyHosts(directory.path, hosts);
    await using names = await startNameServer(dnsmasq, directory.path, [
      ...web.addresses,
      "address=/mta-sts.refused.test/127.0.0.2",
      "host-record=mta-sts.second.test,127.0.0.2",
      "host-record=mta-sts.second.test,127.0.0.1",
    ]);
    const dns = systemDns({ nameServer: { address: "127.0.0.1", port: names.port } });
    const options = {
      dns,
      httpsPort: web.port,
      authorities: [web.authority],
      allowLocal: true,
    };
    const fetchPolicy = policyFetch(options);

    async function outcomeOf(domain: string, fetch = fetchPolicy): Promise<string> {
      const controller = new AbortController();
      const isSlow = domain === "silent.test" || domain === "slow.test";
      const timer = setTimeout(
        () => controller.abort(new Error("enough")),
        isSlow ? 300 : 20_000,
      );
      try {
        return await fetch(domain, controller.signal);
      } catch (error) {
        assert(error instanceof Error);
        if (!isSlow) assert(!controller.signal.aborted, `${domain} took too long`);
        return error.message;
      } finally {
        clearTimeout(timer);
      }
    }

    for (const [domain, { outcome }] of hosts) {
      await t.step(domain, async () => {
        const found = await outcomeOf(domain);
        if (typeof outcome === "string") {
          assertEquals(found, outcome);
          return;
        }
        assertMatch(found, outcome);
        if (!found.includes("enough")) {
          assertMatch(found, new RegExp(`^Cannot fetch the MTA-STS policy of ${domain}: .`));
        }
      });
    }

    await t.step(
      "one request is made, for the well-known path, with the name of the host",
      async () => {
        web.requests.length = 0;
        await outcomeOf("right.test");
        await outcomeOf("redirect.test");
        assertEquals(web.requests.length, 2);
        const [head] = web.requests;
        assertMatch(head, /^GET \/\.well-known\/mta-sts\.txt HTTP\/1\.1\r\n/);
        assertMatch(head, new RegExp(`^host: mta-sts\\.right\\.test:${web.port}\r$`, "im"));
      },
    );

    await t.step("a host whose name does not exist", async () => {
      assertMatch(await outcomeOf("nosuch.test"), /mta-sts\.nosuch\.test has no address$/);
    });

    await t.step("a host that nobody listens on", async () => {
      assertMatch(await outcomeOf("refused.test"), /refused/i);
    });

    await t.step("the second address of a host, where the first does not answer", async () => {
      // Either order of the two, one after the other.
      for (const random of [() => 0, noShuffle]) {
        assertEquals(await outcomeOf("second.test", policyFetch({ ...options, random })), POLICY);
      }
    });

    await t.step("an address that does not answer in time", async () => {
      const clock = new FakeClock();
      const dns = dnsTable({ "mta-sts.silent.test": { a: ["127.0.0.1"] } });
      const fetching = outcomeOf("silent.test", policyFetch({ ...options, dns, clock }));
      assertMatch(
        await clock.run(fetching),
        /mta-sts\.silent\.test\[127\.0\.0\.1\] does not answer$/,
      );
    });

    await t.step("an authority that nobody told us of", async () => {
      const fetch = policyFetch({ ...options, authorities: undefined });
      assertMatch(await outcomeOf("right.test", fetch), CERTIFICATE);
    });

    await t.step("an address inside, unless that is allowed", async () => {
      web.requests.length = 0;
      const fetch = policyFetch({ ...options, allowLocal: false });
      assertMatch(await outcomeOf("right.test", fetch), /no address that may be connected to$/);
      assertEquals(web.requests, []);
    });

    await t.step("a name server that does not answer", async () => {
      const nameServer = { address: "127.0.0.1", port: freePort() };
      const fetch = policyFetch({ ...options, dns: systemDns({ nameServer, timeout: 300 }) });
      assertMatch(await outcomeOf("right.test", fetch), /addresses that cannot be looked up now$/);
    });
  },
});

peerTest({
  name: "a policy is found by a real record on a real host, and outlives both",
  needs: ["openssl", "dnsmasq"],
  async fn({ dnsmasq }) {
    using directory = temporaryDirectory();
    const state = `${directory.path}/state/mta-sts`;
    const good = { answer: answerWith(policyText("enforce", 86_400, "*.x.test")) };
    const domains = new Map<string, PolicyHost>([
      ["x.test", good],
      ["self-signed.test", { ...good, certificate: { issuer: "mta-sts.self-signed.test" } }],
      ["no-record.test", good],
    ]);
    const signal = AbortSignal.timeout(30_000);
    const found = new Map<string, StsPolicy | undefined>();
    let nameServer: { readonly address: string; readonly port: number };
    {
      await using web = await startPolicyHosts(directory.path, domains);
      await using names = await startNameServer(dnsmasq, directory.path, [
        ...web.addresses,
        'txt-record=_mta-sts.x.test,"v=STSv1; ","id=20260101"',
        "cname=_mta-sts.self-signed.test,_mta-sts.x.test",
      ]);
      nameServer = { address: "127.0.0.1", port: names.port };
      const dns = systemDns({ nameServer });
      const { port: httpsPort, authority } = web;
      const fetch = policyFetch({ dns, httpsPort, authorities: [authority], allowLocal: true });
      using policies = stsPolicies({ dns, directory: state, fetch });
      for (const domain of domains.keys()) {
        found.set(domain, await policies.policyFor(domain, signal));
      }
      assertEquals(web.requests.length, 1);
    }
    const { domain, id, mode } = found.get("x.test")!;
    assertEquals({ domain, id, mode }, { domain: "x.test", id: "20260101", mode: "enforce" });
    assertEquals(found.get("x.test")!.mayUse("mx.x.test"), true);
    assertEquals(found.get("self-signed.test"), undefined);
    assertEquals(found.get("no-record.test"), undefined);

    const dns = systemDns({ nameServer, timeout: 300 });
    using policies = stsPolicies({ dns, directory: state });
    assertEquals((await policies.policyFor("x.test", signal))?.id, "20260101");
    assertEquals(await policies.policyFor("no-record.test", signal), undefined);
  },
});

peerTest({
  name: "smtpd explain tells a policy that it has fetched with the rights it is given",
  needs: ["openssl", "dnsmasq"],
  async fn({ dnsmasq }) {
    if (!mayListen(ownAddress)) return;
    using directory = temporaryDirectory();
    const good = { answer: answerWith(policyText("enforce", 86_400, "mx.x.test")) };
    const domains = new Map([["x.test", good]]);
    await using web = await startPolicyHosts(directory.path, domains, {
      hostname: ownAddress,
      port: 443,
    });
    await using names = await startNameServer(dnsmasq, directory.path, [
      ...web.addresses,
      ...mailHost("x.test", "127.0.0.1"),
      "txt-record=_mta-sts.x.test,v=STSv1; id=20260101",
    ]);
    const [file, ...args] = program;
    const state = `${directory.path}/state`;
    const flags = [
      "--dns",
      names.address,
      "--allow-local-mx",
      "--mx-port",
      "2526",
      "--queue",
      state,
    ];
    const config = `${directory.path}/smtpd.json`;
    const tlsAuthorities = `${directory.path}/authority.pem`;
    await Deno.writeTextFile(config, JSON.stringify({ tlsAuthorities }));
    const { code, text } = await runProgram(file, [
      ...[...args, "explain", "joe@x.test", ...flags],
      ...["--config", config],
    ]);
    assertEquals(code, 0, text);
    assertMatch(text, /^mta-sts +enforce, .*; policy 20260101 of x\.test$/m);
    assertMatch(text, /^outcome +would be sent to mx\.x\.test/m);
    assertEquals(web.requests.length, 1);
    await assertRejects(() => Deno.stat(state), Deno.errors.NotFound);

    const strict = await runProgram(file, [...args, "explain", "joe@x.test", ...flags]);
    assertEquals(strict.code, 0, strict.text);
    assertMatch(
      strict.text,
      /^mta-sts +Cannot fetch the MTA-STS policy of x\.test: .*certificate/m,
    );
    assertMatch(strict.text, /^outcome +would be sent to mx\.x\.test/m);
  },
});
