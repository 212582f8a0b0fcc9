import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { BackgroundProcess, findPeer, freePort, peerTest } from "./peers.ts";

Deno.test("a program is found in PATH, a missing one is not", () => {
  assertMatch(findPeer("sh") ?? "", /\/sh$/);
  assertEquals(findPeer("no-such-program"), undefined);
  assertEquals(findPeer("npm:no-such-package"), undefined);
  assertEquals(findPeer("python:no_such_module"), undefined);
  assertEquals(findPeer("perl:No::Such::Module"), undefined);
});

peerTest({
  name: "a test is given the peers it needs",
  needs: ["swaks", "postfix", "npm:nodemailer", "python:aiosmtpd", "perl:Net::SMTP::Server"],
  fn(peers) {
    assertMatch(peers.swaks, /\/swaks$/);
    assertMatch(peers.postfix, /sbin\/postfix$/);
    assertMatch(peers["npm:nodemailer"], /\/node_modules$/);
    assertMatch(peers["python:aiosmtpd"], /\/python3$/);
    assertMatch(peers["perl:Net::SMTP::Server"], /\/perl$/);
  },
});

Deno.test("a program in the background is waited for and stopped", async () => {
  let pid: number;
  {
    await using process = new BackgroundProcess("sh", ["-c", "echo ready 42 >&2; exec sleep 60"]);
    assertEquals((await process.line(/^ready (\d+)$/))[1], "42");
    pid = process.pid;
    Deno.kill(pid, "SIGCONT");
  }
  let alive = true;
  try {
    Deno.kill(pid, "SIGCONT");
  } catch {
    alive = false;
  }
  assert(!alive, "the program still runs");
});

Deno.test("a program that ignores SIGTERM is killed, and what it left behind is not waited for", async () => {
  const process = new BackgroundProcess("sh", [
    "-c",
    "trap '' TERM; sleep 2 & echo on; while :; do sleep 1; done",
  ]);
  await process.line(/on/);
  assertEquals((await process.stop("SIGTERM", 100)).signal, "SIGKILL");
});

Deno.test("a program that ends or stays silent is reported with what it printed", async () => {
  await using ended = new BackgroundProcess("sh", ["-c", "echo no such option; exit 3"]);
  await assertRejects(() => ended.line(/ready/), Error, "it ended with code 3\nno such option");
  await using silent = new BackgroundProcess("sleep", ["60"]);
  await assertRejects(() => silent.line(/ready/, 50), Error, "Cannot see sleep 60 print /ready/");
  await assertRejects(() => silent.listening(freePort(), "127.0.0.1", 50), Error, "50 ms");
});
