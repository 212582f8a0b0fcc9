import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Config, OPTIONS, type System } from "../lib/config.ts";
import { parseConfigFile } from "../lib/config/file.ts";
import { flagName, type Key, KEYS, nearest, variableName } from "../lib/config/names.ts";
import { ConfigError, resolveConfig, shown } from "../lib/config/sources.ts";
import { formatCidr } from "../lib/policy/network.ts";

const system: System = {
  hostname: () => "host.example",
  stateDirectory: () => "/state",
  isTerminal: () => false,
};

interface Given {
  flags?: Partial<Record<Key, string[]>>;
  environment?: Record<string, string>;
  file?: string;
}

function resolve({ flags = {}, environment = {}, file }: Given): Config {
  return resolveConfig({
    flags: new Map(Object.entries(flags) as [Key, string[]][]),
    environment: new Map(Object.entries(environment)),
    file: file === undefined ? undefined : parseConfigFile("smtpd.json", file),
  }, system);
}

function errorOf(given: Given): ConfigError {
  return assertThrows(() => resolve(given), ConfigError);
}

Deno.test("defaults are those of the documentation", () => {
  const { relayFrom, ...config } = resolve({});
  assertEquals(relayFrom.map(formatCidr), ["127.0.0.0/8", "::1/128"]);
  assertEquals(config, {
    port: 25,
    host: [],
    hostname: "host.example",
    localDomain: [],
    queue: "/state",
    maildir: "/state/mail",
    noQueue: false,
    retry: [300_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000, 28_800_000],
    queueLifetime: 432_000_000,
    route: { kind: "mx" },
    dns: undefined,
    mxPort: 25,
    allowLocalMx: false,
    tlsOut: "opportunistic",
    tlsPolicy: [],
    tlsAuthorities: undefined,
    maxSize: 26_214_400,
    maxRecipients: 1000,
    maxConnections: 1000,
    maxConnectionsPerIp: 50,
    timeout: 300_000,
    bareNewline: "reject",
    proxyProtocol: [],
    config: undefined,
    logLevel: "info",
    logFormat: "json",
    dataTimeout: 600_000,
    sessionTimeout: 3_600_000,
    minDataRate: 100,
    maxErrors: 20,
    maxConnectionsPerNetwork: 100,
    connectionRate: { count: 300, period: 60_000 },
    messageRate: { count: 600, period: 60_000 },
    recipientRate: { count: 3000, period: 60_000 },
    failureRate: { count: 100, period: 600_000 },
    accountMessageRate: { count: 500, period: 3_600_000 },
    accountRecipientRate: { count: 3000, period: 3_600_000 },
    authFailures: { count: 10, period: 600_000 },
    authLockout: 600_000,
    greetingDelay: undefined,
    dnsBlockLists: [],
    reverseDns: "off",
    xclient: [],
    xforward: [],
    maxDeliveries: 200,
    maxDeliveriesPerHop: 20,
    drainTimeout: 30_000,
    delayNotice: 14_400_000,
    routes: [],
    concurrency: [],
    rate: [],
    queueHistory: 3_600_000,
    queueMessages: 10_000_000,
    queueReserve: 67_108_864,
    aliases: undefined,
    mtaSts: true,
    users: undefined,
    tlsPort: undefined,
    submissionPort: undefined,
    authWithoutTls: false,
    submissionTlsPort: undefined,
    channelBinding: false,
    submissionRemoveBcc: false,
    submissionHideClient: false,
    tlsCert: undefined,
    tlsKey: undefined,
    certificates: [],
    relayCertificates: [],
    hooks: undefined,
    hooksTimeout: 10_000,
    hooksMemory: 268_435_456,
    hooksNet: [],
    hooksRead: [],
    hooksEnv: [],
    ui: undefined,
    uiTokenFile: undefined,
    uiName: [],
    fault: [],
    faultSeed: 0,
  });
});

