import { assert, assertEquals, assertMatch } from "@std/assert";
import { VERSION } from "../../lib/cli/version.ts";
import { serviceFailure } from "../../lib/cli/run_server.ts";
import { ListenError } from "../../lib/net/server.ts";
import { failureOf } from "../../lib/cli/failure.ts";
import { resolveConfig } from "../../lib/config/sources.ts";
import { VERBS } from "../../lib/cli/run.ts";
import { call, testSystem } from "./surroundings.ts";

const failures: [
  args: string[],
  code: number,
  message: string,
  environment?: Record<string, string>,
][] = [
  [["--prot", "25"], 64, "unknown flag --prot: did you mean --port?"],
  [["serve", "--port", "x"], 64, "cannot use --port x: give a whole number, 0 to 65535"],
  [["serve", "now"], 64, "one argument too many, now: write smtpd serve [flags]"],
  [["explian", "a@b.example"], 64, "unknown command explian: did you mean explain?"],
  [["chekc", "--frobnicate"], 64, "unknown command chekc: did you mean check?"],
  [["--port", "5", "frobnicate", "list"], 64, "unknown command frobnicate: see smtpd help"],
  [["a\nb"], 64, "unknown command a\\u000ab: see smtpd help"],
  [["help", "frobnicate"], 64, "unknown command frobnicate: see smtpd help"],
  [["help", "sreve"], 64, "unknown command sreve: did you mean serve?"],
  [["help", "serve", "check"], 64, "one argument too many, check: write smtpd help [VERB]"],
  [["help", "--port", "1"], 64, "smtpd help takes no --port: leave it out"],
  [
    ["help", "queue", "--man"],
    64,
    "the man page is not of queue alone: leave it out",
  ],
  [["--man"], 64, "smtpd serve takes no --man: leave it out"],
  [["completions"], 64, "an argument is missing: write smtpd completions SHELL"],
  [["completions", "tcsh"], 64, "there are no completions for tcsh: give bash, zsh, fish"],
  [["completions", "../x"], 64, "there are no completions for ../x: give bash, zsh, fish"],
  [
    ["completions", "constructor"],
    64,
    "there are no completions for constructor: give bash, zsh, fish",
  ],
  [
    ["queue", "idz"],
    64,
    "unknown command queue idz: give list, show, flush, retry, hold, release, bounce, remove",
  ],
  [["version", "--port", "1"], 64, "smtpd version takes no --port: leave it out"],
  [["version", "1"], 64, "one argument too many, 1: write smtpd version"],
  [["check", "--wait", "1s"], 64, "smtpd check takes no --wait: leave it out"],
  [["--wait", "1s"], 64, "smtpd serve takes no --wait: leave it out"],
  [["check", "x"], 64, "one argument too many, x: write smtpd check"],
  [["explain"], 64, "an argument is missing: write smtpd explain ADDRESS"],
  [["explain", "a@b.example", "c"], 64, "one argument too many, c: write smtpd explain ADDRESS"],
  [
    ["ready", "--wait", "5"],
    64,
    "cannot use --wait 5: give a duration such as 500ms, 30s, 5m or 1h, 24d at most (ms, s, m, h, d)",
  ],
  [["ready", "--port", "0"], 64, "port 0 is no port to connect to: give the one in --port"],
  [["check"], 78, "unknown variable SMTPD_PROT: did you mean SMTPD_PORT?", { SMTPD_PROT: "1" }],
  [["check"], 78, "SMTPD_CONFIG is empty: give it a value or unset it", { SMTPD_CONFIG: "" }],
  [["check"], 78, "cannot use SMTPD_PORT=x: give a whole number, 0 to 65535", { SMTPD_PORT: "x" }],
  [
    ["check", "--config", "/nonexistent/smtpd.json"],
    78,
    "there is no config file /nonexistent/smtpd.json: create it, or give another to --config",
  ],
  [
    ["check"],
    78,
    "there is no config file /nonexistent/smtpd.json: create it, or give another to --config",
    { SMTPD_CONFIG: "/nonexistent/smtpd.json" },
  ],
  [
    ["explain", "foo"],
    65,
    "foo is no address (the address has no @domain): write it like someone@example.org",
  ],
  [
    ["explain", "<>"],
    65,
    "<> is no address (it is more or less than one address): write it like someone@example.org",
  ],
  [
    ["explain", "<a@b.example> x"],
    65,
    "<a@b.example> x is no address (it is more or less than one address): write it like someone@example.org",
  ],
];

