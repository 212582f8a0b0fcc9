import { assert, assertEquals, assertMatch } from "@std/assert";
import { temporaryDirectory } from "../e2e/smtpd.ts";
import { certificateOf, makeCertificate, openssl, type Wanted } from "../net/certificates.ts";
import { peerTest } from "../peers.ts";
import { call } from "./surroundings.ts";

const DAY = 86_400_000;
const HOST = "mail.test";

/** A day from now on, a second before which another day would begin. */
function inDays(days: number): Date {
  return new Date(Date.now() + days * DAY + 60_000);
}

/** A folder with an authority of two steps, `root` and `middle`, and what `own` is to be. */
async function fixture(wanted: Wanted = {}) {
  const folder = temporaryDirectory();
  const { path } = folder;
  await makeCertificate(path, "root", { names: ["Root"], isAuthority: true });
  await makeCertificate(path, "middle", { names: ["Middle"], issuer: "root", isAuthority: true });
  await makeCertificate(path, "own", { issuer: "middle", ...wanted });
  return Object.assign(folder, {
    /** Writes a certificate with others behind it, and a key; answers the flags that name them. */
    files(chain: string, key = "own"): string[] {
      const [own, ...others] = chain.split(" ");
      Deno.writeTextFileSync(`${path}/cert`, certificateOf(path, own, ...others).certificate);
      Deno.writeFileSync(`${path}/key`, Deno.readFileSync(`${path}/${key}.key`));
      Deno.chmodSync(`${path}/key`, 0o600);
      return ["--tls-cert", `${path}/cert`, "--tls-key", `${path}/key`];
    },
  });
}

type Fixture = Awaited<ReturnType<typeof fixture>>;

/** One mistake: how it is made, and the line that tells of it, in which `DIR` is the folder. */
interface Mistake {
  readonly name: string;
  readonly own?: Wanted;
  readonly make: (at: Fixture) => string[] | Promise<string[]>;
  readonly says: RegExp;
}