Deno.test("defaults follow the system and each other", () => {
  const terminal: System = { ...system, isTerminal: () => true };
  const none = { flags: new Map(), environment: new Map() };
  assertEquals(resolveConfig(none, terminal).logFormat, "text");
  assertEquals(resolve({ flags: { queue: ["q"] } }).maildir, "q/mail");
  assertEquals(resolve({ flags: { maxConnectionsPerIp: ["9"] } }).maxConnectionsPerNetwork, 18);
});

const good: [key: Key, text: string, value: unknown][] = [
  ["port", "0", 0],
  ["port", "65535", 65_535],
  ["maxSize", "1000000", 1_000_000],
  ["maxSize", "7B", 7],
  ["maxSize", "500KB", 500_000],
  ["maxSize", "500KiB", 512_000],
  ["maxSize", "2MB", 2_000_000],
  ["maxSize", "25MiB", 26_214_400],
  ["maxSize", "1GiB", 1_073_741_824],
  ["timeout", "1ms", 1],
  ["timeout", "30s", 30_000],
  ["timeout", "5m", 300_000],
  ["timeout", "2h", 7_200_000],
  ["timeout", "24d", 2_073_600_000],
  ["hostname", "Mail.Example.ORG", "mail.example.org"],
  ["hostname", "localhost", "localhost"],
  ["hostname", "bücher.example", "xn--bcher-kva.example"],
  ["localDomain", "Example.ORG", ["example.org"]],
  ["localDomain", "BÜCHER.example", ["xn--bcher-kva.example"]],
  ["localDomain", "a_b.example", ["a_b.example"]],
  ["host", "127.0.0.1", ["127.0.0.1"]],
  ["host", "[::1]", ["::1"]],
  ["host", "2001:DB8:0:0::1", ["2001:db8::1"]],
  ["ui", "8025", { address: "127.0.0.1", port: 8025 }],
  ["ui", "0", { address: "127.0.0.1", port: 0 }],
  ["ui", "localhost:8025", { address: "127.0.0.1", port: 8025 }],
  ["ui", "0.0.0.0:80", { address: "0.0.0.0", port: 80 }],
  ["ui", "[::1]:8025", { address: "::1", port: 8025 }],
  ["dns", "192.0.2.1", { address: "192.0.2.1", port: 53 }],
  ["dns", "192.0.2.1:5353", { address: "192.0.2.1", port: 5353 }],
  ["dns", "::1", { address: "::1", port: 53 }],
  ["dns", "[2001:db8::1]", { address: "2001:db8::1", port: 53 }],
  ["tlsCert", "/etc/a b.pem", "/etc/a b.pem"],
  ["tlsPort", "465", 465],
  ["certificates", " a.pem  b.key ", [{ certificate: "a.pem", key: "b.key" }]],
  ["dns", "[2001:db8::1]:5353", { address: "2001:db8::1", port: 5353 }],
  ["route", "discard", { kind: "discard" }],
  ["route", "smtp://relay.example:2525", { kind: "smtp", host: "relay.example", port: 2525 }],
  ["route", "lmtp://127.0.0.1", { kind: "lmtp", host: "127.0.0.1", port: 24 }],
  ["bareNewline", "normalize", "normalize"],
  ["logLevel", "debug", "debug"],
  ["allowLocalMx", "true", true],
  ["allowLocalMx", "false", false],
  ["noQueue", "true", true],
  ["noQueue", "false", false],
  ["routes", "Example.NET smtp://10.0.0.1", [
    { domain: "example.net", value: { kind: "smtp", host: "10.0.0.1", port: 25 } },
  ]],
  ["routes", ".example.org  maildir:/a b", [
    { domain: ".example.org", value: { kind: "maildir", directory: "/a b" } },
  ]],
  ["concurrency", "example.net 5", [{ domain: "example.net", value: 5 }]],
  ["messageRate", "5/1h", { count: 5, period: 3_600_000 }],
  ["messageRate", "off", undefined],
  ["authFailures", "1000000/24d", { count: 1_000_000, period: 2_073_600_000 }],
  ["greetingDelay", "500ms", 500],
  ["greetingDelay", "1m", 60_000],
  ["greetingDelay", "off", undefined],
  ["rate", "example.net 10/1m", [
    { domain: "example.net", value: { count: 10, period: 60_000, written: "10/1m" } },
  ]],
  ["tlsOut", "verify", "verify"],
  ["tlsPolicy", "Example.NET  verify", [{ domain: "example.net", value: "verify" }]],
  ["tlsPolicy", ".example.org require", [{ domain: ".example.org", value: "require" }]],
  ["tlsAuthorities", "/etc/ca.pem", "/etc/ca.pem"],
  ["retry", "1m", [60_000]],
  ["retry", "1m,5m, 1h", [60_000, 300_000, 3_600_000]],
  ["queueLifetime", "2d", 172_800_000],
  ["route", "hold", { kind: "hold" }],
  ["maildir", "a b/c", "a b/c"],
  ["aliases", "/etc/aliases", "/etc/aliases"],
  ["mtaSts", "false", false],
  ["hooks", "./hooks.js", "./hooks.js"],
  ["hooksNet", "db.example.org:5432", ["db.example.org:5432"]],
  ["hooksNet", "192.0.2.1", ["192.0.2.1"]],
  ["hooksNet", "[2001:db8::1]:6379", ["[2001:db8::1]:6379"]],
  ["hooksRead", "/etc/lists", ["/etc/lists"]],
  ["hooksEnv", "DATABASE_URL", ["DATABASE_URL"]],
];

