/** Hooks that settings name, as the program takes them. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { call } from "./surroundings.ts";

const HOOKS = "export function rcpt() {}";

/** Runs `smtpd check` with a module, and what else the config file says. */
async function checked(source: string | undefined, settings: Record<string, unknown> = {}) {
  const directory = Deno.makeTempDirSync();
  try {
    const [hooks, config] = [`${directory}/hooks.js`, `${directory}/smtpd.json`];
    if (source !== undefined) Deno.writeTextFileSync(hooks, source);
    const file = { queue: directory, hooks, ...settings };
    Deno.writeTextFileSync(config, JSON.stringify(file));
    const { code, err } = await call(["check", "--config", config]);
    return { code, err: err.replaceAll(directory, "DIR") };
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

Deno.test("check loads the hooks, and says in one line why it cannot", async () => {
  assertEquals(await checked(HOOKS), { code: 0, err: "" });
  assertEquals(await checked(HOOKS, { hooksMemory: 1_000_000_000, hooksEnv: ["HOME"] }), {
    code: 0,
    err: "",
  });
  const mend = "mend it, or give another file to --hooks";
  const table: [source: string | undefined, reason: RegExp][] = [
    [undefined, /^there is no such file$/],
    ["export const rcpt = 1;", /^its export rcpt is no function$/],
    ["\nmissing();", /^line 2, column 1: ReferenceError: missing is not defined$/],
    [`throw new Error("one\\ntwo\\u001b[31m");`, /^line 1, column 7: Error: one$/],
  ];
  for (const [source, reason] of table) {
    const { code, err } = await checked(source);
    assertEquals(code, 78);
    const match = /^smtpd: cannot use hooks DIR\/hooks\.js \((.*)\): (.*)\n$/.exec(err);
    assert(match !== null, err);
    assertMatch(match[1], reason);
    assertEquals(match[2], mend);
  }
});

Deno.test("rights for hooks are refused where there are none", async () => {
  for (const key of ["hooksNet", "hooksRead", "hooksEnv"]) {
    assertEquals(await checked(HOOKS, { hooks: undefined, [key]: ["a"] }), {
      code: 78,
      err:
        `smtpd: ${key} is given, and there are no hooks: give --hooks FILE, or leave ${key} out\n`,
    });
  }
});

Deno.test("hooks that Deno does not let run are told what to add", async () => {
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const args = ["run", "-q", "-P", "--no-prompt", main, "check", "--hooks", main];
  const { code, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  assertEquals(code, 77);
  assertMatch(
    new TextDecoder().decode(stderr),
    /^smtpd: Deno does not let smtpd run [^ ]+: add --allow-run=[^ ]+, as in deno run -P .*\n$/,
  );
});

Deno.test("the right to run programs is given up unless settings need it", async () => {
  const table: [args: string[], isGivenUp: boolean][] = [
    [["check", "--no-queue", "--route", "discard"], true],
    [["check", "--no-queue", "--route", "pipe:/bin/cat"], false],
    [["check", "--no-queue", "--hooks", "/nowhere/hooks.js"], false],
    [["version"], true],
    [["sendmail", "-bogus"], true],
  ];
  for (const [args, isGivenUp] of table) {
    let times = 0;
    await call(args, {}, { runNoPrograms: () => times++ });
    assertEquals(times > 0, isGivenUp, args.join(" "));
  }
});

Deno.test("no help tells of the command that hooks run in", async () => {
  for (const args of [["help"], ["help", "serve"]]) {
    assert(!(await call(args)).out.includes("hooks-host"));
  }
});
