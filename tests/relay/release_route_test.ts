import { assertEquals, assertThrows } from "@std/assert";
import { parseReleaseRoute } from "../../lib/relay/release_route.ts";

Deno.test("a message is released over the network, and without a word of ours", () => {
  for (
    const text of ["mx", "discard", "smtp://mx.test:2525", "smtps://mx.test", "lmtp://[::1]:24"]
  ) {
    assertEquals(parseReleaseRoute(text).kind, text.split(":")[0]);
  }
  const table: [route: string, why: string][] = [
    ["hold", "is released by mx"],
    ["maildir:/srv/mail", "is released by mx"],
    ["pipe:/bin/cat", "is released by mx"],
    ["https://hook.test/", "is released by mx"],
    ["smtp://joe:secret@mx.test", "without a user"],
    ["smtp://joe@mx.test?password-file=/etc/shadow", "without a user"],
    ["somewhere", "write mx"],
  ];
  for (const [route, why] of table) {
    assertThrows(() => parseReleaseRoute(route), SyntaxError, why, route);
  }
});