Deno.test("values are read", async (t) => {
  for (const [key, text, value] of good) {
    await t.step(`${key} ${text}`, () => {
      assertEquals(resolve({ flags: { [key]: [text] } })[key], value);
    });
  }
});

const PORT = "give a whole number, 0 to 65535";
const SIZE = "give a size such as 1000000, 500KB or 25MiB (B, KB, KiB, MB, MiB, GiB)";
const DURATION = "give a duration such as 500ms, 30s, 5m or 1h, 24d at most (ms, s, m, h, d)";
const ADDRESS = "give an IPv4 or IPv6 address such as 127.0.0.1 or ::1";
const BIND_ADDRESS =
  "give a port, or an address and a port, such as 8025, 192.0.2.1:8025 or [::1]:8025";
const NAME_SERVER =
  "give an address and perhaps a port, such as 127.0.0.1, 127.0.0.1:5353 or [::1]:5353";
const HOOKS_NET =
  "give a host and perhaps a port, such as db.example.org:5432, 192.0.2.1 or [::1]:6379";
const DOMAIN = "give a domain such as example.org";
const HOSTNAME = "give a host name such as mail.example.org";
const ROUTES =
  "give mx, smtp://[user:password@]host[:port], smtps://..., lmtp://host[:port], maildir:DIR, " +
  "pipe:PROGRAM, https://URL, hold or discard";

