import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Config, OPTIONS } from "../../lib/config.ts";
import { parseConfigFile } from "../../lib/config/file.ts";
import { flagName, type Key, KEYS } from "../../lib/config/names.ts";
import { resolveConfig, type Sources } from "../../lib/config/sources.ts";
import { temporaryDirectory } from "../e2e/smtpd.ts";
import { call, testSystem } from "./surroundings.ts";

/** Values of settings other than their defaults, as a flag takes them. */
const EXAMPLES: Partial<Record<Key, readonly string[]>> = {
  port: ["2525"],
  host: ["::1", "127.0.0.1"],
  hostname: ["Bücher.example"],
  tlsCert: ["/etc/a b.pem"],
  tlsKey: ['/etc/"\\\u202e.pem'],
  tlsPort: ["465"],
  submissionPort: ["587"],
  authWithoutTls: ["true"],
  users: ["./users"],
  certificates: ["a.pem a.key", "b.pem b.key"],
  relayCertificates: ["AB:".repeat(31) + "AB"],
  submissionTlsPort: ["0"],
  channelBinding: ["true"],
  submissionRemoveBcc: ["true"],
  submissionHideClient: ["true"],
  bareNewline: ["normalize"],
  proxyProtocol: ["192.0.2.1", "2001:db8::/32"],
  xclient: ["192.0.2.0/24"],
  xforward: ["192.0.2.0/24"],
  queue: ["/tmp/queue"],
  maildir: ["/tmp/mail"],
  noQueue: ["true"],
  retry: ["1m,5m", "1h"],
  queueLifetime: ["2d"],
  delayNotice: ["never"],
  queueHistory: ["1d"],
  queueMessages: ["5"],
  queueReserve: ["1GiB"],
  drainTimeout: ["1s"],
  localDomain: ["example.org", "example.net"],
  relayFrom: ["10.0.0.0/8"],
  route: ["smtp://me@relay.example?password-file=/etc/secret"],
  dns: ["[::1]:5353"],
  mxPort: ["2525"],
  allowLocalMx: ["true"],
  tlsOut: ["verify"],
  routes: ["example.net lmtp://127.0.0.1:24", ".example.com maildir:/a b"],
  tlsPolicy: ["example.net verify"],
  tlsAuthorities: ["/etc/ca.pem"],
  mtaSts: ["false"],
  concurrency: ["example.net 5"],
  rate: ["example.net 10/1m"],
  maxDeliveries: ["7"],
  maxDeliveriesPerHop: ["3"],
  aliases: ["/etc/aliases"],
  maxSize: ["1000000"],
  maxRecipients: ["10"],
  maxConnections: ["20"],
  maxConnectionsPerIp: ["5"],
  maxConnectionsPerNetwork: ["6"],
  timeout: ["30s"],
  dataTimeout: ["31s"],
  sessionTimeout: ["32s"],
  minDataRate: ["0"],
  maxErrors: ["4"],
  connectionRate: ["off"],
  messageRate: ["5/1h"],
  recipientRate: ["6/1h"],
  failureRate: ["7/1h"],
  accountMessageRate: ["8/1h"],
  accountRecipientRate: ["9/1h"],
  authFailures: ["10/1h"],
  authLockout: ["1h"],
  greetingDelay: ["5s"],
  dnsBlockLists: ["bl.example.org"],
  reverseDns: ["require"],
  hooks: ["/etc/hooks.js"],
  hooksTimeout: ["5s"],
  hooksMemory: ["32MiB"],
  hooksNet: ["rspamd.example:11333"],
  hooksRead: ["/etc/lists"],
  hooksEnv: ["DATABASE_URL"],
  ui: ["8025"],
  uiTokenFile: ["/etc/token"],
  uiName: ["inbox.example.org"],
  fault: ["rcpt to=*@slow.test times=2 reply 451 4.2.1 Later", "data delay 2s"],
  faultSeed: ["7"],
  logLevel: ["debug"],
  logFormat: ["text"],
};

const SETTABLE = KEYS.filter((key) => key !== "config");

function resolve(sources: Partial<Sources>): Config {
  return resolveConfig({ flags: new Map(), environment: new Map(), ...sources }, testSystem);
}

/** Writes values into a config file as far as no flag takes them; answers the flags of all. */
function given(path: string, examples: typeof EXAMPLES): string[] {
  const members: Record<string, unknown> = {};
  const flags = ["--config", path];
  for (const [key, texts] of Object.entries(examples) as [Key, readonly string[]][]) {
    const { fileOnly, repeatable, value } = OPTIONS[key];
    const values = texts.map((text) => value.type === "boolean" ? text === "true" : text);
    if (fileOnly) members[key] = repeatable ? values : values[0];
    else flags.push(...texts.map((text) => `--${flagName(key)}=${text}`));
  }
  Deno.writeTextFileSync(path, JSON.stringify(members));
  return flags;
}

