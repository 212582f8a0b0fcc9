import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { relayingRules } from "../../lib/policy/relaying.ts";
import { readProof } from "../../lib/relay/credentials.ts";
import type { NextHop, Route } from "../../lib/relay/next_hop.ts";
import { relay } from "../../lib/relay/relay.ts";
import { nextHopKey, nextHopOf, parseRoute } from "../../lib/relay/route.ts";

Deno.test("parseRoute reads the routes there are", () => {
  const table: [string, Route][] = [
    ["mx", { kind: "mx" }],
    ["hold", { kind: "hold" }],
    ["discard", { kind: "discard" }],
    ["maildir:/var/mail/", { kind: "maildir", directory: "/var/mail" }],
    ["pipe:/bin/cat", { kind: "program", path: "/bin/cat", args: [] }],
    ['pipe: /bin/x  -f ${sender} "a b" --to=${local}@${domain} ${recipient} ', {
      kind: "program",
      path: "/bin/x",
      args: ["-f", "${sender}", '"a', 'b"', "--to=${local}@${domain}", "${recipient}"],
    }],
    ["http://127.0.0.1:8080", { kind: "web", url: "http://127.0.0.1:8080/" }],
    ["HTTPS://j%C3%BCrgen:a%3Ab@Hook.Example/x?token=t#top", {
      kind: "web",
      url: "https://hook.example/x?token=t",
      authorization: "Basic asO8cmdlbjphOmI=",
    }],
    ["smtp://relay.example", { kind: "smtp", host: "relay.example", port: 25 }],
    ["smtp://relay.example/", { kind: "smtp", host: "relay.example", port: 25 }],
    ["SMTP://Relay.Example:2525", { kind: "smtp", host: "relay.example", port: 2525 }],
    ["smtp://192.0.2.1:587", { kind: "smtp", host: "192.0.2.1", port: 587 }],
    ["smtp://[2001:DB8::1]", { kind: "smtp", host: "2001:db8::1", port: 25 }],
    ["smtp://[::1]:65535", { kind: "smtp", host: "::1", port: 65535 }],
    ["smtps://relay.example", { kind: "smtps", host: "relay.example", port: 465 }],
    ["SMTPS://[::1]:1", { kind: "smtps", host: "::1", port: 1 }],
    ["smtps://joe@relay.example?token-file=/run/a%20b", {
      kind: "smtps",
      host: "relay.example",
      port: 465,
      credentials: { user: "joe", kind: "token", source: { kind: "file", path: "/run/a b" } },
    }],
    ["smtp://joe@relay.example?password-env=SMTPD_SECRET_X", {
      kind: "smtp",
      host: "relay.example",
      port: 587,
      credentials: {
        user: "joe",
        kind: "password",
        source: { kind: "environment", variable: "SMTPD_SECRET_X" },
      },
    }],
    ["lmtp://localhost", { kind: "lmtp", host: "localhost", port: 24 }],
    ["lmtp://127.0.0.1:1", { kind: "lmtp", host: "127.0.0.1", port: 1 }],
  ];
  for (const [text, route] of table) assertEquals(parseRoute(text), route, text);
});

