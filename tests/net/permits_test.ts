import { assertEquals } from "@std/assert";
import { Permits } from "../../lib/net/permits.ts";

Deno.test("permits are limited in all and for each address, and come back", () => {
  const permits = new Permits({
    maxConnections: 3,
    maxConnectionsPerIp: 2,
    maxConnectionsPerNetwork: 9,
  });
  assertEquals(permits.take("192.0.2.1"), "taken");
  assertEquals(permits.take("192.0.2.1"), "taken");
  assertEquals(permits.take("192.0.2.1"), "too many from this address");
  assertEquals(permits.take("192.0.2.2"), "taken");
  assertEquals(permits.take("192.0.2.3"), "too many");
  permits.give("192.0.2.1");
  assertEquals(permits.take("192.0.2.3"), "taken");
  assertEquals(permits.take("192.0.2.1"), "too many");
  permits.give("192.0.2.2");
  assertEquals(permits.take("192.0.2.1"), "taken");
});

Deno.test("permits are limited for each network, where one is given", () => {
  const permits = new Permits({
    maxConnections: 100,
    maxConnectionsPerIp: 3,
    maxConnectionsPerNetwork: 2,
  });
  const [one, two] = ["192.0.2.0/24", "198.51.100.0/24"];
  assertEquals(permits.take("192.0.2.1", one), "taken");
  assertEquals(permits.take("192.0.2.2", one), "taken");
  assertEquals(permits.take("192.0.2.3", one), "too many from this network");
  assertEquals(permits.take("192.0.2.3"), "taken");
  assertEquals(permits.take("198.51.100.1", two), "taken");
  permits.give("192.0.2.3");
  assertEquals(permits.take("192.0.2.3", one), "too many from this network");
  permits.give("192.0.2.1", one);
  assertEquals(permits.take("192.0.2.3", one), "taken");
});