const errors: readonly Mistake[] = [
  {
    name: "no certificate file",
    make: ({ files, path }) => {
      const flags = files("own middle");
      Deno.removeSync(`${path}/cert`);
      return flags;
    },
    says: /^cannot read \S+\/cert \(there is no such file\): give a file in PEM/,
  },
  {
    name: "no key file",
    make: ({ files, path }) => {
      const flags = files("own middle");
      Deno.removeSync(`${path}/key`);
      return flags;
    },
    says: /^cannot read \S+\/key \(there is no such file\): give a file in PEM/,
  },
  {
    name: "a directory in place of a certificate",
    make: ({ files, path }) => ["--tls-cert", path, ...files("own middle").slice(2)],
    says: /^cannot read \S+ \(it is no file\)/,
  },
  {
    name: "a certificate in DER",
    make: async ({ files, path }) => {
      const flags = files("own middle");
      await openssl(path, "x509", "-in", "own.pem", "-outform", "DER", "-out", "cert");
      return flags;
    },
    says: /^cannot read \S+\/cert \(it is not UTF-8\): give a file in PEM/,
  },
  {
    name: "text that is not PEM",
    make: ({ files, path }) => {
      const flags = files("own middle");
      Deno.writeTextFileSync(`${path}/cert`, "Dear customer,\n");
      return flags;
    },
    says: /^\S+\/cert is not PEM: give a file that begins with -----BEGIN, openssl x509/,
  },
  {
    name: "an empty key",
    make: ({ files, path }) => {
      const flags = files("own middle");
      Deno.writeTextFileSync(`${path}/key`, "");
      return flags;
    },
    says: /^\S+\/key is not PEM: give a file that begins with -----BEGIN, openssl pkey/,
  },
  {
    name: "a certificate that is cut off",
    make: ({ files, path }) => {
      const flags = files("own middle");
      Deno.truncateSync(`${path}/cert`, Deno.statSync(`${path}/cert`).size - 100);
      return flags;
    },
    says: /^\S+\/cert is cut off in the middle of PEM: copy the whole file/,
  },
  {
    name: "a certificate with a part that is damaged",
    make: ({ files, path }) => {
      const flags = files("own middle");
      const text = Deno.readTextFileSync(`${path}/cert`);
      Deno.writeTextFileSync(`${path}/cert`, text.replace(/\n(?!-)[^]{200}/, "\n"));
      return flags;
    },
    says: /^certificate 1 in \S+\/cert is damaged: copy the file again/,
  },
  {
    name: "a key that is damaged",
    make: ({ files, path }) => {
      const flags = files("own middle");
      const text = Deno.readTextFileSync(`${path}/key`);
      Deno.writeTextFileSync(`${path}/key`, text.replace(/\n(?!-)[^]{20}/, "\n"));
      return flags;
    },
    says: /^the key in \S+\/key is damaged: copy the file again/,
  },
  {
    name: "certificate and key swapped",
    make: ({ files, path }) => {
      files("own middle");
      return ["--tls-cert", `${path}/key`, "--tls-key", `${path}/cert`];
    },
    says: /^\S+\/key holds a key and no certificate: .*swapped/,
  },
  {
    name: "a request in place of the certificate",
    make: async ({ files, path }) => {
      const flags = files("own middle");
      await Deno.copyFile(`${path}/own.csr`, `${path}/cert`);
      return flags;
    },
    says: /^\S+\/cert holds a request for a certificate: give what the authority answered/,
  },
  {
    name: "parameters in place of the key",
    make: async ({ files, path }) => {
      const flags = files("own middle");
      await openssl(path, "ecparam", "-name", "prime256v1", "-out", "key");
      return flags;
    },
    says: /^\S+\/key holds no key but EC PARAMETERS: give a file with the key in PEM/,
  },
  {
    name: "the key of another certificate",
    make: ({ files }) => files("own middle", "root"),
    says: /^the key in \S+\/key does not belong to the certificate in \S+\/cert: give the key/,
  },
  {
    name: "an encrypted key",
    make: async ({ files, path }) => {
      const flags = files("own middle");
      const args = ["-in", "own.key", "-aes128", "-passout", "pass:x", "-out", "key"];
      await openssl(path, "pkey", ...args);
      return flags;
    },
    says: /^the key in \S+\/key is encrypted, .*: write it without one, openssl pkey -in OLD/,
  },
  {
    name: "a key that is encrypted as OpenSSL did it long ago",
    own: { key: "rsa" },
    make: async ({ files, path }) => {
      const flags = files("own middle");
      const args = ["-in", "own.key", "-aes128", "-passout", "pass:x", "-out", "key"];
      await openssl(path, "rsa", "-traditional", ...args);
      return flags;
    },
    says: /^the key in \S+\/key is encrypted/,
  },
  {
    name: "a certificate that expired",
    own: { from: inDays(-30), until: inDays(-2) },
    make: ({ files }) => files("own middle"),
    says: /^the certificate in \S+\/cert expired on \d{4}-\d\d-\d\d: have it renewed/,
  },
  {
    name: "a certificate of the future",
    own: { from: inDays(2), until: inDays(90) },
    make: ({ files }) => files("own middle"),
    says:
      /^the certificate in \S+\/cert is valid from \d{4}-\S+Z on: wait until then, or set the clock/,
  },
  {
    name: "RSA of 1024 bits",
    own: { key: "rsa1024" },
    make: ({ files }) => files("own middle"),
    says: /^the key in \S+\/key is RSA of 1024 bits: have a certificate made with RSA of 2048/,
  },
  {
    name: "a curve that TLS does not have here",
    own: { key: "k256" },
    make: ({ files }) => files("own middle"),
    says: /^the key in \S+\/key is on the curve secp256k1: TLS here takes others/,
  },
  {
    name: "a kind of key that TLS does not have here",
    own: { key: "rsaPss" },
    make: ({ files }) => files("own middle"),
    says: /^the key in \S+\/key is of the kind rsa-pss: TLS here takes others/,
  },
  {
    name: "the authority in front of the server's own",
    make: ({ files }) => files("middle own"),
    says: /^the certificate of the server is number 2 in \S+\/cert: write the server's own first/,
  },
  {
    name: "authorities out of order",
    make: ({ files }) => files("own root middle"),
    says: /^the certificates in \S+\/cert are out of order at mail\.test: write the server's own/,
  },
  {
    name: "a chain with a gap",
    make: ({ files }) => files("own root"),
    says: /^\S+\/cert lacks the certificate of Middle, which issued mail\.test: put it in between/,
  },
  {
    name: "an authority of the same name with another key",
    make: async ({ files, path }) => {
      await makeCertificate(path, "middle", {
        names: ["Middle"],
        issuer: "root",
        isAuthority: true,
      });
      return files("own middle");
    },
    says: /^the Middle in \S+\/cert is another than the one that issued mail\.test: put/,
  },
  {
    name: "something behind a certificate that signed itself",
    own: { issuer: "own" },
    make: ({ files }) => files("own middle"),
    says: /^mail\.test in \S+\/cert signed itself, and yet Middle follows it: take out/,
  },
  {
    name: "certificates of several servers in one file",
    make: async ({ files, path }) => {
      await makeCertificate(path, "other", { names: ["other.test"], issuer: "middle" });
      return files("own other middle");
    },
    says:
      /^\S+\/cert holds the certificates of several servers \(mail\.test and other\.test\): write each/,
  },
  {
    name: "a list of authorities",
    make: ({ files }) => files(`own${" middle".repeat(20)}`),
    says: /^\S+\/cert holds 21 certificates: leave the server's own in it/,
  },
  {
    name: "a certificate twice in one file",
    make: ({ files }) => files("own own middle"),
    says: /^\S+\/cert holds a certificate twice: take one of the two out/,
  },
];

