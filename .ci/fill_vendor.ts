/**
 * Fills `vendor/` on networks that reach an npm registry but not JSR.
 *
 * Deno keeps JSR modules in `vendor/` and is content with what it finds there. When the modules that
 * deno.json pins are missing and JSR does not answer, they are taken from npm packages that carry the
 * same published modules, compiled to JavaScript with their declarations.
 */

import { brief, fetchPackages, type Package, untar } from "./npm.ts";

/** Which modules, by name under `@std/`, to take from which npm package. */
interface Carrier {
  from: Package;
  modules: Record<string, string>;
}

const carriers: Carrier[] = [{
  from: {
    name: "windmill-cli",
    version: "1.596.0",
    sha512:
      "5aFVNTOEaGyTKyQlyjFI1FAZ8fTIQ2vGSmnqL3FfZuKpKWdqGXh8p9Azdp8N2MkIwyP1vYtOK9nfQk6jr6tRTw==",
  },
  modules: {
    fmt: "1.0.8",
    fs: "1.0.20",
    internal: "1.0.12",
    io: "0.225.2",
    log: "0.224.14",
    path: "1.1.3",
  },
}, {
  from: {
    name: "veryfront",
    version: "0.1.1031",
    sha512:
      "Vhd648NOygFaqiSeT9xDRL/9Tf2KjyfpIlnz2W86fRHi9W47w7ngZisq0Xiw4nzNKN8kh5+MDD01N1E18Oidgw==",
  },
  modules: { assert: "1.0.19", internal: "1.0.14" },
}];

/**
 * No npm package carries @std/cli/parse-args in its present form. Its earlier form, `flags/mod.js` of
 * std 0.188.0, parses what this project declares in the same way.
 */
const parseArgs = {
  from: {
    name: "elm-janitor-apply-patches",
    version: "1.1.0",
    sha512:
      "LB0jvb31pBF89QhbHwZmBo15h3Vp+yrcYusheXG+yd3hb+xiC3qFIvZbHMThFvS8CT56al0JcJEdJ2GgeB42BA==",
  },
  version: "1.0.28",
  files: new Map([
    ["package/esm/deps/deno.land/std@0.188.0/flags/mod.js", "parse_args.js"],
    ["package/esm/deps/deno.land/std@0.188.0/_util/asserts.js", "_asserts.js"],
  ]),
};

const root = `${import.meta.dirname}/..`;
const vendor = `${root}/vendor`;

/** Files to write, by their path under `vendor/jsr.io/`. */
type Files = Map<string, string>;

/** Name and version of each JSR package in deno.json, such as `@std/log` and `0.224.14`. */
function pinned(): [name: string, version: string][] {
  const { imports } = JSON.parse(Deno.readTextFileSync(`${root}/deno.json`));
  return Object.values<string>(imports)
    .map((specifier) => specifier.match(/^jsr:(@[^@]+)@([^/]+)/))
    .filter((match) => match !== null)
    .map(([, name, version]) => [name, version]);
}

function isFilled(): boolean {
  return pinned().every(([name, version]) => {
    try {
      return Deno.statSync(`${vendor}/jsr.io/${name}/${version}_meta.json`).isFile;
    } catch {
      return false;
    }
  });
}

/** Whether JSR itself answers, rather than a portal or a proxy in its place. */
async function jsrAnswers(): Promise<boolean> {
  const [name, version] = pinned()[0];
  try {
    const response = await fetch(`https://jsr.io/${name}/${version}_meta.json`, {
      signal: AbortSignal.timeout(3_000),
    });
    return "exports" in await response.json();
  } catch {
    return false;
  }
}

/**
 * Undoes what the npm build added: the shim for `Deno`, which Deno has, and source map references.
 * Deno would not look for declarations on its own, so JavaScript names them.
 */
