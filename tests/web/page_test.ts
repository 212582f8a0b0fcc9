import { assert, assertEquals, assertMatch } from "@std/assert";
import { pageAsset } from "../../lib/web/page.ts";

const folder = new URL("../../lib/web/page/", import.meta.url);

async function textOf(path: string): Promise<string> {
  const asset = await pageAsset(path);
  assert(asset, `${path} is not there`);
  return new TextDecoder().decode(asset.body);
}

Deno.test("every file of the page is handed out, and none beside them", async () => {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  for (const name of names) {
    const path = name === "index.html" ? "/" : `/${name}`;
    // Types are for those who write the page.
    assertEquals(await pageAsset(path) !== undefined, !name.endsWith(".d.ts"), path);
  }
});

Deno.test("a path that is no name of the page is none, whatever it leads to", async () => {
  const paths = [
    "",
    "/index.html",
    "//",
    "/../page.ts",
    "/%2e%2e/page.ts",
    "/./app.js",
    "/app.js/",
    "/APP.JS",
    "app.js",
    "/__proto__",
    "/constructor",
    "/page/app.js",
    `${folder.pathname}app.js`,
  ];
  for (const path of paths) assertEquals(await pageAsset(path), undefined, path);
});

Deno.test("each file has its type, and may do nothing that the page does not need", async () => {
  const types = [
    ["/", "text/html; charset=utf-8"],
    ["/app.js", "text/javascript; charset=utf-8"],
    ["/style.css", "text/css; charset=utf-8"],
    ["/icon.svg", "image/svg+xml"],
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

Deno.test("a file is read once", async () => {
  assertEquals(pageAsset("/app.js"), pageAsset("/app.js"));
  assert(await pageAsset("/app.js") === await pageAsset("/app.js"));
});

Deno.test("what the page names is there, and nothing is from elsewhere", async () => {
  const html = await textOf("/");
  const named = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, path]) => path);
  assert(named.length > 5);
  for (const path of named) await textOf(path);
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  for (const name of names.filter((name) => name.endsWith(".js"))) {
    const source = await textOf(`/${name}`);
    for (const [, path] of source.matchAll(/from "([^"]+)";$/gm)) {
      assertMatch(path, /^\.\/[a-z_]+\.js$/);
      await textOf(path.slice(1));
    }
  }
  for (const name of names.filter((name) => name.endsWith(".css"))) {
    assert(!/url\(|@import/.test(await textOf(`/${name}`)), name);
  }
});

Deno.test("no module of the page makes elements of text", async () => {
  const sinks =
    /innerHTML|outerHTML|insertAdjacentHTML|document\.write|parseFromString|srcdoc|createContextualFragment|\beval\(|new Function|setHTMLUnsafe/;
  for (const { name } of Deno.readDirSync(folder)) {
    if (name.endsWith(".js")) assert(!sinks.test(await textOf(`/${name}`)), name);
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

Deno.test("every module of the page is named in its head, so that none waits for another", async () => {
  const folder = new URL("../../lib/web/page/", import.meta.url);
  const html = await Deno.readTextFile(new URL("index.html", folder));
  const named = [
    ...html.matchAll(
      /<(?:link rel="modulepreload" href|script type="module" src)="\/([a-z_]+\.js)"/g,
    ),
  ]
    .map(([, name]) => name);
  const there = [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => name.endsWith(".js"));
  assertEquals(named.toSorted(), there.toSorted());
});
