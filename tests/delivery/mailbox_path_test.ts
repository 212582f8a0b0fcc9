import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  decodeLocalPart,
  encodeLocalPart,
  MAX_NAME,
  normalizeLocalPart,
} from "../../lib/delivery/mailbox_path.ts";

const NAMES: [string, string | undefined][] = [
  ["joe", "joe"],
  ["Joe.Smith+tag", "joe.smith+tag"],
  ["a-b_c=d", "a-b_c=d"],
  [".", "%2e"],
  ["..", "%2e%2e"],
  ["...", "%2e.%2e"],
  [".joe", "%2ejoe"],
  ["joe.", "joe%2e"],
  ["a..b", "a..b"],
  ["../../etc/passwd", "%2e.%2f..%2fetc%2fpasswd"],
  ["/", "%2f"],
  ["\\", "%5c"],
  ["a\\..\\b", "a%5c..%5cb"],
  ["a\0b", "a%00b"],
  ["%2e%2e", "%252e%252e"],
  ["a@other.example", "a%40other.example"],
  ["a b", "a%20b"],
  ["~joe", "%7ejoe"],
  ["$HOME", "%24home"],
  ["-rf", "-rf"],
  ["a:2,S", "a%3a2%2cs"],
  ["a\r\nb", "a%0d%0ab"],
  ["JÜRGEN", "j%c3%bcrgen"],
  ["ju\u0308rgen", "j%c3%bcrgen"],
  ["用户", "%e7%94%a8%e6%88%b7"],
  ["con", "%63on"],
  ["NUL.txt", "%6eul.txt"],
  ["console", "console"],
  ["com1", "%63om1"],
  ["__proto__", "__proto__"],
  ["tmp", "tmp"],
  ["", undefined],
  ["x".repeat(255), "x".repeat(255)],
  ["x".repeat(256), undefined],
  ["ü".repeat(42), "%c3%bc".repeat(42)],
  ["ü".repeat(43), undefined],
  ["/".repeat(86), undefined],
];

for (const [localPart, name] of NAMES) {
  Deno.test(`mailbox directory of ${JSON.stringify(localPart).slice(0, 40)} is named safely`, () => {
    assertEquals(encodeLocalPart(localPart), name);
    if (name !== undefined) assertEquals(decodeLocalPart(name), normalizeLocalPart(localPart));
  });
}

const FOREIGN = [
  "",
  ".",
  "..",
  "a/b",
  "%2E",
  "%2f%",
  "%2",
  "%zz",
  "%61",
  "Joe",
  "joe.",
  "con",
  "a%ff",
];

for (const name of FOREIGN) {
  Deno.test(`directory named ${JSON.stringify(name)} is no mailbox`, () => {
    assertEquals(decodeLocalPart(name), undefined);
  });
}

/** A generator with a fixed start, so that a failure can be seen again (mulberry32). */
function generator(seed: number): () => number {
  return () => {
    seed = seed + 0x6d2b79f5 | 0;
    let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 0x1_0000_0000;
  };
}

Deno.test("local parts survive the way to a directory name and back", () => {
  const random = generator(1);
  const alphabet = [
    ..."abzABZ019-_+=..//\\\\%%@ \0\r\n~:\"'ÄäßıİŞςΣ\u0308\u0301é用🎈",
    "\ud800",
    "\u1e9e",
  ];
  const seen = new Map<string, string>();
  for (let i = 0; i < 20_000; i++) {
    const length = 1 + Math.floor(random() * 12);
    let localPart = "";
    for (let k = 0; k < length; k++) {
      localPart += random() < 0.7
        ? alphabet[Math.floor(random() * alphabet.length)]
        : String.fromCharCode(Math.floor(random() * 0x10000));
    }
    const normal = normalizeLocalPart(localPart);
    const name = encodeLocalPart(localPart);
    const shown = JSON.stringify(localPart);
    assert(name !== undefined && name.length <= MAX_NAME, shown);
    assertMatch(name, /^[a-z0-9_+=%-](?:[a-z0-9._+=%-]*[a-z0-9_+=%-])?$/, shown);
    assertEquals(normalizeLocalPart(normal), normal, shown);
    assertEquals(encodeLocalPart(normal), name, shown);
    assertEquals(decodeLocalPart(name), normal, shown);
    assertEquals(seen.get(name) ?? normal, normal, shown);
    seen.set(name, normal);
  }
});
