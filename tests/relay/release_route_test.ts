import { assertEquals, assertThrows } from "@std/assert";
import { checkChosenRoute, parseReleaseRoute } from "../../lib/relay/release_route.ts";

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

Deno.test("policy chooses a route of a release or none, but nothing that runs, writes or logs in", () => {
  for (const text of ["mx", "discard", "hold", "smtp://mx.test", "lmtp://[::1]:24"]) {
    checkChosenRoute(text);
  }
  const refused = [
    "pipe:/bin/cat",
    "maildir:/srv",
    "https://hook.test/",
    "smtp://joe:x@mx.test",
    "",
  ];
  for (const text of refused) assertThrows(() => checkChosenRoute(text), SyntaxError, "Cannot use");
});
