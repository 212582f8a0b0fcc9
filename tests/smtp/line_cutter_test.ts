import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { LineCutter, type LineFault } from "../../lib/smtp/line_cutter.ts";
import { octets, seeded, splits, text } from "./wire.ts";

type Found = { line: string } | LineFault;

/** Everything that a cutter makes of the segments. */
function cutAll(segments: Iterable<Uint8Array>, limit: number, normalize: boolean): Found[] {
  const cutter = new LineCutter(limit, normalize);
  const found: Found[] = [];
  for (const segment of segments) {
    for (let at = 0;;) {
      const cut = cutter.cut(segment, at);
      assert(cutter.position >= at && cutter.position <= segment.length);
      at = cutter.position;
      if (cut.kind === "more") {
        assertEquals(at, segment.length);
        break;
      }
      found.push(cut.kind === "line" ? { line: text(cut.bytes) } : cut.fault);
    }
  }
  return found;
}

/** What must come of a whole input, said another way: split at CR LF, then look into each piece. */
function strictly(data: string, limit: number): Found[] {
  const found: Found[] = [];
  const pieces = data.split("\r\n");
  for (const [index, piece] of pieces.entries()) {
    let fault: LineFault | undefined;
    let told = false;
    let length = 0;
    for (let i = 0; i < piece.length; i++) {
      if (i > 0 && piece[i - 1] === "\r") fault ??= "bare CR";
      if (piece[i] === "\n") {
        fault ??= "bare LF";
        if (!told) found.push(fault);
        told = true;
      } else if (piece[i] !== "\r" && ++length > limit - 2) {
        fault ??= "too long";
      }
    }
    if (index === pieces.length - 1) break;
    if (piece.endsWith("\r")) fault ??= "bare CR";
    if (fault === undefined) found.push({ line: piece });
    else if (!told) found.push(fault);
  }
  return found;
}

function normally(data: string, limit: number): Found[] {
  // A CR at the very end may yet get its LF.
  const known = data.endsWith("\r") ? data.slice(0, -1) : data;
  return known.split(/\r\n|\r|\n/).slice(0, -1).map((line) =>
    line.length > limit - 2 ? "too long" : { line }
  );
}

const L = (line: string): Found => ({ line });

const TABLE: [input: string, ...found: Found[]][] = [
  [""],
  ["NOOP"],
  ["NOOP\r"],
  ["NOOP\r\n", L("NOOP")],
  ["\r\n", L("")],
  ["\r\n\r\n", L(""), L("")],
  ["a\r\nb\r\nc", L("a"), L("b")],
  ["a\x00\xff\t\r\n", L("a\x00\xff\t")],
  ["12345678\r\n", L("12345678")],
  ["123456789\r\n", "too long"],
  ["123456789\r\nNOOP\r\n", "too long", L("NOOP")],
  [`${"x".repeat(100)}`],
  [`${"x".repeat(100)}\r\nNOOP\r\n`, "too long", L("NOOP")],
  [`${"x".repeat(100)}\nNOOP\r\nb\r\n`, "too long", L("b")],
  ["a\nb\r\nc\r\n", "bare LF", L("c")],
  ["a\n", "bare LF"],
  ["a\nb\nc\nd\r\n", "bare LF"],
  ["\n", "bare LF"],
  ["\n\r\nx\r\n", "bare LF", L("x")],
  ["a\rb\r\nc\r\n", "bare CR", L("c")],
  ["a\rb"],
  ["a\rb\nc\r\nd\r\n", "bare CR", L("d")],
  ["\r\r\nx\r\n", "bare CR", L("x")],
  ["\r\r\r\r\r\n", "bare CR"],
  ["\r\n\r\r\n", L(""), "bare CR"],
  ["\n\r", "bare LF"],
  ["\n\r\n", "bare LF"],
  ["12345678\rx\r\n", "bare CR"],
  ["123456789\rx\r\n", "too long"],
  ["123456789\nx\r\n", "too long"],
  ["MAIL\r\nRCPT\nDATA\r\n.\r\nQUIT\r\n", L("MAIL"), "bare LF", L("."), L("QUIT")],
];

Deno.test("line cutter cuts the table, whole, octet by octet and cut anywhere", () => {
  for (const [input, ...found] of TABLE) {
    assertEquals(strictly(input, 10), found, JSON.stringify(input));
    for (const { name, segments } of splits(octets(input))) {
      assertEquals(cutAll(segments, 10, false), found, `${JSON.stringify(input)} ${name}`);
    }
  }
});

const NORMALIZED: [input: string, ...found: Found[]][] = [
  ["a\nb\rc\r\nd", L("a"), L("b"), L("c")],
  ["a\r"],
  ["a\r\n", L("a")],
  ["a\r\r", L("a")],
  ["a\r\r\n", L("a"), L("")],
  ["\n\r", L("")],
  ["\n\r\n", L(""), L("")],
  ["123456789\nx\n", "too long", L("x")],
  ["123456789\rx\r\n", "too long", L("x")],
  ["12345678\n", L("12345678")],
];