const bad: [key: Key, text: string, mend: string][] = [
  ...["abc", "-1", "65536", "1.5", "1e3", "0x19", "025", "+25", "25 ", "٢٥", "99999999999999999999"]
    .map((text): [Key, string, string] => ["port", text, PORT]),
  ["maxRecipients", "0", "give a whole number, 1 or more"],
  ["maxConnections", "9007199254740992", "give a whole number, 1 or more"],
  ["mxPort", "0", "give a whole number, 1 to 65535"],
  ...[
    "0",
    "0MiB",
    "1.5MiB",
    "25 MiB",
    "25mib",
    "25GB",
    "MiB",
    "-1",
    "9007199254740992",
    "9999999GiB",
  ]
    .map((text): [Key, string, string] => ["maxSize", text, SIZE]),
  ...["5", "0s", "5 m", "5M", "1h30m", "m", "25d", "1.5h", "-5m", "constructor"]
    .map((text): [Key, string, string] => ["timeout", text, DURATION]),
  ...["localhost", "127.1", "127.0.0.01", "::1%lo", "[127.0.0.1]", "::ffff:1.2.3.4.5", "*"]
    .map((text): [Key, string, string] => ["host", text, ADDRESS]),
  ...["dns.example", "::1:5353:", "192.0.2.1:0", "192.0.2.1:", "[::1", "192.0.2.1:65536"].map((
    text,
  ): [Key, string, string] => ["dns", text, NAME_SERVER]),
  ...[":8025", "host.test:8025", "127.0.0.1", "::1:8025", "[::1]", "8025:127.0.0.1", "65536"]
    .map((
      text,
    ): [Key, string, string] => ["ui", text, BIND_ADDRESS]),
  ...["a..b", "-a.example", "a-.example", "[192.0.2.1]", "192.0.2.1", "a b", "a@b", "%61.example"]
    .map((text): [Key, string, string] => ["localDomain", text, DOMAIN]),
  ...["a_b.example", "mail.example:25", "[192.0.2.1]", "1.2.3.4", `${"a".repeat(64)}.example`]
    .map((text): [Key, string, string] => ["hostname", text, HOSTNAME]),
  ["bareNewline", "Reject", "give reject or normalize"],
  ["logLevel", "trace", "give debug, info, warn or error"],
  ["logFormat", "xml", "give text or json"],
  ["allowLocalMx", "yes", "give true or false"],
  ["allowLocalMx", "1", "give true or false"],
  ...["example.net", "example.net 0", "example.net x", "a..b 5", "example.net 5 6"].map((
    text,
  ): [Key, string, string] => [
    "concurrency",
    text,
    "give a domain and a number, such as example.net 5",
  ]),
  ...["example.net 5", "example.net 5/", "example.net /1m", "a..b 5/1m", "example.net 5/1m x"].map((
    text,
  ): [Key, string, string] => [
    "rate",
    text,
    "give a domain and a rate, such as example.net 100/1m",
  ]),
  ...["100", "100/", "/1m", "0/1m", "1.5/1m", "1000001/1m", "5/1m/2m", "5 /1m", "5/0s", "never"]
    .map((
      text,
    ): [Key, string, string] => [
      "messageRate",
      text,
      "give a number and a duration, such as 100/1m, or off",
    ]),
  ...["0", "61s", "x"].map((text): [Key, string, string] => [
    "greetingDelay",
    text,
    "give a duration of 1m at most, such as 5s, or off",
  ]),
  ...["example.net", "example.net none", "example.net verify x", "verify"].map((
    text,
  ): [Key, string, string] => [
    "tlsPolicy",
    text,
    "give a domain and opportunistic, require or verify, such as example.net verify",
  ]),
  ["tlsPolicy", ".a..b verify", "the domain is none; write it like example.net"],
  ["tlsOut", "none", "give opportunistic, require or verify"],
  ["routes", "a..b mx", "the domain is none; write it like example.net"],
  ["routes", "example.net", "write a domain, a space and a route"],
  ["hooksTimeout", "0s", DURATION],
  ...["a b", "*", "a.example:65536", "a.example:", "2001:db8::1", "https://a.example", "a,b"]
    .map((text): [Key, string, string] => ["hooksNet", text, HOOKS_NET]),
  ...["1A", "A-B", "A=B", "*"].map((text): [Key, string, string] => [
    "hooksEnv",
    text,
    "give the name of an environment variable, such as DATABASE_URL",
  ]),
  ["retry", "5m;1h", DURATION],
  ["retry", "never", DURATION],
  ["queueLifetime", "0s", DURATION],
  ["route", "smtps://", `a host is missing behind smtps://; ${ROUTES}`],
  [
    "relayFrom",
    "192.0.2.1/24",
    "it names an address inside one; write 192.0.2.0/24, or 192.0.2.1/32 for this address alone",
  ],
  ["relayFrom", "all", "write it like 192.0.2.0/24 or 2001:db8::/32"],
];

