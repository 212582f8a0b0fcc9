import { assert, assertEquals, assertMatch } from "@std/assert";
import { pageAsset } from "../../lib/web/page.ts";

const folder = new URL("../../lib/web/page/", import.meta.url);

const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
const scripts = names.filter((name) => name.endsWith(".js"));
const styles = names.filter((name) => name.endsWith(".css"));

async function textOf(path: string): Promise<string> {
  const asset = await pageAsset(path);
  assert(asset, `${path} is not there`);
  return new TextDecoder().decode(asset.body);
}

/** The folder that a browser is told to ask for the files in. */
async function folderNow(): Promise<string> {
  const [, now] = /"(\/page\/[0-9a-f]{16}\/)first_list\.js"/.exec(await textOf("/")) ?? [];
  assert(now, "no folder is named");
  return now;
}

Deno.test("every file of the page is handed out, and none beside them", async () => {
  const now = await folderNow();
  for (const name of [...scripts, "icon.svg"]) {
    assertEquals(await textOf(now + name), await Deno.readTextFile(new URL(name, folder)), name);
  }
  const style = await textOf(`${now}style.css`);
  for (const name of styles) {
    assert(style.includes(await Deno.readTextFile(new URL(name, folder))), name);
  }
  // Types are for those who write the page.
  for (const name of names.filter((name) => name.endsWith(".d.ts"))) {
    assertEquals(await pageAsset(now + name), undefined, name);
  }
});

Deno.test("a path that is no name of the page is none, whatever it leads to", async () => {
  const now = await folderNow();
  const paths = [
    "",
    "/index.html",
    "//",
    "/app.js",
    "/page/app.js",
    "/page/0123456789abcdef/app.js",
    now,
    `${now}index.html`,
    `${now}../../page.ts`,
    `${now}%2e%2e/page.ts`,
    `${now}./app.js`,
    `${now}app.js/`,
    `${now}APP.JS`,
    `${now}__proto__`,
    `${now.toUpperCase()}app.js`,
    `${now.slice(1)}app.js`,
    "/__proto__",
    "/constructor",
    `${folder.pathname}app.js`,
  ];
  for (const path of paths) assertEquals(await pageAsset(path), undefined, path);
});

Deno.test("a browser keeps each file, and asks for the page again", async () => {
  const now = await folderNow();
  const kept = "private, max-age=31536000, immutable";
  for (const [path, expected] of [["/", "no-cache"], [`${now}app.js`, kept]]) {
    assertEquals((await pageAsset(path))?.headers["cache-control"], expected, path);
  }
});

Deno.test("each file has its type, and may do nothing that the page does not need", async () => {
  const now = await folderNow();
  const types = [
    ["/", "text/html; charset=utf-8"],
    [`${now}app.js`, "text/javascript; charset=utf-8"],
    [`${now}style.css`, "text/css; charset=utf-8"],
    [`${now}icon.svg`, "image/svg+xml"],
  ];
  for (const [path, type] of types) {
    const asset = await pageAsset(path);
    assertEquals(asset?.type, type);
    assertEquals(asset?.headers["content-type"], type);
    assertEquals(asset?.headers["x-content-type-options"], "nosniff");
    const policy = asset?.headers["content-security-policy"] ?? "";
    assertMatch(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
    assertMatch(policy, /frame-ancestors 'none'/);
    assert(!policy.includes("unsafe"), policy);
  }
});

Deno.test("what the page names is there, and nothing is from elsewhere", async () => {
  const html = await textOf("/");
  const named = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, path]) => path);
  assert(named.length > 5);
  for (const path of named) await textOf(path);
  for (const name of scripts) {
    const source = await Deno.readTextFile(new URL(name, folder));
    for (const [, path] of source.matchAll(/(?:from |import\()"([^"]+)"\)?;$/gm)) {
      assertMatch(path, /^\.\/[a-z_]+\.js$/);
      assert(scripts.includes(path.slice(2)), path);
    }
  }
  for (const name of styles) {
    assert(!/url\(|@import/.test(await Deno.readTextFile(new URL(name, folder))), name);
  }
});

Deno.test("no module of the page makes elements of text", async () => {
  const sinks =
    /innerHTML|outerHTML|insertAdjacentHTML|document\.write|parseFromString|srcdoc|createContextualFragment|\beval\(|new Function|setHTMLUnsafe/;
  for (const name of scripts) {
    assert(!sinks.test(await Deno.readTextFile(new URL(name, folder))), name);
  }
});

Deno.test("the types of the page fit, in a browser", async () => {
  // By a configuration of its own: what a page has shall not be known to the server.
  const config = new URL("page_types.json", import.meta.url).pathname;
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["check", "--quiet", "--config", config, `${folder.pathname}app.js`],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    signal: AbortSignal.timeout(120_000),
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
});

/** The modules that a module waits for, itself among them. */
async function graphOf(name: string, known = new Set<string>()): Promise<Set<string>> {
  if (known.has(name)) return known;
  known.add(name);
  const source = await Deno.readTextFile(new URL(name, folder));
  for (const [, other] of source.matchAll(/ from "\.\/([a-z_]+\.js)";$/gm)) {
    await graphOf(other, known);
  }
  return known;
}

Deno.test("what the list needs is named in the head, so that none waits for another", async () => {
  const now = await folderNow();
  const link = /<(?:link rel="modulepreload" href|script type="module" src)="([^"]*)"/g;
  const named = [...(await textOf("/")).matchAll(link)].map(([, path]) => path);
  const needed = new Set([...await graphOf("theme.js"), ...await graphOf("first_list.js")]);
  assertEquals(named.toSorted(), [...needed].map((name) => now + name).toSorted());
});

Deno.test("what is loaded behind the list is all that the list does not need", async () => {
  const loaded = new Set([...await graphOf("theme.js"), ...await graphOf("first_list.js")]);
  for (const name of loaded) {
    const source = await Deno.readTextFile(new URL(name, folder));
    // Types are imported the same way, in comments.
    for (const [, other] of source.matchAll(/^(?! *\/\*\*).*\bimport\("\.\/([a-z_]+\.js)"\)/gm)) {
      await graphOf(other, loaded);
    }
  }
  assertEquals([...loaded].toSorted(), scripts.toSorted());
});
