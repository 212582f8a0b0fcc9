/** Who may come to the inbox of a server that runs, and how it ends with them. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { PASSWORD, WRONG_PASSWORD } from "./canaries.ts";
import { Dialog } from "./dialog.ts";
import { program, runProgram, startSmtpd, temporaryDirectory } from "./smtpd.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";

/** Starts a server with an inbox at this place. */
async function startInbox(place: string, ...flags: string[]) {
  const smtpd = await startSmtpd("--route", "hold", "--ui", place, ...flags);
  const { port } = await smtpd.event("listening", { service: "http" });
  return { smtpd, port: Number(port) };
}

/** Sends a request as it stands, but for its end; answers status and whole answer. */
async function ask(port: number, ...lines: string[]): Promise<{ status: number; text: string }> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const writer = connection.writable.getWriter();
  const request = [...lines, "Connection: close", "", ""].join("\r\n");
  // What is refused by its beginning may be answered before all of it was taken.
  writer.write(new TextEncoder().encode(request)).catch(() => {});
  const text = await new Response(connection.readable).text();
  return { status: Number(/^HTTP\/1\.1 (\d+) /.exec(text)?.[1]), text };
}

function basic(name: string, password: string): string {
  return `Authorization: Basic ${btoa(`${name}:${password}`)}`;
}

/** Writes a file of accounts by the command for it, and one with the token and a config file. */
async function accessFiles(directory: string) {
  const users = `${directory}/users`;
  const [file, ...args] = program;
  const added = await runProgram(file, [...args, "users", "add", "ann", "--users", users], {
    input: new TextEncoder().encode(`${PASSWORD}\n`),
  });
  assertEquals(added.code, 0, added.text);
  const config = `${directory}/config.json`;
  Deno.writeTextFileSync(`${directory}/token`, `${TOKEN}\n`);
  Deno.writeTextFileSync(config, JSON.stringify({ uiTokenFile: `${directory}/token` }));
  return { users, config };
}

Deno.test("an inbox that others can reach lets in accounts, who knows the token, and nobody else", async () => {
  using directory = temporaryDirectory();
  const { users, config } = await accessFiles(directory.path);
  const withUsers = ["--users", users, "--auth-without-tls"];
  const withToken = ["--config", config];
  const bearer = `Authorization: Bearer ${TOKEN}`;
  const servers: [flags: string[], knocks: [field: string, status: number][]][] = [
    [withUsers, [
      [basic("ann", PASSWORD), 200],
      [basic("ann", WRONG_PASSWORD), 401],
      [basic("bob", PASSWORD), 401],
      [bearer, 401],
    ]],
    [withToken, [
      [bearer, 200],
      [basic("anybody", TOKEN), 200],
      [`${bearer}0`, 401],
      [basic("ann", PASSWORD), 401],
    ]],
    [[...withUsers, ...withToken], [[bearer, 200], [basic("ann", PASSWORD), 200]]],
  ];
  for (const [flags, knocks] of servers) {
    const { smtpd, port } = await startInbox("0.0.0.0:0", ...flags);
    await using _ = smtpd;
    const host = `Host: 127.0.0.1:${port}`;
    for (const path of ["/", "/api/counts", "/api/events", "/api/openapi.json", "/nothing"]) {
      const { status, text } = await ask(port, `GET ${path} HTTP/1.1`, host);
      assertEquals(status, 401, path);
      assertMatch(text, /^www-authenticate: Basic realm="smtpd", charset="UTF-8"\r$/im);
    }
    for (const [field, status] of knocks) {
      const answer = await ask(port, "GET /api/counts HTTP/1.1", host, field);
      assertEquals(answer.status, status, field);
      assertEquals((await ask(port, "GET / HTTP/1.1", host, field)).status, status, field);
    }
  }
});