/** What `config --print --json` says. */
async function printed(
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<{ settings: Record<string, unknown>; from: Record<string, unknown> }> {
  const { code, out, err } = await call(["config", "--print", "--json", ...args], environment);
  assertEquals([code, err], [0, ""]);
  assertMatch(out, /^[ -~]+\n$/);
  return JSON.parse(out);
}

Deno.test("what is printed as JSON can be the config file and gives the same configuration", async (t) => {
  using directory = temporaryDirectory();
  for (const [name, examples] of [["given", EXAMPLES], ["defaults", {}]] as const) {
    await t.step(name, async () => {
      const { settings } = await printed(given(`${directory.path}/${name}.json`, examples));
      const file = parseConfigFile("printed.json", JSON.stringify(settings));
      const expected = resolve({ flags: new Map(Object.entries(examples) as [Key, string[]][]) });
      assertEquals(resolve({ file }), expected);
    });
  }
});

Deno.test("every setting has an example that is not its default", () => {
  const defaults = resolve({});
  for (const key of SETTABLE) {
    const texts = EXAMPLES[key];
    assert(texts !== undefined, `${key} needs an example in this file`);
    const value = resolve({ flags: new Map([[key, texts]]) })[key];
    assert(Deno.inspect(value) !== Deno.inspect(defaults[key]), key);
  }
});

Deno.test("where each setting comes from is printed", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/smtpd.json`;
  Deno.writeTextFileSync(path, '{ "maxSize": "1MiB", "maxErrors": 5, "port": 3 }');
  const environment = { SMTPD_CONFIG: path, SMTPD_HOSTNAME: "mail.example.org", SMTPD_PORT: "2" };
  const { from, settings } = await printed(["-p", "1"], environment);
  assertEquals(from.port, { source: "flag", name: "--port" });
  assertEquals(from.hostname, { source: "environment", name: "SMTPD_HOSTNAME" });
  assertEquals(from.maxSize, { source: "file", name: path });
  assertEquals(from.maxErrors, { source: "file", name: path });
  assertEquals(from.timeout, { source: "default" });
  assertEquals(Object.keys(from), SETTABLE);
  assertEquals([settings.port, settings.maxSize, settings.dns], [1, "1MiB", undefined]);

  const { code, out, err } = await call(["config", "--print", "-p", "1"], environment);
  assertEquals([code, err], [0, ""]);
  const lines = out.trimEnd().split("\n");
  assertEquals(lines.map((line) => line.split(" ", 1)[0]), [...KEYS]);
  const widest = Math.max(path.length, "SMTPD_HOSTNAME".length);
  const line = (key: string, origin: string, value: string) =>
    `${key.padEnd("maxConnectionsPerNetwork".length)}  ${origin.padEnd(widest)}  ${value}`;
  assert(lines.includes(line("port", "--port", "1")), out);
  assert(lines.includes(line("hostname", "SMTPD_HOSTNAME", '"mail.example.org"')), out);
  assert(lines.includes(line("maxSize", path, '"1MiB"')), out);
  assert(lines.includes(line("dns", "default", "none")), out);
  assert(lines.includes(line("config", "SMTPD_CONFIG", JSON.stringify(path))), out);
});

const secrets: [route: string, shown: string][] = [
  ["smtp://me:pencil@relay.example:587", "smtp://me:***@relay.example:587"],
  ["smtps://a@b:pen%20cil@[2001:db8::1]", "smtps://a@b:***@[2001:db8::1]"],
  ["smtp://me:pen:cil@x@relay.example", "smtp://me:***@relay.example"],
  ["SMTP://me:pencil@relay.example", "SMTP://me:***@relay.example"],
  ["https://joe:pencil@hooks.example:8443/", "https://***@hooks.example:8443/"],
  ["https://hooks.example/pencil", "https://hooks.example/***"],
  ["http://hooks.example?key=pencil", "http://hooks.example/***"],
];

Deno.test("no secret of a route is printed, and what stands in its place is no route", async (t) => {
  using directory = temporaryDirectory();
  for (const [route, masked] of secrets) {
    await t.step(masked, async () => {
      const path = `${directory.path}/smtpd.json`;
      const routes = [`example.org ${route}`];
      const args = given(path, { route: [route], routes });
      const { settings } = await printed(args);
      assertEquals([settings.route, settings.routes], [masked, [`example.org ${masked}`]]);
      const people = await call(["config", "--print", ...args]);
      assert(people.out.includes(masked) && !people.out.includes("pencil"), people.out);
      const { code, err } = await call(["config", "--print", "--route", masked]);
      assertEquals(code, 64);
      assertMatch(err, /^smtpd: cannot use --route .*: write what \*\*\* stands for, .*\n$/);
    });
  }
  for (
    const open of ["smtp://relay.example:25", "smtp://me@r.example?password-file=/a:b@c", "mx"]
  ) {
    const { settings } = await printed(["--route", open]);
    assertEquals(settings.route, open);
  }
});

const refused: [args: string[], code: number, err: RegExp][] = [
  [[], 64, /^smtpd: smtpd config does nothing .*: write smtpd config --print \[--json\]\n$/],
  [["--json"], 64, /^smtpd: smtpd config does nothing /],
  [["--print=false"], 64, /^smtpd: smtpd config does nothing /],
  [["print"], 64, /^smtpd: one argument too many, print: write smtpd config --print/],
  [["--print", "--port", "x"], 64, /^smtpd: cannot use --port x: give a whole number, /],
  [["--print", "--config", "/none.json"], 78, /^smtpd: there is no config file \/none\.json: /],
];

Deno.test("config refuses what it cannot do in one line", async (t) => {
  for (const [args, code, err] of refused) {
    await t.step(args.join(" ") || "nothing", async () => {
      const outcome = await call(["config", ...args]);
      assertEquals([outcome.code, outcome.out], [code, ""]);
      assertMatch(outcome.err, err);
    });
  }
});