Deno.test("parseRoute says what is wrong with a route", () => {
  const table: [string, string][] = [
    ["", "write mx"],
    ["MX", "write mx"],
    ["relay.example", "write mx"],
    ["ftp://relay.example", "write mx"],
    ["https://", "it is not a URL"],
    ["https://joe:secret@hook.example:99999/", "it is not a URL"],
    ["https://hook.example/a b", "it is not a URL"],
    ["https://joe%3a:secret@hook.example/", "a user name has no colon"],
    ["https://joe:secret%ff@hook.example/", "is written %25"],
    ["smtp://joe@relay.example", "write the password behind the user"],
    ["smtp://joe:@relay.example", "write the password behind the user"],
    ["smtp://:secret@relay.example", "write a user before the @"],
    ["smtp://@relay.example", "write a user before the @"],
    ["smtp://joe:secret%@relay.example", "write a % in the user and password as %25"],
    ["smtp://joe:secret%ff@relay.example", "write a % in the user and password as %25"],
    ["smtp://joe:secret%0d%0a@relay.example", "no control characters"],
    ["smtp://joe:sec/secret@relay.example", "as %2F"],
    ["smtp://joe:sec#secret@relay.example", "as %2F"],
    ["smtp://joe:sec secret@relay.example", "as %2F"],
    ["smtp://joe:sec?secret@relay.example", "nothing may stand behind"],
    ["smtp://joe:secret@relay.example?password-file=/x", "write the password in one place"],
    ["smtp://joe@relay.example?password-file=x", "write the whole path of the password-file"],
    ["smtp://joe@relay.example?password-file=", "none of ?password-file="],
    ["smtp://joe@relay.example?secret-file=/x", "none of ?password-file="],
    ["smtp://joe@relay.example?password-file=/x&a=b", "none of ?password-file="],
    ["smtp://joe@relay.example?password-env=HOME", "write a variable like SMTPD_SECRET_RELAY"],
    [
      "smtp://joe@relay.example?token-env=SMTPD_SECRET_a",
      "write a variable like SMTPD_SECRET_RELAY",
    ],
    ["lmtp://joe:secret@relay.example", "no authentication at an lmtp:// host"],
    ["smtps://joe:secret@relay.example/x", "nothing may stand behind"],
    ["maildir:", "write a directory behind maildir:"],
    ["pipe:", "write a program behind pipe:"],
    ["pipe:cat -", "the program needs its whole path"],
    ["pipe:/bin/${local}", "takes no placeholder"],
    ["pipe:/bin/x ${user}", "the placeholders are ${sender}, ${recipient}, ${local}, ${domain}"],
    ["pipe:/bin/x ${local", "a placeholder is not closed"],
    ["pipe:/bin/x a\nb", "no control characters"],
    ["smtp://", "a host is missing"],
    ["smtp://:25", "a host is missing"],
    ["smtp:///x", "nothing may stand behind"],
    ["smtp://relay.example/path", "nothing may stand behind"],
    ["smtp://relay.example?x=y", "nothing may stand behind"],
    ["smtp://relay.example#x", "nothing may stand behind"],
    ["smtp://relay.example:0", "the port must be a number from 1 to 65535"],
    ["smtp://relay.example:65536", "the port must be"],
    ["smtp://relay.example:", "the port must be"],
    ["smtp://relay.example:+5", "the port must be"],
    ["smtp://2001:db8::1", "an IPv6 address stands in brackets"],
    ["smtp://[2001:db8::1", "an IPv6 address stands in brackets"],
    ["smtp://[2001:db8::1]25", "an IPv6 address stands in brackets"],
    ["smtp://[x]", "no IPv6 address"],
    ["smtp://127.1", "neither a host name nor an address"],
    ["smtp://relay example", "neither a host name nor an address"],
  ];
  for (const [text, part] of table) {
    const error = assertThrows(() => parseRoute(text), SyntaxError, part, text);
    assertEquals(error.message.startsWith("Cannot "), true);
    assertEquals(error.message.includes("secret"), false);
  }
});

Deno.test("nextHopOf gives local mail to us and the rest to the route", () => {
  const rules = relayingRules(["example.org"]);
  const mx: Route = { kind: "mx" };
  const smtp: Route = { kind: "smtp", host: "relay.example", port: 25 };
  const table: [Route, string, NextHop][] = [
    [mx, "example.org", { kind: "local" }],
    [smtp, "EXAMPLE.org", { kind: "local" }],
    [{ kind: "discard" }, "example.org", { kind: "local" }],
    [{ kind: "discard" }, "other.test", { kind: "discard" }],
    [smtp, "other.test", smtp],
    [smtp, "[192.0.2.1]", smtp],
    [mx, "Other.TEST", { kind: "mx", domain: "other.test" }],
    [mx, "münchen.example", { kind: "mx", domain: "xn--mnchen-3ya.example" }],
    [mx, "[192.0.2.1]", { kind: "mx", domain: "[192.0.2.1]" }],
    [mx, "[ipv6:2001:DB8:0::1]", { kind: "mx", domain: "[IPv6:2001:db8::1]" }],
    [mx, "127.1", { kind: "mx", domain: "127.1" }],
    [mx, "", { kind: "mx", domain: "" }],
  ];
  for (const [route, domain, hop] of table) {
    assertEquals(nextHopOf(route, rules, { localPart: "joe@x%y", domain }), hop, domain);
  }
});