Deno.test("bad values are refused in one line that names the flag and mends it", async (t) => {
  for (const [key, text, mend] of bad) {
    await t.step(`${key} ${text}`, () => {
      const error = errorOf({ flags: { [key]: [text] } });
      const value = /\s/.test(text) ? `"${text}"` : text;
      assertEquals(error.message, `cannot use --${flagName(key)} ${value}: ${mend}`);
      assertEquals(error.source, "flag");
    });
  }
});

Deno.test("a password in a route is not shown", () => {
  for (const password of ["secret", "se@cret", "se/cret", "/secret/@"]) {
    const { message } = errorOf({
      flags: { route: [`smtp://user:${password}@relay.example:99999`] },
    });
    assert(!message.includes("cret"), message);
    assert(message.startsWith("cannot use --route smtp://***@relay.example:99999: "), message);
  }
});

Deno.test("variables that hold secrets for routes are none of the settings", () => {
  assertEquals(resolve({ environment: { SMTPD_SECRET_RELAY: "x" } }).port, 25);
});

Deno.test("a value is shown on one line, without control characters, and cut", () => {
  assertEquals(shown("a\r\nb\x1b[31m\u202e\u2028"), "a\\u000d\\u000ab\\u001b[31m\\u202e\\u2028");
  assertEquals(shown("x".repeat(101)), `${"x".repeat(100)}...`);
});

Deno.test("a flag beats the environment, which beats the file, which beats the default", () => {
  const flags = { port: ["1"] };
  const environment = { SMTPD_PORT: "2" };
  const file = '{ "port": 3 }';
  assertEquals(resolve({ flags, environment, file }).port, 1);
  assertEquals(resolve({ environment, file }).port, 2);
  assertEquals(resolve({ file }).port, 3);
  assertEquals(resolve({}).port, 25);
});

Deno.test("several values of a stronger source replace all of the weaker one", () => {
  const environment = { SMTPD_LOCAL_DOMAIN: "b.example, c.example" };
  const file = '{ "localDomain": ["d.example"], "relayFrom": [] }';
  assertEquals(
    resolve({ flags: { localDomain: ["a.example", "z.example"] }, environment, file }).localDomain,
    ["a.example", "z.example"],
  );
  assertEquals(resolve({ environment, file }).localDomain, ["b.example", "c.example"]);
  assertEquals(resolve({ file }).localDomain, ["d.example"]);
  assertEquals(resolve({ file }).relayFrom, []);
});

Deno.test("every setting can stand in the environment and in the file, as far as it may", () => {
  const values: Partial<Record<Key, string>> = Object.fromEntries(good);
  for (const key of KEYS) {
    const text = values[key] ?? OPTIONS[key].fallback(system, { queue: "/state" })[0];
    if (text === undefined || key === "config") continue;
    const expected = resolve({ flags: { [key]: [text] } })[key];
    if (!OPTIONS[key].fileOnly) {
      assertEquals(resolve({ environment: { [variableName(key)]: text } })[key], expected, key);
    }
    const value = OPTIONS[key].value.type === "boolean" ? text === "true" : text;
    assertEquals(resolve({ file: JSON.stringify({ [key]: value }) })[key], expected, key);
  }
});