Deno.test("what is wrong is one line on standard error, with the exit code of its kind", async (t) => {
  for (const [args, code, message, environment] of failures) {
    await t.step(`${args.join(" ")} ${JSON.stringify(environment ?? {})}`, async () => {
      assertEquals(await call(args, environment), { code, out: "", err: `smtpd: ${message}\n` });
    });
  }
});

Deno.test("stack traces are for --log-level debug", async () => {
  const args = ["check", "--port", "x"];
  assertEquals((await call(args)).err.split("\n").length, 2);
  assertMatch((await call([...args, "--log-level", "debug"])).err, /\n {4}at /);
  assertMatch((await call([...args, "--log-level=debug"])).err, /\n {4}at /);
  assertMatch((await call(args, { SMTPD_LOG_LEVEL: "debug" })).err, /\n {4}at /);
});

Deno.test("what nobody foresaw is told as a bug, on one line", () => {
  const failure = failureOf(new TypeError("a\nb"));
  assertEquals(failure.exitCode, 70);
  assertEquals(
    failure.message,
    "a bug (TypeError: a\\u000ab): report it with what --log-level debug adds",
  );
  assertEquals(failureOf("x").exitCode, 70);
});

Deno.test("what Deno was not allowed is told as a lack of permission", () => {
  const message = 'Requires net access to "0.0.0.0:25", run again with the --allow-net flag';
  const failure = failureOf(new Deno.errors.NotCapable(message));
  assertEquals(failure.exitCode, 77);
  assertMatch(failure.message, /: run it with -P or --allow-net$/);
});

Deno.test("a listener that cannot be is told with what to do", () => {
  const none = { flags: new Map(), environment: new Map() };
  const config = resolveConfig(none, testSystem);
  const bound = resolveConfig({
    ...none,
    flags: new Map([["host", ["192.0.2.1"]], ["port", ["2525"]]]),
  }, testSystem);
  const table: [error: Error, config: typeof config, code: number, message: RegExp][] = [
    [
      new Deno.errors.AddrInUse(),
      config,
      69,
      /^port 25 is taken: stop what listens there, or take another port with --port$/,
    ],
    [
      new Deno.errors.PermissionDenied(),
      config,
      77,
      /^no permission to listen on port 25: ((run (sysctl|setcap) .*, )?start smtpd as root), or take another port with --port 2525$/,
    ],
    [
      new Deno.errors.AddrNotAvailable(),
      bound,
      69,
      /^cannot listen on port 2525 of 192\.0\.2\.1, this computer has no such address: give one that it has to --host$/,
    ],
    [new Error("odd"), config, 69, /^cannot listen on port 25 \(odd\): /],
  ];
  for (const [error, config, code, message] of table) {
    const failed = new ListenError({ port: config.port }, error);
    const failure = failureOf(serviceFailure(failed, config));
    assertMatch(failure.message, message);
    assertEquals(failure.exitCode, code);
  }
});

Deno.test("the version is that of the package, with Deno, V8 and target", async () => {
  const { version } = JSON.parse(
    Deno.readTextFileSync(new URL("../../deno.json", import.meta.url)),
  );
  assertEquals(VERSION, version);
  const { deno, v8 } = Deno.version;
  const out = `smtpd ${version} (Deno ${deno}, V8 ${v8}, ${Deno.build.target})\n`;
  assertEquals(await call(["version"]), { code: 0, out, err: "" });
  assertEquals(await call(["--version"]), { code: 0, out, err: "" });
});