Deno.test("nextHopKey tells hops apart", () => {
  const hops: NextHop[] = [
    { kind: "local" },
    { kind: "discard" },
    { kind: "maildir", directory: "/a" },
    { kind: "maildir", directory: "/b" },
    { kind: "program", path: "/a", args: [] },
    { kind: "program", path: "/a", args: ["b"] },
    { kind: "mx", domain: "other.test" },
    { kind: "mx", domain: "[192.0.2.1]" },
    { kind: "smtp", host: "other.test", port: 25 },
    { kind: "smtp", host: "other.test", port: 26 },
    { kind: "lmtp", host: "other.test", port: 25 },
    { kind: "smtp", host: "::1", port: 25 },
  ];
  const keys = hops.map(nextHopKey);
  assertEquals(new Set(keys).size, hops.length);
  assertEquals(keys.at(-1), "smtp://[::1]:25");
});

Deno.test("nextHopKey of a web hook shows its host and none of its secrets", () => {
  const routes = ["https://h.test/", "https://h.test/?k=secret", "https://h.test/secret"];
  routes.push("https://secret@h.test/", "https://a:secret@h.test/", "https://a:secret2@h.test/");
  const keys = routes.map((route) => nextHopKey(parseRoute(route) as NextHop));
  assertEquals(new Set(keys).size, routes.length);
  for (const key of keys) assertMatch(key, /^https:\/\/h\.test:443\/\.\.\.#[0-9a-f]{8}$/);
  const local = nextHopKey(parseRoute("http://[::1]/x") as NextHop);
  assertMatch(local, /^http:\/\/\[::1\]:80\/\.\.\.#/);
});

Deno.test("parseRoute decodes the user and the password, and nothing shows the password", () => {
  const table: [route: string, user: string, password: string, key: string][] = [
    ["smtp://joe:hu5h@relay.example:25", "joe", "hu5h", "smtp://joe@relay.example:25"],
    ["smtp://joe:hu5h@relay.example", "joe", "hu5h", "smtp://joe@relay.example:587"],
    [
      "smtps://a%40b.test:p%3A%2F%25%40:x@[::1]",
      "a@b.test",
      "p:/%@:x",
      "smtps://a%40b.test@[::1]:465",
    ],
    // The last @ is the one before the host, so the user and password may hold others.
    ["smtp://j%C3%B6rg:p@ss@relay.example", "jörg", "p@ss", "smtp://j%C3%B6rg@relay.example:587"],
  ];
  for (const [text, user, password, key] of table) {
    assertEquals(nextHopKey(parseRoute(text) as NextHop), key);
    const route = parseRoute(text);
    if (route.kind !== "smtp" && route.kind !== "smtps") throw new TypeError("Cannot be");
    const proof = readProof(route.credentials!);
    assertEquals(proof, { kind: "password", user, password });
    for (const shown of [JSON.stringify(route), Deno.inspect(route, { depth: 9 })]) {
      assertEquals(shown.includes(password), false, shown);
    }
  }
});

Deno.test("next hops with other users are others", () => {
  const routes = ["smtp://h.test:25", "smtp://a:x@h.test:25", "smtp://b:x@h.test:25"];
  routes.push("smtps://h.test:25", "smtps://a:x@h.test:25", "lmtp://h.test:25");
  const keys = routes.map((route) => nextHopKey(parseRoute(route) as NextHop));
  assertEquals(new Set(keys).size, routes.length);
});

Deno.test("relay refuses a route that only the server can take", () => {
  async function* content() {}
  const message = { reversePath: null, forwardPaths: [], smtpUtf8: false, content: content() };
  for (const route of ["hold", "maildir:/var/mail", "pipe:/bin/cat", "https://hook.example/"]) {
    assertThrows(() => relay(message, { route }), SyntaxError, "the relay has neither");
  }
});
