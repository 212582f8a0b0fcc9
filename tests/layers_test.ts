/**
 * Holds the order of the folders under `lib/`: a folder imports from itself and from those before it,
 * packages have one place each, and the protocol core knows neither Deno, nor a clock, nor a promise.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";

const root = new URL("../", import.meta.url);

/** The layers from the bottom up. Those on one line may import each other. */
const layers: string[][] = [
  ["smtp/"],
  ["message/"],
  ["policy/"],
  ["queue/"],
  ["net/"],
  ["hooks/"],
  ["relay/"],
  ["delivery/"],
  ["inbox/"],
  ["metrics/"],
  ["web/"],
  ["config/", "config.ts", "log.ts"],
  ["cli/"],
  ["mod.ts"],
];

/** The only importers of each package; a package that is not here belongs nowhere in `lib/`. */
const packages = new Map([
  ["@std/log", "lib/log.ts"],
  ["@std/cli", "lib/cli/"],
  ["postal-mime", "lib/inbox/"],
]);

/** What a sans-I/O core has no use for: its caller passes in time, randomness and octets. */
const impure =
  /\b(?:Deno|await|async|Promise|Date|performance|setTimeout|setInterval|Math\.random)\b|\bimport\s*\(/g;

const comment = /\/\*[^]*?\*\/|\/\/[^\n]*/;
const string = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/;
const template = /`(?:\\[^]|[^`\\])*`/;
/** A slash begins a regular expression only where an operand may stand. */
const regexp = /(?<=(?:[(,=:[!&|?{};>]|\breturn)\s*)\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\//;

const token = new RegExp(
  [comment, regexp, string, template].map((part) => `(${part.source})`).join("|"),
  "g",
);

/** The source without its comments. */
function withoutComments(source: string): string {
  return source.replace(token, (match, isComment) => isComment === undefined ? match : " ");
}

/** The source without comments and literals, save for the expressions inside templates. */
function codeOf(source: string): string {
  return source.replace(token, (_match, _comment, _regexp, _string, isTemplate = "") => {
    const expressions = isTemplate.matchAll(/\$\{([^}]*)\}/g);
    return ` ${[...expressions].map(([, code]) => code).join(" ; ")} `;
  });
}

/** The specifiers of every import, type import, re-export and dynamic import of a literal. */
function specifiersOf(source: string): string[] {
  const pattern =
    /\b(?:import|export)\b[^"';]*?\bfrom\s*["']([^"']+)|\bimport\s*\(?\s*["']([^"']+)/g;
  return [...withoutComments(source).matchAll(pattern)].map(([, from, bare]) => from ?? bare);
}

/** The place of a file such as `lib/smtp/reply.ts` in `layers`, or -1. */
function rankOf(path: string): number {
  const name = path.match(/^lib\/([^/]+\/|[^/]+$)/)?.[1] ?? "";
  return layers.findIndex((layer) => layer.includes(name));
}

/** What is wrong with one import; undefined if nothing is. */
function wrongImport(path: string, specifier: string): string | undefined {
  if (!/^\.{1,2}\//.test(specifier)) {
    if (specifier.startsWith("node:") && !path.startsWith("lib/smtp/")) return;
    const owner = packages.get(specifier.match(/^@[^/]+\/[^/]+|^[^@:/]+/)?.[0] ?? "");
    if (owner && path.startsWith(owner)) return;
    return `${path} imports ${specifier}, which is for ${owner ?? "no file of lib/"}`;
  }
  const target = new URL(specifier, new URL(path, root)).href.slice(root.href.length);
  const rank = rankOf(target);
  const allowed = path === "main.ts"
    ? target.startsWith("lib/cli/")
    : path === "lib/mod.ts"
    ? rank >= 0 && !target.startsWith("lib/cli/")
    : rank >= 0 && rank <= rankOf(path);
  return allowed ? undefined : `${path} imports ${target}, which is not below it`;
}

/** Every way in which a file breaks the order. */
function violationsOf(path: string, source: string): string[] {
  const found: string[] = [];
  if (path !== "main.ts" && rankOf(path) < 0) found.push(`${path} is in no layer`);
  for (const specifier of specifiersOf(source)) {
    const wrong = wrongImport(path, specifier);
    if (wrong) found.push(wrong);
  }
  if (path.startsWith("lib/smtp/")) {
    for (const [name] of codeOf(source).matchAll(impure)) found.push(`${path} names ${name}`);
  }
  return found;
}

/** Every TypeScript file under a folder, by its path from the root. */
function* filesIn(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, root))) {
    if (isDirectory) yield* filesIn(`${folder}${name}/`);
    else if (/\.[cm]?[jt]sx?$/.test(name)) yield folder + name;
  }
}

Deno.test("every file of lib/ keeps to its layer", () => {
  const paths = ["main.ts", ...filesIn("lib/")];
  assert(paths.length > 1, "lib/ is empty");
  const found = paths.flatMap((path) =>
    violationsOf(path, Deno.readTextFileSync(new URL(path, root)))
  );
  assertEquals(found, []);
});

const bad: [path: string, source: string, complaint: RegExp][] = [
  ["lib/smtp/a.ts", `import { b } from "../net/b.ts";`, /imports lib\/net\/b\.ts/],
  ["lib/smtp/a.ts", `import type { B } from "../message/b.ts";`, /imports lib\/message/],
  ["lib/net/a.ts", `export * from "../relay/b.ts";`, /imports lib\/relay/],
  ["lib/net/a.ts", `export {\n  b,\n  c,\n} from "../cli/b.ts";`, /imports lib\/cli/],
  ["lib/net/a.ts", `const b = await import("../delivery/b.ts");`, /imports lib\/delivery/],
  ["lib/net/a.ts", `type B = import('../relay/b.ts').B;`, /imports lib\/relay/],
  ["lib/net/a.ts", `import "../log.ts";`, /imports lib\/log\.ts/],
  ["lib/net/a.ts", `import { b } from "../../tests/peers.ts";`, /imports tests\/peers\.ts/],
  ["lib/net/a.ts", `const s = /["']/;\nimport { b } from "../mod.ts";`, /imports lib\/mod\.ts/],
  ["lib/cli/a.ts", `import { listen } from "../mod.ts";`, /imports lib\/mod\.ts/],
  ["lib/mod.ts", `export * from "./cli/serve.ts";`, /imports lib\/cli/],
  ["main.ts", `import { b } from "./lib/net/b.ts";`, /imports lib\/net/],
  ["lib/net/a.ts", `import { info } from "@std/log";`, /for lib\/log\.ts/],
  ["lib/config.ts", `import { parseArgs } from "@std/cli/parse-args";`, /for lib\/cli\//],
  ["lib/net/a.ts", `import { assert } from "@std/assert";`, /for no file/],
  ["lib/net/a.ts", `import x from "npm:x@1.0.0";`, /for no file/],
  ["lib/smtp/a.ts", `import { Buffer } from "node:buffer";`, /for no file/],
  ["lib/util/a.ts", ``, /in no layer/],
  ["lib/helpers.ts", ``, /in no layer/],
  ["lib/smtp/a.ts", `const c = Deno.args;`, /names Deno/],
  ["lib/smtp/a.ts", `export async function a() {}`, /names async/],
  ["lib/smtp/a.ts", `await b();`, /names await/],
  ["lib/smtp/a.ts", `let a: Promise<void>;`, /names Promise/],
  ["lib/smtp/a.ts", `const t = new Date();`, /names Date/],
  ["lib/smtp/a.ts", `const t = performance.now();`, /names performance/],
  ["lib/smtp/a.ts", `setTimeout(f, 1);`, /names setTimeout/],
  ["lib/smtp/a.ts", `const r = Math.random();`, /names Math\.random/],
  ["lib/smtp/a.ts", "const t = `at ${Date.now()}`;", /names Date/],
  ["lib/smtp/a.ts", `const q = a / b; const r = "x/y"; const t = Date;`, /names Date/],
];

Deno.test("the check finds what it is there to find", async (t) => {
  for (const [path, source, complaint] of bad) {
    await t.step(`${path}: ${source}`, () => {
      assertMatch(violationsOf(path, source).join("\n"), complaint);
    });
  }
});

const good: [path: string, source: string][] = [
  ["lib/smtp/a.ts", `import { b } from "./b.ts";\nexport type { C } from "./sub/c.ts";`],
  ["lib/smtp/a.ts", `// await a Promise\n/* new Date() */ const a = "async Deno.";`],
  ["lib/smtp/a.ts", "const a = `Date: ${b}`; const c = /\"[`']/; const d = 'await';"],
  ["lib/smtp/a.ts", `/** import { x } from "../net/x.ts"; */\nconst date = 1;`],
  ["lib/relay/a.ts", `import { b } from "../net/b.ts";\nimport { c } from "../smtp/c.ts";`],
  ["lib/net/a.ts", `import tls from "node:tls";`],
  ["lib/config.ts", `import { a } from "./log.ts";\nimport { b } from "./relay/b.ts";`],
  ["lib/log.ts", `import { getLogger } from "@std/log";`],
  ["lib/cli/a.ts", `import { parseArgs } from "@std/cli/parse-args";\nimport "../config.ts";`],
  ["lib/mod.ts", `export * from "./net/b.ts";\nexport * from "./config.ts";`],
  ["main.ts", `import { main } from "./lib/cli/main.ts";`],
];

Deno.test("the check leaves good files alone", async (t) => {
  for (const [path, source] of good) {
    await t.step(`${path}: ${source}`, () => assertEquals(violationsOf(path, source), []));
  }
});
