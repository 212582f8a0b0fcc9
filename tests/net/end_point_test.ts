import { assertEquals, assertThrows } from "@std/assert";
import { X509Certificate } from "node:crypto";
import { endPointOf, signatureOf } from "../../lib/net/end_point.ts";
import { peerTest } from "../peers.ts";
import { temporaryDirectory } from "../e2e/smtpd.ts";
import { makeCertificate, openssl, type Wanted } from "./certificates.ts";

const signatures: [wanted: Wanted, hash: string][] = [
  [{ key: "rsa", digest: "md5" }, "sha256"],
  [{ key: "rsa", digest: "sha1" }, "sha256"],
  [{ key: "rsa", digest: "sha224" }, "sha224"],
  [{ key: "rsa", digest: "sha256" }, "sha256"],
  [{ key: "rsa", digest: "sha384" }, "sha384"],
  [{ key: "rsa", digest: "sha512" }, "sha512"],
  [{ key: "p256", digest: "sha1" }, "sha256"],
  [{ key: "p256", digest: "sha256" }, "sha256"],
  [{ key: "p384", digest: "sha384" }, "sha384"],
  [{ key: "p521", digest: "sha512" }, "sha512"],
  [{ key: "rsaPss", digest: "sha1" }, "sha256"],
  [{ key: "rsaPss", digest: "sha256" }, "sha256"],
  [{ key: "rsaPss", digest: "sha384" }, "sha384"],
];

peerTest({
  name: "tls-server-end-point is what openssl hashes, with SHA-256 for MD5 and SHA-1",
  needs: ["openssl"],
  async fn(_, t) {
    using folder = temporaryDirectory();
    for (const [wanted, hash] of signatures) {
      await t.step(`${wanted.key} ${wanted.digest}`, async () => {
        await makeCertificate(folder.path, "own", wanted);
        const pem = await Deno.readTextFile(`${folder.path}/own.pem`);
        const args = ["x509", "-in", "own.pem", "-noout", "-fingerprint", `-${hash}`];
        const printed = await openssl(folder.path, ...args);
        const expected = printed.trim().split("=")[1].replaceAll(":", "").toLowerCase();
        const der = new X509Certificate(pem).raw;
        assertEquals(endPointOf(der)?.toHex(), expected);
        assertEquals(signatureOf(der).hash, wanted.digest);
      });
    }
  },
});

peerTest({
  name: "a certificate that is signed without a hash function has no tls-server-end-point",
  needs: ["openssl"],
  async fn() {
    using folder = temporaryDirectory();
    await openssl(
      folder.path,
      ...["req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=x", "-days", "1"],
      ...["-keyout", "own.key", "-out", "own.pem"],
    );
    const { raw } = new X509Certificate(await Deno.readTextFile(`${folder.path}/own.pem`));
    assertEquals(signatureOf(raw), { identifier: "1.3.101.112", hash: undefined });
    assertEquals(endPointOf(raw), undefined);
  },
});

/** A certificate as far as it is read: tbsCertificate, an algorithm, a signature. */
const SHA256_RSA = "06092a864886f70d01010b";

const bad: [hex: string, message: RegExp][] = [
  ["", /it is cut off$/],
  ["30", /it is cut off$/],
  ["3005", /it is cut off$/],
  ["3100", /it does not begin as one$/],
  ["3000", /its parts are not those of one$/],
  ["300000", /something follows it$/],
  ["3080" + "0000", /a length is not one of DER$/],
  ["308100", /a length is not one of DER$/],
  ["30820001" + "00", /a length is not one of DER$/],
  ["3085" + "0000000001" + "00", /a length is not one of DER$/],
  ["3084ffffffff", /it is cut off$/],
  ["1f8100", /a tag is not one of a certificate$/],
  ["3006" + "3000" + "3000" + "0300", /an object identifier is missing$/],
  ["3008" + "3000" + "30020600" + "0300", /an object identifier is cut off$/],
  ["3009" + "3000" + "3003060180" + "0300", /an object identifier is cut off$/],
  ["300e" + "3000" + "30080606ffffffffff7f" + "0300", /an object identifier is too long$/],
  ["3008" + "3000" + "3000" + "0300" + "0500", /it has too many parts$/],
];

Deno.test("what is no certificate in DER is refused", async (t) => {
  for (const [hex, message] of bad) {
    await t.step(hex, () => {
      const error = assertThrows(() => endPointOf(Uint8Array.fromHex(hex)), SyntaxError);
      assertEquals(message.test(error.message), true, error.message);
    });
  }
});

Deno.test("a part of a certificate is refused wherever it is cut off", () => {
  const whole = Uint8Array.fromHex(`3011${"3000"}300b${SHA256_RSA}${"0300"}`);
  assertEquals(signatureOf(whole), { identifier: "1.2.840.113549.1.1.11", hash: "sha256" });
  for (let end = 0; end < whole.length; end++) {
    assertThrows(() => endPointOf(whole.subarray(0, end)), SyntaxError);
  }
});