function restore(path: string, source: string): string {
  const plain = source
    .replace(/^import \* as dntShim from .*\n/gm, "")
    .replaceAll("dntShim.dntGlobalThis", "globalThis")
    .replaceAll("dntShim.Deno", "Deno")
    .replace(/^\/\/# sourceMappingURL=.*\n?/gm, "");
  if (!path.endsWith(".js")) return plain;
  return `/* @ts-self-types="./${path.replace(/^.*\/|\.js$/g, "")}.d.ts" */\n${plain}`;
}

async function readCarrier(tarball: string, { modules }: Carrier, files: Files): Promise<void> {
  const folders = Object.entries(modules).map(([name, version]) => `@std/${name}/${version}/`);
  for await (const { path, body } of untar(tarball)) {
    const target = path.match(/^package\/(?:esm|types)\/deps\/jsr\.io\/(.+\.(?:js|d\.ts))$/)?.[1];
    if (!target || !folders.some((folder) => target.startsWith(folder))) continue;
    files.set(target, restore(target, new TextDecoder().decode(body)));
  }
}

async function readParseArgs(tarball: string, files: Files): Promise<void> {
  const folder = `@std/cli/${parseArgs.version}`;
  for await (const { path, body } of untar(tarball)) {
    const name = parseArgs.files.get(path);
    if (!name) continue;
    const source = new TextDecoder().decode(body)
      .replace("../_util/asserts.js", "./_asserts.js")
      .replace("export function parse(", "export function parseArgs(");
    files.set(`${folder}/${name}`, restore(name, source));
  }
  files.set(
    `${folder}/parse_args.d.ts`,
    Deno.readTextFileSync(`${import.meta.dirname}/parse_args.d.ts`),
  );
  files.set(`${folder}/_asserts.d.ts`, "export declare function assert(expr: unknown): void;\n");
}

/** The two descriptions of a package that JSR serves beside its files. */
async function addMetadata(files: Files): Promise<void> {
  const packages = Map.groupBy(
    [...files],
    ([path]) => path.match(/^@std\/[^/]+\/[^/]+/)![0],
  );
  const versions: Record<string, Record<string, Record<string, never>>> = {};
  for (const [folder, members] of packages) {
    const manifest: Record<string, { size: number; checksum: string }> = {};
    const exports: Record<string, string> = {};
    for (const [path, source] of members) {
      const file = path.slice(folder.length);
      const bytes = new TextEncoder().encode(source);
      manifest[file] = { size: bytes.length, checksum: `sha256-${await sha256(bytes)}` };
      const entry = file.match(/^\/([a-z][^/]*)\.js$/)?.[1];
      if (entry) exports[entry === "mod" ? "." : `./${entry.replaceAll("_", "-")}`] = `.${file}`;
    }
    files.set(`${folder}_meta.json`, JSON.stringify({ manifest, exports }));
    const [, name, version] = folder.split("/");
    (versions[name] ??= {})[version] = {};
  }
  for (const [name, all] of Object.entries(versions)) {
    const latest = Object.keys(all).sort().at(-1);
    const meta = { scope: "std", name, latest, versions: all };
    files.set(`@std/${name}/meta.json`, JSON.stringify(meta));
  }
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/**
 * Writes everything beside `vendor/` and puts it in place with one rename, so an interrupted run
 * leaves nothing half done and of two runs at once the first to finish wins.
 */
async function install(files: Files, staging: string): Promise<void> {
  for (const [path, content] of files) {
    const file = `${staging}/vendor/jsr.io/${path}`;
    await Deno.mkdir(file.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(file, content);
  }
  if (isFilled()) return;
  await Deno.rename(vendor, `${staging}/incomplete`).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.rename(`${staging}/vendor`, vendor).catch((error) => {
    if (!isFilled()) throw error;
  });
}

async function fillFromNpm(): Promise<void> {
  const staging = await Deno.makeTempDir({ dir: root, prefix: ".vendor-" });
  try {
    const packages = [...carriers.map((carrier) => carrier.from), parseArgs.from];
    const tarballs = await fetchPackages(packages, staging);
    const files: Files = new Map();
    await Promise.all([
      ...carriers.map((carrier, i) => readCarrier(tarballs[i], carrier, files)),
      readParseArgs(tarballs[carriers.length], files),
    ]);
    await addMetadata(files);
    const missing = pinned().find(([name, version]) => !files.has(`${name}/${version}_meta.json`));
    if (missing) throw new Error(`no npm package is known to carry ${missing.join("@")}`);
    await install(files, staging);
  } finally {
    await Deno.remove(staging, { recursive: true });
  }
}

if (import.meta.main && !isFilled() && !(await jsrAnswers())) {
  try {
    await fillFromNpm();
  } catch (error) {
    console.error(`smtpd: cannot fill vendor/, and jsr.io does not answer: ${brief(error)}`);
    Deno.exit(1);
  }
}