Deno.test("the help fits a screen, and shows every command and an example", async () => {
  for (const args of [["help"], ["--help"], ["-h"], ["--port", "x", "--help"]]) {
    const { code, out } = await call(args);
    assertEquals(code, 0);
    const lines = out.trimEnd().split("\n");
    assert(lines.length <= 24, `${lines.length} lines`);
    for (const line of lines) assert(line.length <= 80, line);
    const verbs = [...out.matchAll(/^ {2}smtpd \[?([a-z]+)\]? .* {2}\S/gm)].map(([, verb]) => verb);
    assertEquals(verbs, [...VERBS.keys()]);
    assertMatch(out, /^ {2}smtpd --port 2525/m);
    assertMatch(out, /smtpd help serve$/m);
  }
});

Deno.test("each command has a help that fits 80 columns", async () => {
  for (const verb of VERBS.keys()) {
    const { code, out } = await call(["help", verb]);
    assertEquals(code, 0);
    for (const line of out.split("\n")) assert(line.length <= 80, line);
    assertEquals(await call([verb, "--help"]), { code: 0, out, err: "" });
  }
});

Deno.test("the help of serve lists what there is and nothing that is not", async () => {
  const { out } = await call(["help", "serve"]);
  const flags = [...out.matchAll(/^ {2}(?:-., )?--([a-z-]+)/gm)].map(([, name]) => name);
  assertEquals(flags, [
    "port",
    "host",
    "hostname",
    "tls-cert",
    "tls-key",
    "tls-port",
    "submission-port",
    "auth-without-tls",
    "users",
    "bare-newline",
    "proxy-protocol",
    "queue",
    "maildir",
    "no-queue",
    "retry",
    "queue-lifetime",
    "local-domain",
    "relay-from",
    "route",
    "dns",
    "mx-port",
    "allow-local-mx",
    "tls-out",
    "max-size",
    "max-recipients",
    "max-connections",
    "max-connections-per-ip",
    "timeout",
    "hooks",
    "ui",
    "fault",
    "fault-seed",
    "config",
    "log-level",
    "log-format",
  ]);
  for (const key of ["dataTimeout", "sessionTimeout", "minDataRate", "maxErrors", "drainTimeout"]) {
    assertMatch(out, new RegExp(`^ {2}${key} `, "m"));
  }
});

