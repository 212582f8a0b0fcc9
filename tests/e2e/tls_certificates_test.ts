/** Certificates as real clients see them: by name, by version of TLS, and while they are replaced. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { openssl as run } from "../net/certificates.ts";
import { BackgroundProcess, peerTest } from "../peers.ts";
import { PASSWORD } from "./canaries.ts";
import { type CertificateFiles, LOCALHOST } from "./certificates.ts";
import { eventually, runProgram, temporaryDirectory } from "./smtpd.ts";
import { HELD, LOCAL, SERVICES, startTlsServer, type TlsServer } from "./tls_server.ts";

const scripts = new URL("scripts/", import.meta.url).pathname;
const [SMTP, , SMTPS] = SERVICES;

/** What openssl shows of a handshake. */
async function handshake(
  openssl: string,
  server: TlsServer,
  { service = SMTPS, flags = [] }: { service?: typeof SERVICES[number]; flags?: string[] },
): Promise<{ readonly code: number; readonly text: string }> {
  return await runProgram(openssl, [
    ...["s_client", "-connect", `${LOCALHOST}:${server.portOf(service)}`],
    ...service.implicitTls ? [] : ["-starttls", "smtp"],
    ...["-CAfile", server.authority.path, "-verify_return_error", ...flags],
  ], { input: new TextEncoder().encode("QUIT\r\n") });
}

async function serialOf({ certificate }: Pick<CertificateFiles, "certificate">): Promise<string> {
  return (await run("/", "x509", "-noout", "-serial", "-in", certificate)).trim().slice(7);
}

peerTest({
  name:
    "clients get the certificate of the name that they ask for, in TLS 1.2 and 1.3 and no other",
  needs: ["openssl"],
  async fn({ openssl }, t) {
    using directory = temporaryDirectory();
    await using server = await startTlsServer(directory.path, {
      async config(authority) {
        const rsa = await authority.issue("rsa", { key: "rsa", names: ["mx.test"] });
        const wild = await authority.issue("wild", { key: "p384", names: ["*.wild.test"] });
        const pairs = [rsa, wild].map(({ certificate, key }) => `${certificate} ${key}`);
        return { certificates: pairs };
      },
    });
    const names: readonly (readonly [string, RegExp, string])[] = [
      [LOCALHOST, /^subject=CN ?= ?localhost$/m, "id-ecPublicKey"],
      ["mx.test", /^subject=CN ?= ?mx\.test$/m, "rsaEncryption"],
      ["MX.Test", /^subject=CN ?= ?mx\.test$/m, "rsaEncryption"],
      ["a.wild.test", /^subject=CN ?= ?\*\.wild\.test$/m, "id-ecPublicKey"],
      ["unknown.test", /^subject=CN ?= ?localhost$/m, "id-ecPublicKey"],
    ];
    for (const service of [SMTP, SMTPS]) {
      for (const version of ["1.2", "1.3"]) {
        for (const [name, subject, key] of names) {
          await t.step(`${service.name} ${name} TLS ${version}`, async () => {
            const flags = ["-servername", name, `-tls${version.replace(".", "_")}`];
            const { code, text } = await handshake(openssl, server, { service, flags });
            assertEquals(code, 0, text);
            assertMatch(text, subject);
            assert(text.includes(`a:PKEY: ${key}`), text);
            assertMatch(text, new RegExp(`^New, TLSv${version}, Cipher is `, "m"));
            assertMatch(text, /^Verify return code: 0 \(ok\)$|^Verification: OK$/m);
          });
        }
      }
      await t.step(`${service.name} without a name`, async () => {
        const { code, text } = await handshake(openssl, server, {
          service,
          flags: ["-noservername"],
        });
        assertEquals(code, 0, text);
        assertMatch(text, /^subject=CN ?= ?localhost$/m);
      });
      for (const version of ["1", "1_1"]) {
        await t.step(`${service.name} TLS ${version}`, async () => {
          // Without this openssl would not even ask for one so old.
          const flags = [`-tls${version}`, "-cipher", "ALL:@SECLEVEL=0"];
          const { code, text } = await handshake(openssl, server, { service, flags });
          assertEquals(code, 1, text);
          assertMatch(text, /^New, \(NONE\), Cipher is \(NONE\)$/m);
        });
      }
    }
  },
});

/** The serial number of the certificate that the server shows. */
async function servedSerial(openssl: string, server: TlsServer): Promise<string> {
  const { code, text } = await handshake(openssl, server, { flags: ["-showcerts"] });
  assertEquals(code, 0, text);
  const shown = Deno.makeTempFileSync();
  Deno.writeTextFileSync(shown, text.slice(text.indexOf("-----BEGIN")));
  const serial = await serialOf({ certificate: shown });
  Deno.removeSync(shown);
  return serial;
}

/** Puts other files in the place of those that the server has, as certbot does. */
function replace({ certificate, smtpd }: TlsServer, files: CertificateFiles): void {
  for (const part of ["key", "certificate"] as const) {
    const made = `${certificate[part]}.new`;
    Deno.copyFileSync(files[part], made);
    Deno.renameSync(made, certificate[part]);
  }
  Deno.kill(smtpd.pid, "SIGHUP");
}

/** Does so with good ones, and waits until they are served. */
async function rotate(openssl: string, server: TlsServer, files: CertificateFiles): Promise<void> {
  const wanted = await serialOf(files);
  replace(server, files);
  await eventually(async () => await servedSerial(openssl, server) === wanted || undefined);
}

