import { assertEquals } from "@std/assert";
import { MAX_PROXY_HEADER, type ProxyHeader, readProxyHeader } from "../../lib/net/proxy_header.ts";
import { join, octets } from "../smtp/wire.ts";

const SIGNATURE = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10];

/** A header of version 2; the length is that of the data unless another is given. */
function binary(
  versionAndCommand: number,
  family: number,
  data: readonly number[],
  length = data.length,
): Uint8Array {
  return Uint8Array.of(
    ...[...SIGNATURE, versionAndCommand, family, length >> 8, length & 255, ...data],
  );
}

const IPV4_BLOCK = [192, 0, 2, 7, 198, 51, 100, 1, 0xdc, 0x04, 0, 25];
const DOC = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 7];
const IPV6_BLOCK = [...DOC, 7, ...DOC, 1, 255, 255, 0, 0];
const UNIX_BLOCK = new Array<number>(216).fill(65);
const NOOP = [4, 0, 3, 1, 2, 3];

const CLIENT: ProxyHeader = {
  kind: "proxied",
  remote: { address: "192.0.2.7", port: 56324 },
  local: { address: "198.51.100.1", port: 25 },
};
const CLIENT_6: ProxyHeader = {
  kind: "proxied",
  remote: { address: "2001:db8::7", port: 65535 },
  local: { address: "2001:db8::1", port: 0 },
};
const LOCAL: ProxyHeader = { kind: "local" };

const good: [name: string, header: Uint8Array, said: ProxyHeader][] = [
  ["TCP4", octets("PROXY TCP4 192.0.2.7 198.51.100.1 56324 25\r\n"), CLIENT],
  ["TCP6", octets("PROXY TCP6 2001:DB8::7 2001:db8:0:0:0:0:0:1 65535 0\r\n"), CLIENT_6],
  [
    "TCP6 that is IPv4",
    octets("PROXY TCP6 ::ffff:c000:207 ::1 1 2\r\n"),
    {
      kind: "proxied",
      remote: { address: "192.0.2.7", port: 1 },
      local: { address: "::1", port: 2 },
    },
  ],
  ["UNKNOWN alone", octets("PROXY UNKNOWN\r\n"), LOCAL],
  ["UNKNOWN with anything", octets("PROXY UNKNOWN  x \xff:: 1 70000 9\r\n"), LOCAL],
  ["UNKNOWN, as long as can be", octets(`PROXY UNKNOWN ${"f".repeat(91)}\r\n`), LOCAL],
  ["v2 IPv4", binary(0x21, 0x11, IPV4_BLOCK), CLIENT],
  ["v2 IPv6", binary(0x21, 0x21, IPV6_BLOCK), CLIENT_6],
  [
    "v2 IPv6 that is IPv4",
    binary(0x21, 0x21, [...MAPPED, ...DOC, 1, 0, 9, 0, 25]),
    {
      kind: "proxied",
      remote: { address: "192.0.2.7", port: 9 },
      local: { address: "2001:db8::1", port: 25 },
    },
  ],
  ["v2 IPv4 with vectors", binary(0x21, 0x11, [...IPV4_BLOCK, ...NOOP, 0x20, 0, 0]), CLIENT],
  [
    "v2 IPv4, as long as can be",
    binary(0x21, 0x11, [
      ...[...IPV4_BLOCK, 4, 0x3f, 0xf1, ...new Array<number>(16 * 1024 - 15).fill(0)],
    ]),
    CLIENT,
  ],
  ["v2 LOCAL", binary(0x20, 0x00, []), LOCAL],
  ["v2 LOCAL with anything", binary(0x20, 0xff, [1, 2, 3]), LOCAL],
  ["v2 LOCAL with an address", binary(0x20, 0x11, IPV4_BLOCK), LOCAL],
  ["v2 of no family", binary(0x21, 0x00, []), LOCAL],
  ["v2 of no family, with anything", binary(0x21, 0x00, [1, 2, 3]), LOCAL],
  ["v2 IPv4 of no protocol", binary(0x21, 0x10, [9]), LOCAL],
  ["v2 UDP", binary(0x21, 0x12, IPV4_BLOCK), LOCAL],
  ["v2 UNIX stream", binary(0x21, 0x31, UNIX_BLOCK), LOCAL],
  ["v2 UNIX datagram with vectors", binary(0x21, 0x32, [...UNIX_BLOCK, ...NOOP]), LOCAL],
];

for (const [name, header, said] of good) {
  Deno.test(`PROXY header is read: ${name}`, () => {
    const length = header.length;
    assertEquals(readProxyHeader(header), { kind: "header", header: said, length });
    for (let some = 0; some < length; some++) {
      assertEquals(readProxyHeader(header.subarray(0, some)), { kind: "more" }, `${some} octets`);
    }
    for (const behind of ["EHLO x\r\n", "\r\n", "PROXY UNKNOWN\r\n"]) {
      const more = join([header, octets(behind)]);
      assertEquals(readProxyHeader(more), { kind: "header", header: said, length });
    }
  });
}

