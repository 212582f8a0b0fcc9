import { MX, OTHER } from "../../net/tls_fixture.ts";
import { type Mistake, testMistakes, writePair } from "./fixture.ts";

const mistakes: readonly Mistake[] = [
  {
    name: "a relay for everybody",
    flags: { relayFrom: ["0.0.0.0/0"] },
    tells: [
      "fail",
      "relaying",
      /^whoever is in 0\.0\.0\.0\/0 may relay.*open relay/,
      /--relay-from/,
    ],
  },
  {
    name: "a relay for everybody in two halves",
    flags: { relayFrom: ["127.0.0.0/8", "128.0.0.0/1"] },
    tells: ["fail", "relaying", /128\.0\.0\.0\/1 /, /--relay-from/],
  },
  {
    name: "a relay for all of IPv6",
    flags: { relayFrom: ["::/0"] },
    tells: ["fail", "relaying", /^whoever is in ::\/0 /, /--relay-from/],
  },
  {
    name: "a relay for a wide public network",
    flags: { relayFrom: ["10.0.0.0/8", "203.0.0.0/12"] },
    tells: ["warn", "relaying", /^whoever is in 203\.0\.0\.0\/12 may relay/, /if not all/],
  },
  {
    name: "a proxy that may be anybody",
    flags: { proxyProtocol: ["0.0.0.0/0"] },
    tells: ["fail", "relaying", /may say that they are any client/, /--proxy-protocol$/],
  },
  {
    name: "XCLIENT from anybody",
    flags: { xclient: ["0.0.0.0/0"] },
    tells: ["fail", "relaying", /may say that they are any client/, /to xclient$/],
  },
  {
    name: "settings that do not fit each other",
    flags: { tlsPort: ["465"], tlsCert: [], tlsKey: [] },
    tells: ["fail", "settings", /^--tls-port needs a certificate/, /^give --tls-cert/],
  },
  {
    name: "no certificate",
    flags: { tlsCert: [], tlsKey: [] },
    tells: ["warn", "certificate", /^there is none/, /--tls-cert/],
  },
  {
    name: "a certificate for another name",
    prepare: ({ path }) => writePair(path, OTHER),
    tells: [
      "warn",
      "certificate",
      /the certificates are for .* and this host is mx\.test/,
      /^have/,
    ],
  },
  {
    name: "a key that is not that of the certificate",
    prepare: ({ path }) => writePair(path, { ...MX, key: OTHER.key }),
    tells: ["fail", "certificate", /does not belong to the certificate/, /^give the key/],
  },
  {
    name: "a users file that others may read",
    prepare: ({ path }) => Deno.writeTextFileSync(`${path}/users`, "", { mode: 0o644 }),
    flagsAt: ({ path }) => ({ users: [`${path}/users`] }),
    tells: ["fail", "users", /has mode 0644/, /^chmod 600 /],
  },
  {
    name: "a users file that cannot be read",
    prepare: ({ path }) => Deno.writeTextFileSync(`${path}/users`, "joe pencil\n", { mode: 0o600 }),
    flagsAt: ({ path }) => ({ users: [`${path}/users`] }),
    tells: ["fail", "users", /^users \S+ line 1/, /./],
  },
  {
    name: "a file where the state directory should be",
    prepare: ({ queue }) => Deno.writeTextFileSync(queue, ""),
    tells: ["fail", "directories", /there is a file in its place$/, /--queue$/],
  },
  {
    name: "a password file that is not there",
    flags: { route: ["smtp://me@other.test?password-file=/none"] },
    tells: ["fail", "credentials", /^cannot use the route smtp:\/\/me@other\.test:587/, /^put/],
  },
  {
    name: "an inbox that others reach without TLS",
    prepare: ({ path }) => Deno.writeTextFileSync(`${path}/token`, "x".repeat(32)),
    flagsAt: ({ path }) => ({ ui: ["0.0.0.0:8025"], uiTokenFile: [`${path}/token`] }),
    tells: ["warn", "ui", /^the inbox is at 0\.0\.0\.0 without TLS/, /--ui 127\.0\.0\.1:8025$/],
  },
];

testMistakes("settings", mistakes);
