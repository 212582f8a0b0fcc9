import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { X509Certificate } from "node:crypto";
import { loadCertificates } from "../../lib/cli/certificate_files.ts";
import { openCertificates } from "../../lib/cli/certificates.ts";
import { Failure } from "../../lib/cli/failure.ts";
import type { Config } from "../../lib/config.ts";
import type { Clock } from "../../lib/net/clock.ts";
import { endPointOf } from "../../lib/net/end_point.ts";
import { tryTls } from "../../lib/net/tls_trial.ts";
import { temporaryDirectory } from "../e2e/smtpd.ts";
import { certificateOf, makeCertificate } from "../net/certificates.ts";
import { FakeClock } from "../net/fake_clock.ts";
import { peerTest } from "../peers.ts";

/** Settings that name `cert` and `key` in a folder. */
function settings(folder: string): Config {
  const named = { tlsCert: `${folder}/cert`, tlsKey: `${folder}/key`, certificates: [] };
  return { ...named, hostname: "mail.test" } as unknown as Config;
}

/** Certificates `one` and `two`, of which `one` is in force, with the time that passes for them. */
async function fixture() {
  const folder = temporaryDirectory();
  const { path } = folder;
  for (const name of ["one", "two"]) await makeCertificate(path, name);
  Deno.mkdirSync(`${path}/live`);
  const live = `${path}/live`;
  for (const [file, ending] of [["cert", "pem"], ["key", "key"]]) {
    Deno.copyFileSync(`${path}/one.${ending}`, `${live}/${file}`);
    Deno.chmodSync(`${live}/${file}`, 0o600);
  }
  const endPoints = new Map(
    ["one", "two"].map((name) => {
      const { raw } = new X509Certificate(certificateOf(path, name).certificate);
      return [endPointOf(raw)?.toHex(), name];
    }),
  );
  const events: [event: string, text: string][] = [];
  let noted = Promise.withResolvers<void>();
  const timers = new FakeClock();
  let armed = Promise.withResolvers<void>();
  const clock: Clock = {
    now: Date.now,
    after(delay, wake) {
      const timer = timers.after(delay, wake);
      if (delay === 200) armed.resolve();
      return timer;
    },
  };
  /** Waits until a change was noticed. */
  async function isArmed(): Promise<void> {
    await armed.promise;
    armed = Promise.withResolvers();
  }
  /** The next event. */
  async function next(): Promise<string> {
    await noted.promise;
    noted = Promise.withResolvers();
    return events.at(-1)![0];
  }
  return {
    path,
    live,
    events,
    clock,
    timers,
    log(_level: string, event: string, fields: Readonly<Record<string, unknown>>): void {
      events.push([event, String(fields.error ?? fields.problem ?? fields.files)]);
      noted.resolve();
    },
    /** The name of the certificate in force. */
    inForce: (at: { endPointFor(name: undefined): Uint8Array | undefined }) =>
      endPoints.get(at.endPointFor(undefined)?.toHex()),
    armed: isArmed,
    next,
    /** Waits until a change was noticed, lets the files be quiet, and waits for what is logged. */
    async noticed(): Promise<string> {
      await isArmed();
      await timers.advance(200);
      return await next();
    },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

/** Puts a file in the place of another one, as most programs do. */
function replace(from: string, to: string): void {
  Deno.copyFileSync(from, `${to}.new`);
  Deno.chmodSync(`${to}.new`, 0o600);
  Deno.renameSync(`${to}.new`, to);
}

Deno.test("no certificates are opened where settings name none", async () => {
  const config = { certificates: [] } as unknown as Config;
  assertEquals(await openCertificates(config, () => {}), undefined);
});

peerTest({
  name: "certificates are read again when other files take their place",
  needs: ["openssl"],
  async fn() {
    using at = await fixture();
    const { path, live, clock, log } = at;
    await using certificates = await openCertificates(settings(live), log, { clock });
    assert(certificates !== undefined);
    const { identity } = certificates;
    const before = identity.contextFor(undefined);
    assertEquals([at.inForce(identity), at.events], ["one", []]);
    replace(`${path}/two.key`, `${live}/key`);
    replace(`${path}/two.pem`, `${live}/cert`);
    assertEquals(await at.noticed(), "certificates-read");
    assertEquals(at.inForce(identity), "two");
    assert(identity.contextFor(undefined) !== before);
    assertEquals(at.events, [["certificates-read", `${live}/cert ${live}/key`]]);
  },
});

peerTest({
  name: "certificates are read again when certbot turns its links to new files",
  needs: ["openssl"],
  async fn() {
    using at = await fixture();
    const { path, live, clock, log } = at;
    function turn(name: string): void {
      for (const [file, ending] of [["cert", "pem"], ["key", "key"]]) {
        Deno.removeSync(`${live}/${file}`);
        Deno.symlinkSync(`../${name}.${ending}`, `${live}/${file}`);
      }
    }
    for (const name of ["one", "two"]) Deno.chmodSync(`${path}/${name}.key`, 0o600);
    turn("one");
    await using certificates = await openCertificates(settings(live), log, { clock });
    assertEquals(at.inForce(certificates!.identity), "one");
    turn("two");
    assertEquals(await at.noticed(), "certificates-read");
    assertEquals(at.inForce(certificates!.identity), "two");
  },
});

peerTest({
  name: "a bad new certificate is logged once, and the old one stays in force",
  needs: ["openssl"],
  async fn() {
    using at = await fixture();
    const { path, live, clock, log, timers } = at;
    await using certificates = await openCertificates(settings(live), log, { clock });
    const { identity } = certificates!;
    // The certificate is there, its key not yet.
    replace(`${path}/two.pem`, `${live}/cert`);
    assertEquals(await at.noticed(), "certificates-bad");
    assertMatch(
      at.events[0][1],
      /\/live\/key does not belong to the certificate in .*\/live\/cert: /,
    );
    assertEquals(at.inForce(identity), "one");
    await timers.advance(5 * 60_000);
    assertEquals(at.events.length, 1);
    Deno.removeSync(`${live}/key`);
    assertEquals(await at.noticed(), "certificates-bad");
    assertMatch(at.events[1][1], /^cannot read .*\/live\/key \(there is no such file\)/);
    assertEquals(at.inForce(identity), "one");
    replace(`${path}/two.key`, `${live}/key`);
    assertEquals(await at.noticed(), "certificates-read");
    assertEquals(at.inForce(identity), "two");
  },
});

peerTest({
  name: "files that still change are not read before they are quiet",
  needs: ["openssl"],
  async fn() {
    using at = await fixture();
    const { path, live, clock, log, timers } = at;
    await using certificates = await openCertificates(settings(live), log, { clock });
    const { identity } = certificates!;
    replace(`${path}/two.pem`, `${live}/cert`);
    await at.armed();
    // Where something has come meanwhile, it all gets as much time again.
    replace(`${path}/two.key`, `${live}/key`);
    await timers.advance(200);
    assertEquals([at.events, at.inForce(identity)], [[], "one"]);
    await timers.advance(200);
    assertEquals(await at.next(), "certificates-read");
    assertEquals(at.inForce(identity), "two");
  },
});

peerTest({
  name: "a change that the system does not tell of is found within a minute",
  needs: ["openssl"],
  async fn() {
    using at = await fixture();
    const { path, live, clock, log, timers } = at;
    // The directory itself is another one: nothing happens in the one that is watched.
    Deno.mkdirSync(`${path}/next`);
    for (const [file, ending] of [["cert", "pem"], ["key", "key"]]) {
      Deno.copyFileSync(`${path}/two.${ending}`, `${path}/next/${file}`);
      Deno.chmodSync(`${path}/next/${file}`, 0o600);
    }
    Deno.symlinkSync(live, `${path}/link`);
    await using certificates = await openCertificates(settings(`${path}/link`), log, { clock });
    Deno.symlinkSync(`${path}/next`, `${path}/link.new`);
    Deno.renameSync(`${path}/link.new`, `${path}/link`);
    await timers.advance(59_999);
    assertEquals(at.inForce(certificates!.identity), "one");
    await timers.advance(201);
    assertEquals(await at.next(), "certificates-read");
    assertEquals(at.inForce(certificates!.identity), "two");
  },
});

peerTest({
  name: "no handshake fails while certificates change",
  needs: ["openssl"],
  async fn() {
    using at = await fixture();
    const { path, live, clock, log } = at;
    await using certificates = await openCertificates(settings(live), log, { clock });
    const { identity } = certificates!;
    let isOver = false;
    let handshakes = 0;
    async function client(): Promise<void> {
      for (; !isOver; handshakes++) {
        assertEquals(await tryTls(identity.contextFor("mail.test")), { kind: "works" });
      }
    }
    const clients = [client(), client(), client()];
    for (let round = 0; round < 10; round++) {
      const name = round % 2 === 0 ? "two" : "one";
      replace(`${path}/${name}.pem`, `${live}/cert`);
      replace(`${path}/${name}.key`, `${live}/key`);
      await certificates!.reread();
      assertEquals(at.inForce(identity), name);
    }
    isOver = true;
    await Promise.all(clients);
    assert(handshakes > 10, `${handshakes}`);
    assert(at.events.every(([event]) => event === "certificates-read"));
  },
});

peerTest({
  name: "warnings are logged at the start and when certificates are read again",
  needs: ["openssl"],
  async fn() {
    using at = await fixture();
    const { live, clock, log } = at;
    Deno.chmodSync(`${live}/key`, 0o644);
    await using certificates = await openCertificates(settings(live), log, { clock });
    await certificates!.reread();
    assertEquals(at.events.map(([event]) => event), [
      "certificates-warning",
      "certificates-read",
      "certificates-warning",
    ]);
    assertMatch(at.events[0][1], /^every user of this computer may read the key in /);
  },
});

peerTest({
  name: "certificates are looked at once a day, whatever becomes of the files",
  needs: ["openssl"],
  async fn() {
    using at = await fixture();
    const { live, clock, log, timers } = at;
    const DAY = 86_400_000;
    let days = 0;
    const late: Clock = { ...clock, now: () => clock.now() + days * DAY };
    await using certificates = await openCertificates(settings(live), log, { clock: late });
    await timers.advance(DAY / 2);
    assertEquals(at.events, []);
    for (const [day, event] of [[80, "certificates-warning"], [91, "certificates-bad"]] as const) {
      days = day;
      await timers.advance(60_000);
      while (at.events.at(-1)?.[0] !== event) await at.next();
      await timers.advance(60_000);
    }
    assertEquals(at.events.length, 3);
    assertMatch(at.events[1][1], /expires in [89] days/);
    assertMatch(at.events[2][1], /expired on/);
    assertEquals(at.inForce(certificates!.identity), "one");
  },
});

peerTest({
  name: "nothing is read, waited for or watched once certificates are closed",
  needs: ["openssl"],
  async fn() {
    using at = await fixture();
    const { path, live, clock, log, timers } = at;
    const certificates = await openCertificates(settings(live), log, { clock });
    await certificates![Symbol.asyncDispose]();
    assertEquals(timers.waiting, 0);
    replace(`${path}/two.pem`, `${live}/cert`);
    await certificates!.reread();
    assertEquals([at.events, at.inForce(certificates!.identity)], [[], "one"]);
  },
});

peerTest({
  name: "a runtime that cannot do TLS as a server is named, with 78",
  needs: ["openssl"],
  async fn() {
    using at = await fixture();
    const load = () => loadCertificates(settings(at.live), { version: "2.4.2" });
    const error = await assertRejects(load, Failure);
    assertEquals(error.exitCode, 78);
    assertEquals(
      error.message,
      "the Deno that smtpd runs on, 2.4.2, cannot do TLS as a server: take Deno 2.8 or later, or " +
        "leave the certificate out",
    );
  },
});
