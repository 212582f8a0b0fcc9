import { assertEquals } from "@std/assert";
import { Permits } from "../../lib/net/permits.ts";

Deno.test("permits are limited in all and for each address, and come back", () => {
  const permits = new Permits(3, 2);
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