const faults: [what: string, given: Given, source: ConfigError["source"], message: string][] = [
  [
    "misspelt variable",
    { environment: { SMTPD_MAXSIZE: "1" } },
    "environment",
    "unknown variable SMTPD_MAXSIZE: did you mean SMTPD_MAX_SIZE?",
  ],
  [
    "variable of nothing",
    { environment: { SMTPD_FROBNICATE: "1" } },
    "environment",
    "unknown variable SMTPD_FROBNICATE: see smtpd help serve",
  ],
  [
    "variable of a key that only the file has",
    { environment: { SMTPD_MAX_ERRORS: "1" } },
    "environment",
    "unknown variable SMTPD_MAX_ERRORS: set maxErrors in the config file",
  ],
  [
    "empty variable",
    { environment: { SMTPD_PORT: "" } },
    "environment",
    "SMTPD_PORT is empty: give it a value or unset it",
  ],
  [
    "bad variable",
    { environment: { SMTPD_PORT: "tcp://10.0.0.1:25" } },
    "environment",
    `cannot use SMTPD_PORT=tcp://10.0.0.1:25: ${PORT}`,
  ],
  [
    "bad variable even where the default would do",
    { environment: { SMTPD_NO_QUEUE: "yes" } },
    "environment",
    "cannot use SMTPD_NO_QUEUE=yes: give true or false",
  ],
  [
    "empty item in a variable",
    { environment: { SMTPD_HOST: "::1,,127.0.0.1" } },
    "environment",
    `cannot use SMTPD_HOST="": ${ADDRESS}`,
  ],
  [
    "misspelt key",
    { file: '{ "localDomains": [] }' },
    "file",
    "unknown key localDomains in smtpd.json: did you mean localDomain?",
  ],
  [
    "key written as a flag",
    { file: '{ "max-size": 1 }' },
    "file",
    "unknown key max-size in smtpd.json: did you mean maxSize?",
  ],
  [
    "key of nothing",
    { file: '{ "__proto__": 1 }' },
    "file",
    "unknown key __proto__ in smtpd.json: see smtpd help serve",
  ],
  [
    "key of an object's prototype",
    { file: '{ "constructor": 1 }' },
    "file",
    "unknown key constructor in smtpd.json: see smtpd help serve",
  ],
  [
    "config in the config file",
    { file: '{ "config": "other.json" }' },
    "file",
    "unknown key config in smtpd.json: see smtpd help serve",
  ],
  [
    "key there twice",
    { file: '{ "port": 1, "port": 2 }' },
    "file",
    "port is there twice in smtpd.json: keep one",
  ],
  [
    "bad value in the file",
    { file: '{ "port": 70000 }' },
    "file",
    `cannot use port "70000" in smtpd.json: ${PORT}`,
  ],
  [
    "fraction",
    { file: '{ "port": 25.5 }' },
    "file",
    `cannot use port "25.5" in smtpd.json: ${PORT}`,
  ],
  [
    "number that JSON writes with an exponent",
    { file: '{ "maxSize": 1e300 }' },
    "file",
    `cannot use maxSize "1e+300" in smtpd.json: ${SIZE}`,
  ],
  [
    "text for a boolean",
    { file: '{ "allowLocalMx": "true" }' },
    "file",
    'cannot use allowLocalMx "true" in smtpd.json: give true or false',
  ],
  [
    "number for a text",
    { file: '{ "hostname": 5 }' },
    "file",
    "cannot use hostname 5 in smtpd.json: give a host name such as mail.example.org, in double quotes",
  ],
  [
    "duration without a unit",
    { file: '{ "timeout": 300 }' },
    "file",
    `cannot use timeout 300 in smtpd.json: ${DURATION}, in double quotes`,
  ],
  [
    "list for what is one",
    { file: '{ "port": [25] }' },
    "file",
    `cannot use port [25] in smtpd.json: ${PORT}`,
  ],
  [
    "null",
    { file: '{ "dns": null }' },
    "file",
    `cannot use dns null in smtpd.json: ${NAME_SERVER}, in double quotes`,
  ],
  [
    "object in a list",
    { file: '{ "host": [{}] }' },
    "file",
    `cannot use host {} in smtpd.json: ${ADDRESS}, in double quotes, or a list of such`,
  ],
  [
    "empty file",
    { file: "" },
    "file",
    "smtpd.json is not JSON at line 1, column 1: write what is missing at the end",
  ],
  [
    "array",
    { file: "[]" },
    "file",
    'smtpd.json is not a JSON object: write settings in braces, like { "port": 2525 }',
  ],
];

Deno.test("what is wrong with environment and file is told in one line", async (t) => {
  for (const [what, given, source, message] of faults) {
    await t.step(what, () => {
      const error = errorOf(given);
      assertEquals(error.message, message);
      assertEquals(error.source, source);
    });
  }
});