const warnings: readonly Mistake[] = [
  {
    name: "a certificate that expires in a week",
    own: { until: inDays(7) },
    make: ({ files }) => files("own middle"),
    says: /^the certificate in \S+\/cert expires in 7 days, on \d{4}-\d\d-\d\d: have it renewed/,
  },
  {
    name: "a certificate that expires within a day",
    own: { until: inDays(0.5) },
    make: ({ files }) => files("own middle"),
    says: /^the certificate in \S+\/cert expires today or tomorrow, on/,
  },
  {
    name: "an authority that expired",
    make: async ({ path, files }) => {
      const old = { names: ["Old"], isAuthority: true, from: inDays(-9), until: inDays(-1) };
      await makeCertificate(path, "old", { ...old, issuer: "root" });
      await makeCertificate(path, "own", { issuer: "old" });
      return files("own old");
    },
    says:
      /^a certificate behind the first in \S+\/cert expired on .*: put the authority's present one/,
  },
  {
    name: "the name of another host",
    own: { names: ["other.test", "*.example"] },
    make: ({ files }) => files("own middle"),
    says:
      /^the certificates are for other\.test, \*\.example, and this host is mail\.test: have one made/,
  },
  {
    name: "nothing behind a certificate of an authority",
    make: ({ files }) => files("own"),
    says:
      /^\S+\/cert has nothing behind the server's own certificate: put the one of Middle behind it/,
  },
  {
    name: "a key that everybody may read",
    make: ({ files, path }) => {
      const flags = files("own middle");
      Deno.chmodSync(`${path}/key`, 0o644);
      return flags;
    },
    says: /^every user of this computer may read the key in \S+\/key: run chmod o-rwx \S+\/key/,
  },
  {
    name: "a signature with SHA-1",
    own: { digest: "sha1" },
    make: ({ files }) => files("own middle"),
    says:
      /^the signature of mail\.test in \S+\/cert is one with SHA-1: clients that look at it refuse it/,
  },
  {
    name: "a signature with MD5",
    own: { digest: "md5", issuer: "own", key: "rsa" },
    make: ({ files }) => files("own"),
    says: /^the signature of mail\.test in \S+\/cert is one with MD5/,
  },
];

function checkOf(flags: readonly string[]) {
  return call(["check", "--hostname", HOST, "--no-queue", ...flags]);
}

peerTest({
  name: "check tells every mistake in a certificate apart, and ends with 78",
  needs: ["openssl"],
  async fn(_, t) {
    const lines = new Set<string>();
    for (const { name, own, make, says } of errors) {
      await t.step(name, async () => {
        using at = await fixture(own);
        const { code, out, err } = await checkOf(await make(at));
        assertMatch(err, /^smtpd: [^\n]+\n$/);
        assertMatch(err.slice("smtpd: ".length), says);
        assertEquals([code, out], [78, ""]);
        lines.add(err.replaceAll(at.path, ""));
      });
    }
    // Two of them are kinds of one mistake.
    assertEquals(lines.size, errors.length - 1);
  },
});