/** What is refused, and by how many of its octets that is known. */
const bad: [header: string | Uint8Array, problem: string, known: number][] = [
  ["EHLO x\r\n", "no PROXY header", 1],
  ["proxy TCP4 ", "no PROXY header", 1],
  ["PROXY\tTCP4 ", "no PROXY header", 6],
  ["PROXYS", "no PROXY header", 6],
  ["\r\n", "no PROXY header", 3],
  ["\r\n\r\n\0\r\nQUIT\r", "no PROXY header", 12],
  ["PROXY UNKNOWN\n", "the line does not end in CR LF", 14],
  ["PROXY UNKNOWN\rx", "the line does not end in CR LF", 15],
  ["PROXY UNKNOWN\r\r\n", "the line does not end in CR LF", 15],
  [`PROXY UNKNOWN ${"f".repeat(92)}\r\n`, "the line is too long", 107],
  [`PROXY UNKNOWN ${"f".repeat(93)}\r\n`, "the line is too long", 107],
  ...[
    "PROXY \r\n",
    "PROXY UNKNOWNS\r\n",
    "PROXY unknown\r\n",
    "PROXY TCP4\r\n",
    "PROXY TCP5 192.0.2.7 198.51.100.1 1 25\r\n",
    "PROXY UDP4 192.0.2.7 198.51.100.1 1 25\r\n",
    "PROXY  TCP4 192.0.2.7 198.51.100.1 1 25\r\n",
    "PROXY TCP4  192.0.2.7 198.51.100.1 1 25\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 1 25 \r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 1 25 9\r\n",
    "PROXY TCP4 192.0.2.07 198.51.100.1 1 25\r\n",
    "PROXY TCP4 192.0.2 198.51.100.1 1 25\r\n",
    "PROXY TCP4 192.0.2.256 198.51.100.1 1 25\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 01 25\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 -1 25\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 1 65536\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 1 0x19\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 1 \0\r\n",
    "PROXY TCP4 ::1 ::1 1 25\r\n",
    "PROXY TCP4 192.0.2.7 ::1 1 25\r\n",
    "PROXY TCP6 192.0.2.7 198.51.100.1 1 25\r\n",
    "PROXY TCP6 ::ffff:192.0.2.7 ::1 1 25\r\n",
    "PROXY TCP6 fe80::1%eth0 ::1 1 25\r\n",
    "PROXY TCP6 [::1] [::1] 1 25\r\n",
    "PROXY TCP6 ::1::2 ::1 1 25\r\n",
    "PROXY TCP6 1:2:3:4:5:6:7 ::1 1 25\r\n",
    "PROXY TCP6 12345::1 ::1 1 25\r\n",
  ].map((line): [string, string, number] => [line, "the line is malformed", line.length]),
  [binary(0x11, 0x11, IPV4_BLOCK), "the version is not 2", 13],
  [binary(0x31, 0x11, IPV4_BLOCK), "the version is not 2", 13],
  [binary(0x22, 0x11, IPV4_BLOCK), "the command is neither LOCAL nor PROXY", 13],
  [binary(0x21, 0x41, IPV4_BLOCK), "the address family is unknown", 16],
  [binary(0x21, 0xf0, []), "the address family is unknown", 16],
  [binary(0x21, 0x13, IPV4_BLOCK), "the transport protocol is unknown", 16],
  [binary(0x21, 0x11, IPV4_BLOCK.slice(1)), "the addresses are cut short", 16],
  [binary(0x21, 0x21, IPV4_BLOCK), "the addresses are cut short", 16],
  [binary(0x21, 0x31, IPV6_BLOCK), "the addresses are cut short", 16],
  [binary(0x21, 0x11, [], 16 * 1024 + 1), "the header is too long", 16],
  [binary(0x20, 0x00, [], 65535), "the header is too long", 16],
  [
    binary(0x21, 0x11, [...IPV4_BLOCK, 4]),
    "what follows the addresses is malformed",
    16 + 13,
  ],
  [
    binary(0x21, 0x11, [...IPV4_BLOCK, 4, 0, 2, 1]),
    "what follows the addresses is malformed",
    16 + 16,
  ],
];

for (const [header, problem, known] of bad) {
  const shown = typeof header === "string" ? JSON.stringify(header.slice(0, 50)) : `${header}`;
  Deno.test(`PROXY header is refused: ${shown.slice(0, 90)}`, () => {
    const bytes = typeof header === "string" ? octets(header) : header;
    for (let some = 0; some < known; some++) {
      assertEquals(readProxyHeader(bytes.subarray(0, some)), { kind: "more" }, `${some} octets`);
    }
    for (let some = known; some <= bytes.length; some++) {
      assertEquals(readProxyHeader(bytes.subarray(0, some)), { kind: "fault", problem });
    }
    assertEquals(readProxyHeader(join([bytes, octets("x")])), { kind: "fault", problem });
  });
}

Deno.test("PROXY header: whatever comes is answered, and an answer stays", () => {
  let seed = 1;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  let faults = 0;
  for (let round = 0; round < 20_000; round++) {
    const [, base] = good[random(good.length)];
    const bytes = base.slice(0, 300);
    for (let change = random(4); change > 0; change--) bytes[random(bytes.length)] = random(256);
    let last = readProxyHeader(new Uint8Array(0));
    for (const some of [random(bytes.length), bytes.length]) {
      const step = readProxyHeader(bytes.subarray(0, some));
      if (last.kind !== "more") assertEquals(step, last);
      if (step.kind === "header") assertEquals(step.length <= MAX_PROXY_HEADER, true);
      if (step.kind === "fault") faults++;
      last = step;
    }
  }
  assertEquals(faults > 1000, true, `${faults} faults`);
});