Deno.test("check finds settings good, and changes nothing", async () => {
  const directory = Deno.makeTempDirSync();
  try {
    const maildir = `${directory}/not/there/yet`;
    const args = ["check", "--local-domain", "example.org", "--maildir", maildir];
    const good = { code: 0, out: "smtpd: configuration is good\n", err: "" };
    assertEquals(await call(args), good);
    assertEquals([...Deno.readDirSync(directory)], []);
    // Without a local domain there is no Maildir to look for.
    assertEquals(await call(["check", "--maildir", "/proc/none"]), good);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("check refuses a Maildir root that cannot be", async () => {
  const directory = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${directory}/file`, "");
    for (const maildir of [`${directory}/file`, `${directory}/file/mail`]) {
      const { code, err } = await call([
        "check",
        "--local-domain=example.org",
        `--maildir=${maildir}`,
      ]);
      assertEquals(code, 73, err);
      assertMatch(
        err,
        /^smtpd: cannot read .*\/file.*, there is a file in its place: give another directory to --maildir\n$/,
      );
    }
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("check says which route has a directory or a program that cannot be", async () => {
  const directory = Deno.makeTempDirSync();
  const path = `${directory}/smtpd.json`;
  try {
    Deno.writeTextFileSync(`${directory}/file`, "");
    const table: [settings: object, err: string][] = [
      [
        { route: `maildir:${directory}/file` },
        `cannot read ${directory}/file, there is a file in its place: ` +
        "give another directory to --route",
      ],
      [
        { routes: [`a.test maildir:${directory}`, `.B.test maildir:${directory}/file`] },
        `cannot read ${directory}/file, there is a file in its place: ` +
        "give another directory to .b.test in routes",
      ],
      [
        { route: "hold", routes: ["a.test pipe:/nowhere/x"] },
        "there is no program /nowhere/x: give another program to a.test in routes",
      ],
    ];
    for (const [settings, err] of table) {
      Deno.writeTextFileSync(path, JSON.stringify({ queue: directory, ...settings }));
      assertEquals((await call(["check", "--config", path])).err, `smtpd: ${err}\n`);
    }
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("check refuses a program that cannot be run, and says what to add where Deno forbids it", async () => {
  const checked = (route: string) => call(["check", `--route=${route}`]);
  assertEquals((await checked("pipe:/bin/cat")).code, 0);
  assertEquals(await checked("pipe:/nowhere/x ${local}"), {
    code: 69,
    out: "",
    err: "smtpd: there is no program /nowhere/x: give another program to --route\n",
  });
  assertMatch((await checked("pipe:/etc/passwd")).err, /\/etc\/passwd is no program/);
  assertMatch((await checked("pipe:/etc")).err, /\/etc is no program/);
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const args = ["run", "-q", "-P", "--no-prompt", main, "check", "--route=pipe:/bin/cat"];
  const { code, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  assertEquals(code, 77);
  assertMatch(
    new TextDecoder().decode(stderr),
    /^smtpd: Deno does not let smtpd run \/bin\/cat: add --allow-run=\/bin\/cat, as in .*\n$/,
  );
});

Deno.test("a config file is read, and what is wrong with it told", async () => {
  const directory = Deno.makeTempDirSync();
  const path = `${directory}/smtpd.json`;
  const checked = () => call(["check", "--config", path]);
  try {
    Deno.writeTextFileSync(path, '{ "port": 2525, "maxErrors": 5 }');
    assertEquals((await checked()).code, 0);
    Deno.writeTextFileSync(path, '{\n  "port": 2525,\n}');
    assertEquals(await checked(), {
      code: 78,
      out: "",
      err: `smtpd: ${path} is not JSON at line 3, column 1: mend it there\n`,
    });
    Deno.writeTextFileSync(path, '{ "prot": 2525 }');
    assertEquals(
      (await checked()).err,
      `smtpd: unknown key prot in ${path}: did you mean port?\n`,
    );
    for (
      const [key, values, twice] of [
        ["routes", ["a.test mx", "b.test hold", "B.Test mx"], "b.test"],
        ["routes", [".a.test mx", "a.test mx", ".A.test hold"], ".a.test"],
        ["concurrency", ["xn--bcher-kva.test 5", "bücher.test 6"], "xn--bcher-kva.test"],
        ["rate", ["a.test 10/1m", "a.test 10/1m"], "a.test"],
        ["rate", ["a.test 10/1m", "b.a.test 10/1m"], undefined],
        ["routes", ["a.test mx", ".a.test mx"], undefined],
      ] as const
    ) {
      Deno.writeTextFileSync(path, JSON.stringify({ [key]: values }));
      const err = twice === undefined ? "" : `smtpd: ${key} has ${twice} twice: keep one\n`;
      assertEquals((await checked()).err, err);
    }
    Deno.writeFileSync(path, Uint8Array.of(0x7b, 0xff, 0x7d));
    assertEquals((await checked()).err, `smtpd: ${path} is not UTF-8: save it as UTF-8\n`);
    Deno.writeFileSync(path, new Uint8Array(1024 * 1024 + 1));
    assertEquals(
      (await checked()).err,
      `smtpd: ${path} is larger than 1 MiB: give a JSON file to --config\n`,
    );
    assertEquals(
      await call(["check", "--config", directory]),
      { code: 78, out: "", err: `smtpd: cannot read ${directory}: give a JSON file to --config\n` },
    );
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