peerTest({
  name: "check warns of what is not good in a certificate, and ends with 0",
  needs: ["openssl"],
  async fn(_, t) {
    for (const { name, own, make, says } of warnings) {
      await t.step(name, async () => {
        using at = await fixture(own);
        const { code, out, err } = await checkOf(await make(at));
        assertEquals([code, out], [0, "smtpd: configuration is good\n"], err);
        assertMatch(err, /^smtpd: warning: [^\n]+\n$/);
        assertMatch(err.slice("smtpd: warning: ".length), says);
      });
    }
  },
});

peerTest({
  name: "check finds nothing wrong with good certificates of each kind",
  needs: ["openssl"],
  async fn(_, t) {
    for (const key of ["p256", "p384", "p521", "rsa", "ed25519"] as const) {
      for (const chain of ["own middle", "own middle root"]) {
        await t.step(`${key} ${chain}`, async () => {
          using at = await fixture({ key, names: ["*.test", "x.test"] });
          const { code, err } = await checkOf(at.files(chain));
          assertEquals([code, err], [0, ""]);
        });
      }
    }
    await t.step("one that signed itself, with the key in the same file", async () => {
      using at = await fixture({ issuer: "own" });
      const { certificate, key } = certificateOf(at.path, "own");
      const path = `${at.path}/both`;
      Deno.writeTextFileSync(path, key + certificate, { mode: 0o600 });
      const { code, err } = await checkOf(["--tls-cert", path, "--tls-key", path]);
      assertEquals([code, err], [0, ""]);
    });
  },
});

peerTest({
  name: "check looks at the certificates of the config file as at the first one",
  needs: ["openssl"],
  async fn() {
    using at = await fixture();
    const { path } = at;
    const flags = at.files("own middle");
    await makeCertificate(path, "other", { names: ["other.test"] });
    const config = `${path}/smtpd.json`;
    const write = (certificates: unknown) =>
      Deno.writeTextFileSync(config, JSON.stringify({ certificates }));
    write([`${path}/other.pem ${path}/other.key`]);
    assertEquals(await checkOf([...flags, "--config", config]), {
      code: 0,
      out: "smtpd: configuration is good\n",
      err: "",
    });
    // One alone does too, and may be the reason for a port.
    const { code, err } = await checkOf(["--config", config, "--tls-port", "0"]);
    assertEquals(code, 0);
    assertMatch(err, /^smtpd: warning: the certificates are for other\.test, and this host/);
    write([`${path}/other.pem ${path}/own.key`]);
    const wrong = await checkOf([...flags, "--config", config]);
    assertEquals(wrong.code, 78);
    assertMatch(wrong.err, /own\.key does not belong to the certificate in \S+other\.pem/);
    write([`${path}/other.pem`]);
    const short = await checkOf([...flags, "--config", config]);
    assertEquals(short.code, 78);
    assertMatch(
      short.err,
      /cannot use certificates "\S+other\.pem" in .*: give the file of a cert/,
    );
  },
});

Deno.test("settings of TLS that cannot stand alone are refused with both named", async () => {
  const cases: [flags: string[], err: string][] = [
    [
      ["--tls-cert", "a"],
      "--tls-cert is given and --tls-key is not: give --tls-key as well; both may name the same file",
    ],
    [
      ["--tls-key", "a"],
      "--tls-key is given and --tls-cert is not: give --tls-cert as well; both may name the same file",
    ],
    [
      ["--tls-port", "465"],
      "--tls-port needs a certificate, and none is given: give --tls-cert and --tls-key, or leave " +
      "--tls-port out",
    ],
  ];
  for (const [flags, err] of cases) {
    assertEquals(await checkOf(flags), { code: 78, out: "", err: `smtpd: ${err}\n` });
  }
});

peerTest({
  name: "names in a certificate cannot move the cursor of a terminal",
  needs: ["openssl"],
  async fn() {
    using at = await fixture({ names: ["a\x1b[31mb"] });
    const { code, err } = await checkOf(at.files("own"));
    assertEquals(code, 0);
    assert(!err.includes("\x1b"), err);
  },
});
