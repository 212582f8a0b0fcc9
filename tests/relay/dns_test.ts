import { assert, assertEquals, assertRejects } from "@std/assert";
import { createSocket } from "node:dgram";
import { systemDns } from "../../lib/relay/dns.ts";
import { resolveNextHop } from "../../lib/relay/resolver.ts";

/** Finds a dnsmasq to ask, so that a missing one is seen as an ignored test. */
const dnsmasq = ["/usr/sbin/dnsmasq", "/usr/bin/dnsmasq", "/usr/local/sbin/dnsmasq"].find(
  (path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  },
);

/** Finds a port that is free for UDP and TCP. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Answers every question with one response code, or not at all, and counts the questions. */
async function fakeServer(code: number | "silent") {
  const socket = createSocket("udp4");
  let questions = 0;
  socket.on("message", (query, from) => {
    questions++;
    if (code === "silent") return;
    const response = Uint8Array.from(query);
    response[2] = 0x81;
    response[3] = 0x80 | code;
    // Only the question is sent back: an OPT record of the query is not.
    response.fill(0, 6, 12);
    let end = 12;
    while (response[end] !== 0) end += response[end] + 1;
    socket.send(response.subarray(0, end + 5), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return {
    server: { address: "127.0.0.1", port: socket.address().port },
    questions: () => questions,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  };
}

Deno.test("systemDns tells nothing from not knowing", async (t) => {
  const table: [string, number, "none" | "throws"][] = [
    ["NOERROR", 0, "none"],
    ["NXDOMAIN", 3, "none"],
    ["FORMERR", 1, "throws"],
    ["SERVFAIL", 2, "throws"],
    ["NOTIMP", 4, "throws"],
    ["REFUSED", 5, "throws"],
  ];
  for (const [name, code, outcome] of table) {
    await t.step(name, async () => {
      await using fake = await fakeServer(code);
      const dns = systemDns({ nameServer: fake.server, timeout: 4_000 });
      for (const ask of [dns.mx, dns.a, dns.aaaa, dns.txt]) {
        if (outcome === "none") assertEquals(await ask("x.test"), []);
        else await assertRejects(() => ask("x.test"), Error, "Cannot");
      }
    });
  }
});

Deno.test("systemDns gives up on a silent name server in the time it was given", async () => {
  await using fake = await fakeServer("silent");
  const dns = systemDns({ nameServer: fake.server, timeout: 300 });
  const start = performance.now();
  await assertRejects(() => dns.mx("x.test"), Error, "Cannot ask for the MX records of x.test");
  const took = performance.now() - start;
  assert(took > 250 && took < 3_000, `${took} ms`);
  assert(fake.questions() > 0);
});

Deno.test("systemDns stops when it is told to", async () => {
  await using fake = await fakeServer("silent");
  const dns = systemDns({ nameServer: fake.server });
  const controller = new AbortController();
  const asking = dns.mx("x.test", controller.signal);
  controller.abort(new Error("enough"));
  await assertRejects(() => asking, Error, "enough");
});

Deno.test({
  name: "systemDns and the resolver agree with a real name server (dnsmasq)",
  ignore: dnsmasq === undefined,
  async fn(t) {
    const port = freePort();
    const silent = freePort();
    const directory = await Deno.makeTempDir();
    await Deno.writeTextFile(
      `${directory}/dns.conf`,
      `port=${port}
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
no-daemon
user=
local=/test/
mx-host=good.test,mx2.good.test,20
mx-host=good.test,mx1.good.test,10
host-record=mx1.good.test,192.0.2.1,2001:db8::1
host-record=mx2.good.test,192.0.2.2
mx-host=null.test,.,0
mx-host=number.test,192.0.2.9,10
mx-host=empty.test,nothing.test,10
host-record=implicit.test,192.0.2.3
cname=alias.test,implicit.test
cname=mxalias.test,good.test
txt-record=nodata.test,there
ptr-record=9.2.0.192.in-addr.arpa,name.test
local=/arpa/
txt-record=_mta-sts.good.test,"v=STSv1; ","id=1"
txt-record=_mta-sts.good.test,other
cname=_mta-sts.alias.test,_mta-sts.good.test
mx-host=inside.test,inside.test,10
host-record=inside.test,127.0.0.1
server=/silent.test/127.0.0.1#${silent}
`,
    );
    const server = new Deno.Command(dnsmasq!, {
      args: ["-C", `${directory}/dns.conf`, "-d"],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const said = server.stderr.pipeThrough(new TextDecoderStream()).getReader();
    try {
      let log = "";
      while (!log.includes("started")) {
        const { value, done } = await said.read();
        if (done) throw new Error(`Cannot start dnsmasq: ${log}`);
        log += value;
      }
      const draining = said.read().then(function drain({ done }): unknown {
        return done || said.read().then(drain);
      });
      const dns = systemDns({ nameServer: { address: "127.0.0.1", port }, timeout: 2_500 });

      await t.step("the answers that are there", async () => {
        const good = [...await dns.mx("good.test")].sort((a, b) => a.preference - b.preference);
        assertEquals(good, [
          { preference: 10, exchange: "mx1.good.test." },
          { preference: 20, exchange: "mx2.good.test." },
        ]);
        assertEquals((await dns.mx("mxalias.test")).length, 2);
        assertEquals(await dns.mx("null.test"), [{ preference: 0, exchange: "." }]);
        assertEquals(await dns.a("alias.test"), ["192.0.2.3"]);
        assertEquals(await dns.aaaa("mx1.good.test"), ["2001:db8::1"]);
        for (const name of ["_mta-sts.good.test", "_mta-sts.alias.test"]) {
          assertEquals([...await dns.txt(name)].sort(), ["other", "v=STSv1; id=1"]);
        }
        assertEquals(await dns.txt("implicit.test"), []);
        assertEquals(await dns.ptr("9.2.0.192.in-addr.arpa"), ["name.test."]);
        assertEquals(await dns.ptr("8.2.0.192.in-addr.arpa"), []);
      });

      const table: [string, string][] = [
        ["good.test", "mx1.good.test=2001:db8::1,192.0.2.1 mx2.good.test=192.0.2.2"],
        ["mxalias.test", "mx1.good.test=2001:db8::1,192.0.2.1 mx2.good.test=192.0.2.2"],
        ["null.test", "556 5.1.10"],
        ["nosuch.test", "550 5.1.2"],
        ["nodata.test", "550 5.1.2"],
        ["implicit.test", "implicit.test=192.0.2.3"],
        ["alias.test", "alias.test=192.0.2.3"],
        ["number.test", "554 5.4.4"],
        ["empty.test", "554 5.4.4"],
        ["inside.test", "554 5.4.4"],
        ["silent.test", "451 4.4.3"],
      ];
      for (const [domain, expected] of table) {
        await t.step(domain, async () => {
          const found = await resolveNextHop({ kind: "mx", domain }, { dns });
          const summary = found.kind === "failure"
            ? `${found.reply.code} ${found.reply.enhanced}`
            : found.targets.map(({ host, addresses }) => `${host}=${addresses}`).join(" ");
          assertEquals(summary, expected);
        });
      }
      server.kill("SIGTERM");
      await draining;
    } finally {
      try {
        server.kill("SIGTERM");
      } catch {
        // It has ended already.
      }
      await server.status;
      said.releaseLock();
      await server.stderr.cancel();
      await Deno.remove(directory, { recursive: true });
    }
  },
});
