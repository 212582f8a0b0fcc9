import { assertEquals, assertNotStrictEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { X509Certificate } from "node:crypto";
import { endPointOf } from "../../lib/net/end_point.ts";
import { tlsIdentity } from "../../lib/net/tls_identity.ts";
import { canBeginTls, tryTls } from "../../lib/net/tls_trial.ts";
import { temporaryDirectory } from "../e2e/smtpd.ts";
import { peerTest } from "../peers.ts";
import { certificateOf, makeCertificate } from "./certificates.ts";
import { FakeClock } from "./fake_clock.ts";

const choices: [asked: string | undefined, shown: string][] = [
  [undefined, "first"],
  ["first.test", "first"],
  ["nobody.test", "first"],
  ["exact.wild.test", "exact"],
  ["EXACT.wild.test", "exact"],
  ["other.wild.test", "wild"],
  ["OTHER.WILD.TEST", "wild"],
  ["wild.test", "first"],
  ["a.b.wild.test", "first"],
  [".wild.test", "first"],
  ["*.wild.test", "wild"],
  ["both.test", "ecdsa"],
  ["x.both.test", "ecdsa"],
  ["rsa.both.test", "rsa"],
  ["common.test", "wild"],
  ["", "first"],
];

peerTest({
  name:
    "a client gets the certificate of the name that it asks for, else by a wildcard, else the first",
  needs: ["openssl"],
  async fn(_, t) {
    using folder = temporaryDirectory();
    const made = {
      first: ["p256", "first.test"],
      wild: ["p256", "common.test", "*.wild.test"],
      exact: ["p256", "exact.wild.test"],
      rsa: ["rsa", "both.test", "*.both.test", "rsa.both.test"],
      ecdsa: ["p256", "both.test", "*.both.test"],
    } as const;
    const names = Object.keys(made) as (keyof typeof made)[];
    for (const name of names) {
      const [key, ...hosts] = made[name];
      await makeCertificate(folder.path, name, { key, names: hosts });
    }
    const certificates = names.map((name) => certificateOf(folder.path, name));
    const identity = tlsIdentity(certificates);
    const endPoints = new Map(certificates.map(({ certificate }, index) => [
      endPointOf(new X509Certificate(certificate).raw)?.toHex(),
      names[index],
    ]));
    for (const [asked, shown] of choices) {
      await t.step(`${asked}`, () => {
        assertEquals(endPoints.get(identity.endPointFor(asked)?.toHex()), shown);
        assertStrictEquals(identity.contextFor(asked), identity.contextFor(asked));
      });
    }
    assertNotStrictEquals(identity.contextFor("both.test"), identity.contextFor("rsa.both.test"));
    assertEquals(identity.asksClient, false);
    assertEquals(tlsIdentity(certificates, { asksClient: true }).asksClient, true);
    for (const asked of ["first.test", "rsa.both.test", undefined]) {
      assertEquals(await tryTls(identity.contextFor(asked)), { kind: "works" });
    }
  },
});

peerTest({
  name: "an identity is made of certificates and keys only",
  needs: ["openssl"],
  async fn() {
    using folder = temporaryDirectory();
    await makeCertificate(folder.path, "own");
    await makeCertificate(folder.path, "other");
    const { certificate, key } = certificateOf(folder.path, "own");
    assertThrows(() => tlsIdentity([]), RangeError, "no certificate");
    assertThrows(() => tlsIdentity([{ certificate: key, key }]), SyntaxError, "none in PEM");
    assertThrows(
      () => tlsIdentity([{ certificate, key: certificate }]),
      SyntaxError,
      "no private key in PEM",
    );
    const { key: wrong } = certificateOf(folder.path, "other");
    const { kind } = await tryTls(tlsIdentity([{ certificate, key: wrong }]).contextFor(undefined));
    assertEquals(kind, "refused");
    // The key may stand in the same file, and text of any kind between the parts.
    const whole = `a\r\n${certificate}b\n${key}`;
    const identity = tlsIdentity([{ certificate: whole, key: whole }]);
    assertEquals(await tryTls(identity.contextFor(undefined)), { kind: "works" });
    const clock = new FakeClock();
    assertEquals(await tryTls(identity.contextFor(undefined), clock), { kind: "works" });
    assertEquals(clock.waiting, 0);
  },
});

Deno.test("server TLS is taken to begin with Deno 2.8", () => {
  const versions = ["1.46.3", "2.4.2", "2.7.14", "2.8.0", "2.9.6", "2.10.0-rc.1", "3.0.0"];
  assertEquals(versions.map(canBeginTls), [false, false, false, true, true, true, true]);
});
