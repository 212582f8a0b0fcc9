import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  cidrContains,
  clientNetwork,
  formatAddressLiteral,
  formatCidr,
  formatIp,
  isLoopback,
  normalizeAddress,
  parseAddressLiteral,
  parseCidr,
  parseIp,
} from "../../lib/policy/network.ts";
import { addressScope } from "../../lib/policy/address_scope.ts";

Deno.test("parseIp reads addresses and formatIp writes each in one way", () => {
  const table: [string, string][] = [
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["192.0.2.1", "192.0.2.1"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::FFFF:c000:201", "192.0.2.1"],
    ["0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1"],
    ["::192.0.2.1", "::c000:201"],
    ["64:ff9b::10.0.0.1", "64:ff9b::a00:1"],
  ];
  for (const [text, written] of table) {
    const ip = parseIp(text);
    assertEquals(ip && formatIp(ip), written, text);
  }
});

Deno.test("parseIp refuses what only looks like an address", () => {
  const table = [
    ..."| |1|127.1|1.2.3|1.2.3.4.5|256.0.0.1|01.2.3.4|0x7f.0.0.1|1.2.3.4 | 1.2.3.4|1.2.3.4\n".split(
      "|",
    ),
    ..."+1.2.3.4|1..2.3|2130706433|1.2.3.-4|:|:::|1:2|1:2:3:4:5:6:7:8:9|1::2::3|12345::|g::".split(
      "|",
    ),
    ..."fe80::1%eth0|[::1]|::1/128|1:2:3:4:5:6:7:8::|::1:2:3:4:5:6:7:8|1.2.3.4::|::1.2.3|::1.2.3.4:5"
      .split("|"),
    "1:".repeat(1_000_000),
    "1".repeat(1_000_000),
    "١.٢.٣.٤",
  ];
  for (const text of table) assertEquals(parseIp(text), undefined, text.slice(0, 60));
});

Deno.test("normalizeAddress writes an IPv4-mapped address as IPv4 and leaves other text alone", () => {
  assertEquals(normalizeAddress("::ffff:127.0.0.1"), "127.0.0.1");
  assertEquals(normalizeAddress("2001:DB8::0:1"), "2001:db8::1");
  assertEquals(normalizeAddress("memory"), "memory");
});

Deno.test("parseAddressLiteral reads the two forms that have a meaning", () => {
  const table: [string, string | undefined][] = [
    ["[192.0.2.1]", "[192.0.2.1]"],
    ["[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"],
    ["[ipv6:2001:DB8::1]", "[IPv6:2001:db8::1]"],
    ["[IPv6:::ffff:127.0.0.1]", "[127.0.0.1]"],
    ["[IPv6:192.0.2.1]", undefined],
    ["[2001:db8::1]", undefined],
    ["[x:y]", undefined],
    ["192.0.2.1", undefined],
    ["[192.0.2.1", undefined],
    ["[]", undefined],
    ["[", undefined],
  ];
  for (const [text, written] of table) {
    const ip = parseAddressLiteral(text);
    assertEquals(ip && formatAddressLiteral(ip), written, text);
  }
});

Deno.test("parseCidr reads networks", () => {
  const table: [string, string][] = [
    ["192.0.2.0/24", "192.0.2.0/24"],
    ["192.0.2.1", "192.0.2.1/32"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["2001:db8::/33", "2001:db8::/33"],
    ["::1", "::1/128"],
    ["::/0", "::/0"],
    ["::ffff:10.0.0.0/104", "10.0.0.0/8"],
    ["::ffff:10.0.0.1", "10.0.0.1/32"],
  ];
  for (const [text, written] of table) assertEquals(formatCidr(parseCidr(text)), written, text);
});

Deno.test("parseCidr says what is wrong and how to mend it", () => {
  const table: [string, string][] = [
    ["", "write it like 192.0.2.0/24"],
    ["example.org/24", "write it like 192.0.2.0/24"],
    ["192.0.2.0/", "a number from 0 to 32"],
    ["192.0.2.0/33", "a number from 0 to 32"],
    ["192.0.2.0/-1", "a number from 0 to 32"],
    ["192.0.2.0/024", "a number from 0 to 32"],
    ["192.0.2.0/24/24", "a number from 0 to 32"],
    ["192.0.2.0/255.255.255.0", "a number from 0 to 32"],
    ["::/129", "a number from 0 to 128"],
    ["::ffff:10.0.0.0/8", "a number from 96 to 128"],
    ["192.0.2.1/24", "write 192.0.2.0/24, or 192.0.2.1/32 for this address alone"],
    ["2001:db8::1/32", "write 2001:db8::/32"],
    ["10.0.0.1/0", "write 0.0.0.0/0"],
  ];
  for (const [text, part] of table) {
    const error = assertThrows(() => parseCidr(text), SyntaxError, part, text);
    assertEquals(error.message.startsWith("Cannot "), true, error.message);
  }
});

Deno.test("cidrContains compares the leading bits of one family", () => {
  const table: [string, string, boolean][] = [
    ["127.0.0.0/8", "127.255.255.255", true],
    ["127.0.0.0/8", "128.0.0.0", false],
    ["127.0.0.0/8", "::ffff:127.0.0.1", true],
    ["192.0.2.128/25", "192.0.2.127", false],
    ["192.0.2.128/25", "192.0.2.128", true],
    ["192.0.2.1/32", "192.0.2.1", true],
    ["192.0.2.1/32", "192.0.2.0", false],
    ["0.0.0.0/0", "203.0.113.9", true],
    ["0.0.0.0/0", "2001:db8::1", false],
    ["::/0", "203.0.113.9", false],
    ["::/0", "::ffff:203.0.113.9", false],
    ["2001:db8::/33", "2001:db8:7fff::1", true],
    ["2001:db8::/33", "2001:db8:8000::1", false],
  ];
  for (const [network, address, inside] of table) {
    assertEquals(cidrContains(parseCidr(network), parseIp(address)!), inside, address);
  }
});

Deno.test("addressScope knows every way back inside", () => {
  const table: [string, string][] = [
    ["127.0.0.1", "loopback"],
    ["127.255.255.254", "loopback"],
    ["0.0.0.0", "loopback"],
    ["0.1.2.3", "loopback"],
    ["10.1.2.3", "private"],
    ["172.16.0.1", "private"],
    ["172.31.255.255", "private"],
    ["172.32.0.1", "global"],
    ["192.168.1.1", "private"],
    ["192.167.1.1", "global"],
    ["169.254.169.254", "link-local"],
    ["100.64.0.1", "shared"],
    ["100.128.0.1", "global"],
    ["198.18.0.1", "private"],
    ["224.0.0.1", "multicast"],
    ["255.255.255.255", "reserved"],
    ["240.0.0.1", "reserved"],
    ["192.0.0.8", "reserved"],
    ["192.88.99.1", "reserved"],
    ["8.8.8.8", "global"],
    ["192.0.2.1", "global"],
    ["::", "loopback"],
    ["::1", "loopback"],
    ["::ffff:127.0.0.1", "loopback"],
    ["::ffff:0:127.0.0.1", "loopback"],
    ["::127.0.0.1", "loopback"],
    ["64:ff9b::127.0.0.1", "loopback"],
    ["64:ff9b::10.0.0.1", "private"],
    ["64:ff9b::8.8.8.8", "global"],
    ["64:ff9b:1::8.8.8.8", "private"],
    ["2002:7f00:1::1", "loopback"],
    ["2002:c0a8:101::1", "private"],
    ["2002:808:808::1", "global"],
    ["2001:0:4136:e378:8000:63bf:3fff:fdd2", "reserved"],
    ["fc00::1", "private"],
    ["fdff::1", "private"],
    ["fe80::1", "link-local"],
    ["fec0::1", "private"],
    ["ff02::1", "multicast"],
    ["100::1", "reserved"],
    ["2001:db8::1", "global"],
    ["2606:4700::1", "global"],
  ];
  for (const [address, scope] of table) {
    assertEquals(addressScope(parseIp(address)!), scope, address);
  }
});

Deno.test("the network of a client is its /24, or its /56", () => {
  const networks: [address: string, network: string][] = [
    ["192.0.2.200", "192.0.2.0/24"],
    ["::ffff:192.0.2.200", "192.0.2.0/24"],
    ["2001:db8:1:2ff:3:4:5:6", "2001:db8:1:200::/56"],
    ["::1", "::/56"],
  ];
  for (const [address, network] of networks) {
    assertEquals(formatCidr(clientNetwork(parseIp(address)!)), network);
  }
});

Deno.test("an address is on loopback only where nobody else can reach it", () => {
  for (const address of ["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"]) {
    assert(isLoopback(address), address);
  }
  for (const address of ["0.0.0.0", "::", "192.0.2.1", "128.0.0.1", "::2", "localhost", ""]) {
    assert(!isLoopback(address), address);
  }
});