Deno.test("line cutter takes any line break for one where it is told to", () => {
  for (const [input, ...found] of NORMALIZED) {
    assertEquals(normally(input, 10), found, JSON.stringify(input));
    for (const { name, segments } of splits(octets(input))) {
      assertEquals(cutAll(segments, 10, true), found, `${JSON.stringify(input)} ${name}`);
    }
  }
});

Deno.test("line cutter says of random input what the rule says, however it is cut", () => {
  const random = seeded(2);
  const pieces = ["\r\n", "\r\n", "\r", "\n", "a", "\x00", "1234567", "x".repeat(200)];
  for (let round = 0; round < 3000; round++) {
    const input = Array.from({ length: random(14) }, () => pieces[random(pieces.length)]).join("");
    const limit = [3, 8, 10, 100, 512][random(5)];
    for (const { name, segments } of splits(octets(input))) {
      const message = `${JSON.stringify(input)} limit ${limit} ${name}`;
      assertEquals(cutAll(segments, limit, false), strictly(input, limit), message);
      assertEquals(cutAll(segments, limit, true), normally(input, limit), message);
    }
  }
});

Deno.test("line cutter keeps what trails a line for the next input", () => {
  for (const trailing of ["N", "NOOP", "NOOP\r", "\r"]) {
    for (const { name, segments } of splits(octets(`QUIT\r\n${trailing}`))) {
      assertEquals(cutAll(segments, 10, false), [L("QUIT")], name);
      const end = trailing.endsWith("\r") ? "\n" : "\r\n";
      const line = trailing.replace("\r", "");
      assertEquals(cutAll([...segments, octets(end)], 10, false), [L("QUIT"), L(line)], name);
    }
  }
});

Deno.test("line cutter copies no line that lies whole in a segment", () => {
  const input = octets("one\r\ntwo\r\n");
  const cutter = new LineCutter(512);
  for (const start of [0, 5]) {
    const cut = cutter.cut(input, start);
    assert(cut.kind === "line");
    assertStrictEquals(cut.bytes.buffer, input.buffer);
    assertEquals(cut.bytes.byteOffset, start);
  }
});

Deno.test("line cutter keeps a line whose segment is written over", () => {
  const cutter = new LineCutter(512);
  const segment = octets("MAIL");
  assertEquals(cutter.cut(segment, 0).kind, "more");
  segment.fill(120);
  const cut = cutter.cut(octets(" FROM:<>\r\n"), 0);
  assert(cut.kind === "line");
  assertEquals(text(cut.bytes), "MAIL FROM:<>");
});

Deno.test("line cutter knows whether it is inside a line", () => {
  const table: [input: string, inside: boolean][] = [
    ["", false],
    ["a", true],
    ["\r", true],
    ["a\r\n", false],
    ["a\r\nb", true],
    ["a\n", true],
    ["a\nb\r\n", false],
    ["a\rb", true],
    ["x".repeat(100), true],
    [`${"x".repeat(100)}\r\n`, false],
  ];
  for (const [input, inside] of table) {
    for (const { name, segments } of splits(octets(input))) {
      const cutter = new LineCutter(10);
      for (const segment of segments) {
        let at = 0;
        while (cutter.cut(segment, at).kind !== "more") at = cutter.position;
      }
      assertEquals(cutter.isInsideLine, inside, `${JSON.stringify(input)} ${name}`);
    }
  }
});

Deno.test("line cutter reads on from where another reader of the input stopped", () => {
  const input = octets("BDAT 4\r\n\r\n\r\nNOOP\r\n");
  const cutter = new LineCutter(512);
  assertEquals(cutter.cut(input, 0).kind, "line");
  const cut = cutter.cut(input, cutter.position + 4);
  assert(cut.kind === "line");
  assertEquals(text(cut.bytes), "NOOP");
});

/** Inputs that take quadratic time if any search goes beyond the line that it is for. */
const HEAVY: [name: string, unit: string, normalize: boolean][] = [
  ["lines", "NOOP\r\n", false],
  ["empty lines", "\r\n", false],
  ["one endless line", "x", false],
  ["CRs", "\r", false],
  ["LFs", "\n", false],
  ["CRs, normalized", "\r", true],
  ["LFs, normalized", "\n", true],
];

for (const [name, unit, normalize] of HEAVY) {
  Deno.test(`line cutter takes time in proportion to its input: ${name}`, () => {
    const time = (size: number): number => {
      const input = octets(unit.repeat(size / unit.length));
      const start = performance.now();
      cutAll([input], 512, normalize);
      return performance.now() - start;
    };
    time(1000);
    // Quadratic time would be ten seconds and more.
    const taken = time(2 ** 18);
    assert(taken < 3000, `${taken} ms`);
  });
}