Deno.test("an inbox on loopback is open to this host, unless there is a token", async () => {
  using directory = temporaryDirectory();
  const { users, config } = await accessFiles(directory.path);
  const servers: [flags: string[], status: number][] = [
    [[], 200],
    [["--users", users, "--auth-without-tls"], 200],
    [["--config", config], 401],
  ];
  for (const [flags, status] of servers) {
    const { smtpd, port } = await startInbox("0", ...flags);
    await using _ = smtpd;
    const host = `Host: localhost:${port}`;
    assertEquals(
      (await ask(port, "GET /api/counts HTTP/1.1", host)).status,
      status,
      flags.join(" "),
    );
    const bearer = `Authorization: Bearer ${TOKEN}`;
    assertEquals((await ask(port, "GET /api/counts HTTP/1.1", host, bearer)).status, 200);
  }
});

Deno.test("an inbox refuses what browsers and others can be made to ask", async () => {
  const { smtpd, port } = await startInbox("0");
  await using _ = smtpd;
  const host = `Host: localhost:${port}`;
  const post = "POST /api/seen HTTP/1.1";
  const table: [lines: string[], status: number][] = [
    [["GET /api/counts HTTP/1.1", host], 200],
    // Of another name, as after DNS rebinding.
    [["GET /api/counts HTTP/1.1", "Host: evil.test"], 421],
    [["GET /api/counts HTTP/1.1", `Host: evil.test:${port}`], 421],
    [["GET / HTTP/1.1", `Host: localhost:${port + 1}`], 421],
    [["GET http://evil.test/api/counts HTTP/1.1", host], 421],
    // From a page of somebody else.
    [["DELETE /api/messages HTTP/1.1", host, "Origin: http://evil.test"], 403],
    [["DELETE /api/messages HTTP/1.1", host, "Origin: null"], 403],
    [["DELETE /api/messages HTTP/1.1", host, "Sec-Fetch-Site: cross-site"], 403],
    [[post, host, "Content-Length: 0", "Origin: http://evil.test"], 403],
    [[post, host, "Content-Length: 0", `Origin: http://127.0.0.1:${port}`], 403],
    // To a file that is none of the page's.
    [["GET /../../etc/passwd HTTP/1.1", host], 404],
    [["GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1", host], 404],
    [["GET /..%2f..%2fetc%2fpasswd HTTP/1.1", host], 404],
    [["GET //etc/passwd HTTP/1.1", host], 404],
    [["GET /page/../main.ts HTTP/1.1", host], 404],
    [["GET /api/messages/../counts HTTP/1.1", host], 404],
    [["GET /app.js%00.html HTTP/1.1", host], 404],
    [["GET etc/passwd HTTP/1.1", host], 400],
    // Larger than anybody needs.
    [[`GET /api/messages?subject=${"x".repeat(9_000)} HTTP/1.1`, host], 414],
    [[`GET /${"x".repeat(9_000)} HTTP/1.1`, host], 414],
  ];
  for (const [lines, status] of table) {
    const answer = await ask(port, ...lines);
    assertEquals(answer.status, status, lines.join(" | ").slice(0, 120));
    assert(!answer.text.includes("root:"), answer.text);
  }
  assertEquals((await ask(port, "GET / HTTP/1.1", host)).status, 200);
});

Deno.test("SIGTERM ends a server with an event stream and a wait open, whatever time it has", async () => {
  using directory = temporaryDirectory();
  const config = `${directory.path}/config.json`;
  // Who looks on must not take the time that a mail transaction has to end: nobody here waits so long.
  Deno.writeTextFileSync(config, JSON.stringify({ drainTimeout: "1h" }));
  const { smtpd, port } = await startInbox("0", "--config", config);
  await using _ = smtpd;
  const url = `http://localhost:${port}/api`;
  const events = await fetch(`${url}/events`);
  const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader();
  assertMatch((await reader.read()).value!, /^retry: /);
  const waiting = fetch(`${url}/wait?to=joe@example.net&timeout=60s`);
  // An arrival is told to the one, and does not fit the other.
  using dialog = await Dialog.open(smtpd.port);
  const mail = new TextEncoder().encode("Subject: Hello\r\n\r\nHello\r\n");
  const replies = await dialog.sendMail("shop@example.org", ["ann@example.net"], mail);
  assertEquals(replies.at(-1)!.code, 250);
  assertMatch((await reader.read()).value!, /^event: arrived/);
  const stopped = smtpd.stop();
  const answer = await waiting;
  assertEquals(answer.status, 503);
  await answer.body?.cancel();
  while (!(await reader.read()).done);
  await stopped;
});