const notJson: [text: string, line: number, column: number][] = [
  ['{"a":x}', 1, 6],
  ['{"a":1,}', 1, 8],
  ['{"a":1} x', 1, 9],
  ['{"a":tru}', 1, 6],
  ['{"a":01}', 1, 6],
  ['{"a":1.}', 1, 6],
  ['{"a":-}', 1, 6],
  ['{\n  "port": 25,\n  "host" "::1"\n}', 3, 10],
  ['{\r\n  "port": 25\r\n  "host": "::1"\r\n}', 3, 3],
  ['{"a":[1,]}', 1, 9],
  ['{"a":"x\ny"}', 1, 6],
  ['{"a":"\\x"}', 1, 6],
  ["{,}", 1, 2],
  ["[}", 1, 2],
  ["// c\n{}", 1, 1],
  ["{'a':1}", 1, 2],
];

Deno.test("bad JSON is named with its line and column", async (t) => {
  for (const [file, line, column] of notJson) {
    await t.step(file, () => {
      const { message } = errorOf({ file });
      assertEquals(
        message,
        `smtpd.json is not JSON at line ${line}, column ${column}: mend it there`,
      );
    });
  }
});

Deno.test("JSON that ends too early is named with its end", () => {
  const { message } = errorOf({ file: '{\n "port": 1' });
  assertEquals(
    message,
    "smtpd.json is not JSON at line 2, column 11: write what is missing at the end",
  );
});

Deno.test("a place is found for whatever JSON.parse refuses, and only for that", () => {
  const pieces = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"a"',
    '"\\u00e9"',
    "1",
    "-2.5e3",
    "true",
    "null",
    " ",
    "\n",
    "x",
    '"',
    "0",
  ];
  let seed = 1;
  const next = (below: number) => (seed = (seed * 48271) % 0x7fffffff) % below;
  let refused = 0;
  for (let i = 0; i < 20_000; i++) {
    const inside = Array.from({ length: next(8) }, () => pieces[next(pieces.length)]).join("");
    const text = next(2) === 0 ? inside : `{"k":${inside}}`;
    let isJson = true;
    try {
      JSON.parse(text);
    } catch {
      isJson = false;
      refused++;
    }
    try {
      parseConfigFile("f", text);
      assert(isJson, text);
    } catch (error) {
      assert(error instanceof ConfigError, `${error}`);
      assertEquals(/ is not JSON at line /.test(error.message), !isJson, text);
      // The walk must stop inside the text or at its end, and not on a text that is whole.
      if (!isJson) assert(/line \d+, column \d+/.test(error.message), text);
    }
  }
  assert(refused > 1000);
});

Deno.test("a byte order mark in front of JSON does no harm", () => {
  assertEquals(resolve({ file: '\ufeff{ "port": 7 }' }).port, 7);
});

Deno.test("the nearest name is suggested, and nothing far off", () => {
  const flags = KEYS.map(flagName);
  const table: [word: string, name: string | undefined][] = [
    ["prot", "port"],
    ["prt", "port"],
    ["PORT", "port"],
    ["maxsize", "max-size"],
    ["max-recipient", "max-recipients"],
    ["localdomain", "local-domain"],
    ["host-name", "hostname"],
    ["relay-form", "relay-from"],
    ["max-connections-per", "max-connections-per-ip"],
    ["log", undefined],
    ["frobnicate", undefined],
    ["ui", "ui"],
    ["retry", "retry"],
    ["lifetime", undefined],
    ["faults", "fault"],
    ["hook", "hooks"],
    ["quarantine-dir", undefined],
    ["proxy", "proxy-protocol"],
    ["x", undefined],
    ["", undefined],
    ["q".repeat(10_000), undefined],
  ];
  for (const [word, name] of table) assertEquals(nearest(word, flags), name, word);
});

Deno.test("names of flags and variables follow from the key", () => {
  assertEquals(flagName("maxConnectionsPerIp"), "max-connections-per-ip");
  assertEquals(variableName("maxConnectionsPerIp"), "SMTPD_MAX_CONNECTIONS_PER_IP");
});
