import { assertEquals } from "@std/assert";
import { isLoopback } from "../../lib/policy/network.ts";
import { hostCheck } from "../../lib/web/host_field.ts";

const table:
  readonly (readonly [address: string, names: string[], hosts: string[], no: string[]])[] = [
    [
      "127.0.0.1",
      [],
      [
        "localhost:8025",
        "LOCALHOST:8025",
        "127.0.0.1:8025",
        "[::1]:8025",
        "[0:0:0:0:0:0:0:1]:8025",
      ],
      [
        "localhost",
        "localhost:8026",
        "localhost.:8025",
        "evil.test:8025",
        "localhost.evil.test:8025",
        "127.0.0.1.evil.test:8025",
        "192.0.2.1:8025",
        "evil@localhost:8025",
        "localhost:8025@evil.test",
        "localhost:8025 ",
        "localhost:08025x",
        "[::1%lo]:8025",
        "[127.0.0.1]:8o25",
        "2130706433:8025",
        "127.1:8025",
        "",
        ":8025",
      ],
    ],
    ["127.0.0.9", [], ["127.0.0.9:8025", "localhost:8025"], ["127.0.0.8:8025"]],
    [
      "127.0.0.1",
      ["Inbox.example.org"],
      ["inbox.example.org", "inbox.example.org:443", "localhost:8025"],
      ["example.org", "xinbox.example.org", "evil.test"],
    ],
    [
      "0.0.0.0",
      ["inbox.example.org"],
      ["192.0.2.1:8025", "192.0.2.1:9999", "[2001:db8::1]", "localhost:9999", "inbox.example.org"],
      ["evil.test:8025", "192.0.2.1.evil.test:8025", "127.1:8025", ""],
    ],
  ];

Deno.test("a request may call us by names of ours, and by no others", async (t) => {
  for (const [address, names, hosts, others] of table) {
    const isOurs = hostCheck(address, names);
    for (const host of hosts) {
      await t.step(`${address} is ${host}`, () => assertEquals(isOurs(host, 8025), true));
    }
    for (const host of others) {
      await t.step(`${address} is not ${host}`, () => assertEquals(isOurs(host, 8025), false));
    }
  }
});

Deno.test("port 80 need not be named", () => {
  assertEquals(hostCheck("127.0.0.1", [])("localhost", 80), true);
});

Deno.test("only addresses of this host are loopback", () => {
  for (const address of ["127.0.0.1", "127.9.9.9", "::1"]) {
    assertEquals(isLoopback(address), true, address);
  }
  for (const address of ["0.0.0.0", "::", "192.168.0.1", "64:ff9b::7f00:1", "localhost", ""]) {
    assertEquals(isLoopback(address), false, address);
  }
});
