import { assertEquals } from "@std/assert";
import { loadingLine } from "../../lib/hooks/standalone_source.ts";

Deno.test("a module that imports nothing may say so in its comments", () => {
  for (
    const source of [
      "",
      "export function rcpt() {}\n",
      '/** @type {import("@smtpd/smtpd").HooksModule["rcpt"]} */\nexport function rcpt() {}\n',
      '\r\n  /* import\r\n   * from "x" */\r\nexport const important = 1;\r\n',
      '// import { x } from "./x.js";\nexport const reimport = "came from afar";\n',
      'export const text = "mail from " + "joe";\nexport default "from /*";',
      "const rcpt = 1;\nexport { rcpt };\n",
      "const here = import.meta.url + import . meta.dirname;",
    ]
  ) assertEquals(loadingLine(source), undefined, source);
});

Deno.test("whatever may load a module is found, and the line it is in", () => {
  const table: [source: string, line: number][] = [
    ['import "./x.js";', 1],
    ['\n\nimport { x } from "./x.js";', 3],
    ['export * from "./x.json" with { type: "json" };', 1],
    ["export { x } from'./x.js'", 1],
    ['export/**/{ x } from "./x.js"', 1],
    ['export * as // a\n x from "./x.js"', 2],
    ['export * as "a b" from "./x.js"', 1],
    ['export { x } from /* y */ "./x.js"', 1],
    ['export { x } from // y\n"./x.js"', 1],
    ['await import("./x.js")', 1],
    ['await import.source("./x.js")', 1],
    ['await import/**/("./x.js")', 1],
    ['/* a */ import("./x.js")', 1],
    ['/** import */\nawait import("./x.js")', 2],
    // What looks like a comment and is none, or ends sooner than it seems.
    ['x = `\n/* ${ import("./x.js") } */`', 2],
    ['x = `\n// ${ import("./x.js") }\n`', 2],
    ['x = `\n/* `; import("./x.js") /* */', 2],
    ['x = `\n// `; import("./x.js")', 2],
    ['x = "\\\n/* "; import("./x.js"); " */"', 2],
    ['x = "\\\r\n// "; import("./x.js")', 2],
    ['/*\n// */ import("./x.js")', 2],
    ['/*\n/* */ import("./x.js")', 2],
    ['// a\u2028import("./x.js")', 1],
    ['// a\rimport("./x.js")', 1],
    ['x = /[\'"`]/; import("./x.js")', 1],
    ['x = 1 //* import */\nimport("./x.js")', 1],
  ];
  for (const [source, line] of table) assertEquals(loadingLine(source), line, source);
});