/** A certificate for the same names as the server's. */
function another(server: TlsServer, name: string, key: "p256" | "rsa" = "p256") {
  return server.authority.issue(name, { key, names: [LOCALHOST, "mx.smtpd.test"] });
}

peerTest({
  name:
    "certificate that is replaced five times under load fails no handshake and drops no session",
  needs: ["openssl", "python:smtplib"],
  async fn(peers) {
    const [SESSIONS, AT_ONCE, HELD_SESSIONS] = [200, 8, 5];
    using directory = temporaryDirectory();
    await using server = await startTlsServer(directory.path, {
      config: () =>
        Promise.resolve({ connectionRate: "off", messageRate: "off", recipientRate: "off" }),
    });
    const first = await serialOf(server.certificate);
    const issued: CertificateFiles[] = [];
    for (let i = 0; i < 5; i++) issued.push(await another(server, `n${i}`, i % 2 ? "p256" : "rsa"));
    const stop = `${directory.path}/stop`;
    const serials = [first, ...await Promise.all(issued.map(serialOf))];
    await using clients = new BackgroundProcess(peers["python:smtplib"], [
      `${scripts}tls_sessions.py`,
      ...[`${server.portOf(SMTP)}`, server.authority.path, `${SESSIONS}`],
      ...[`${AT_ONCE}`, stop],
    ]);
    const lines = () => clients.output.split("\n").slice(0, -1);
    /** Waits until so many more sessions than there are at once are over. */
    const goOn = async () => {
      const due = lines().length + 2 * AT_ONCE;
      await eventually(() => lines().length >= due || undefined, () => clients.output);
    };
    await goOn();
    for (const files of issued) {
      await rotate(peers.openssl, server, files);
      await goOn();
    }
    Deno.writeTextFileSync(stop, "");
    assertEquals((await clients.status).success, true, clients.output);
    const words = lines().map((line) => line.split(" "));
    assertEquals(words.filter(([what]) => what !== "session" && what !== "held"), []);
    const seen = (kind: string) => words.filter(([what]) => what === kind).map(([, s]) => s);
    const sessions = seen("session").length;
    assert(sessions >= SESSIONS);
    assertEquals(seen("held"), Array(HELD_SESSIONS).fill(first));
    assertEquals([...new Set(seen("session"))].sort(), serials.sort());
    assertEquals(seen("session").at(-1), await serialOf(server.certificate));
    await eventually(() =>
      server.messagesOf(`rotated@${LOCAL}`).length === sessions &&
        server.messagesOf(`held@${LOCAL}`).length === HELD_SESSIONS || undefined
    );
    for (const event of ["tls-failed", "lost", "certificates-bad", "refused"]) {
      assertEquals(server.smtpd.events(event), []);
    }
  },
});

peerTest({
  name: "certificate that cannot be used leaves the one before in force, and is logged",
  needs: ["openssl"],
  async fn({ openssl }, t) {
    using directory = temporaryDirectory();
    await using server = await startTlsServer(directory.path);
    const good = await serialOf(server.certificate);
    const other = await another(server, "other");
    const old = await server.authority.issue("old", {
      names: [LOCALHOST],
      from: new Date("2020-01-01"),
      until: new Date("2021-01-01"),
    });
    const garbage = `${directory.path}/garbage`;
    Deno.writeTextFileSync(garbage, "no certificate\n");
    const { key } = server.certificate;
    const cases: readonly (readonly [string, CertificateFiles, RegExp])[] = [
      [
        "of another key",
        { certificate: other.certificate, key: old.key },
        / does not belong to the certificate in /,
      ],
      ["that has expired", old, / expired on 2021-01-01/],
      ["that is none", { certificate: garbage, key }, / is not PEM/],
    ];
    for (const [name, files, error] of cases) {
      await t.step(name, async () => {
        replace(server, files);
        const bad = await eventually(
          () =>
            server.smtpd.events("certificates-bad").find((event) => error.test(`${event.error}`)),
          () => JSON.stringify(server.smtpd.events("certificates-bad")),
        );
        assertEquals(bad.level, "error");
        assertEquals(await servedSerial(openssl, server), good);
      });
    }
    await t.step("until a good one comes", () => rotate(openssl, server, other));
  },
});

peerTest({
  name:
    "client that began TLS before its certificate was replaced binds to the one that it has seen",
  needs: ["openssl", "npm:pg"],
  async fn(peers) {
    using directory = temporaryDirectory();
    await using server = await startTlsServer(directory.path, {
      accounts: ["*"],
      channelBinding: true,
    });
    const path = `${directory.path}/message`;
    Deno.writeTextFileSync(path, "Subject: bound\r\n\r\nhello\r\n");
    const child = new Deno.Command("node", {
      args: [`${scripts}scram_plus_submit.cjs`],
      env: { NODE_PATH: peers["npm:pg"] },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(60_000),
    }).spawn();
    const writer = child.stdin.getWriter();
    const order = (text: string) => writer.write(new TextEncoder().encode(`${text}\n`));
    await order(JSON.stringify({
      port: server.portOf(SMTP),
      implicitTls: false,
      waits: true,
      password: PASSWORD,
      authority: server.authority.path,
      from: "joe@client.test",
      to: [`bound@${LOCAL}`, `bound@${HELD}`],
      path,
    }));
    await server.smtpd.event("secured");
    await rotate(peers.openssl, server, await another(server, "other"));
    await order("go");
    await writer.close();
    const { code, stderr } = await child.output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    await server.smtpd.event("authenticated", { account: "*" });
    await server.delivered(`bound@${LOCAL}`);
    await server.assertNoCanaries();
  },
});
