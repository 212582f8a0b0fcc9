/** What a server says of itself to those who watch it, after mail of every kind, and what Prometheus makes of it. */
import { assert, assertEquals } from "@std/assert";
import { counted, samplesOf } from "../metrics/samples.ts";
import { BackgroundProcess, freePort, peerTest } from "../peers.ts";
import { PASSWORD, WRONG_PASSWORD } from "./canaries.ts";
import { Dialog } from "./dialog.ts";
import {
  eventually,
  program,
  runProgram,
  type Smtpd,
  sourceTest,
  startSmtpd,
  temporaryDirectory,
} from "./smtpd.ts";
import { addAccount, LOCAL, SERVICES, startTlsServer } from "./tls_server.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";
const CONTENT = new TextEncoder().encode("Subject: Hello\r\n\r\nHow are you?\r\n");

interface Watched extends AsyncDisposable {
  readonly smtpd: Smtpd;
  /** Where the inbox listens, `127.0.0.1:PORT`. */
  readonly host: string;
  /** What a path answers who has the token. */
  get(path: string): Promise<{ readonly status: number; readonly text: string }>;
}

/** Starts a server in a directory that is watched by those who have the token. */
async function startWatched(
  directory: string,
  settings: Record<string, unknown>,
  ...flags: string[]
): Promise<Watched> {
  const uiTokenFile = `${directory}/token`;
  const config = `${directory}/config.json`;
  await Deno.writeTextFile(uiTokenFile, `${TOKEN}\n`);
  await Deno.writeTextFile(config, JSON.stringify({ uiTokenFile, ...settings }));
  const smtpd = await startSmtpd("--ui", "0", "--config", config, ...flags);
  const { url } = await smtpd.event("listening", { service: "http" });
  return {
    smtpd,
    host: new URL(String(url)).host,
    async get(path) {
      const headers = { authorization: `Bearer ${TOKEN}` };
      const answer = await fetch(new URL(path, String(url)), { headers });
      return { status: answer.status, text: await answer.text() };
    },
    [Symbol.asyncDispose]: () => smtpd.stop(),
  };
}

/** Runs a command of the program. */
async function run(args: readonly string[], input?: Uint8Array): Promise<void> {
  const [file, ...first] = program;
  const { code, text } = await runProgram(file, [...first, ...args], { input });
  assertEquals(code, 0, text);
}

/** Waits until there is no session any more, so that the gauge of them is known as well. */
async function metricsAtRest({ get }: Watched): Promise<string> {
  return await eventually(async () => {
    const { text } = await get("/metrics");
    return /^smtpd_sessions 0$/m.test(text) ? text : undefined;
  });
}

/** What was counted, but for times and sizes that nobody knows before. */
function countedExactly(text: string): Record<string, number> {
  const unknown = /^process_|_bucket|_sum|_seconds$|^smtpd_(?:build_info|queue_disk|store_flush)/;
  return Object.fromEntries(Object.entries(counted(text)).filter(([name]) => !unknown.test(name)));
}

Deno.test("after mail of every kind the metrics say what was done, no more and no less", async () => {
  using directory = temporaryDirectory();
  const queue = `${directory.path}/queue`;
  const users = `${directory.path}/users`;
  await addAccount(users, "ann");
  await using hop = await startSmtpd(
    "--local-domain",
    "other.test",
    "--relay-from",
    "192.0.2.1/32",
  );
  const routes = [
    "discarded.test discard",
    `refused.test smtp://127.0.0.1:${hop.port}`,
    `down.test smtp://127.0.0.1:${freePort()}`,
    "held.test hold",
  ];
  await using watched = await startWatched(
    directory.path,
    { routes },
    ...["--queue", queue, "--users", users, "--auth-without-tls"],
    ...["--local-domain", "here.test", "--relay-from", "192.0.2.1/32"],
  );
  const { smtpd } = watched;
  {
    using dialog = await Dialog.open(smtpd.port);
    const login = (password: string) => dialog.say(`AUTH PLAIN ${btoa(`\0ann\0${password}`)}`);
    const send = async (content: Uint8Array, ...to: string[]) =>
      (await dialog.sendMail("ann@here.test", to, content)).map(({ code }) => code);
    assertEquals((await dialog.say("XYZZY")).code, 500);
    assertEquals(await send(CONTENT, "x@discarded.test"), [250, 550]);
    assertEquals((await dialog.say("RSET")).code, 250);
    assertEquals((await login(WRONG_PASSWORD)).code, 535);
    assertEquals((await login(PASSWORD)).code, 235);
    assertEquals(await send(CONTENT, "a@here.test", "b@here.test"), [250, 250, 250, 354, 250]);
    const bare = new TextEncoder().encode("Subject: x\r\n\r\nbare\nline\r\n");
    assertEquals(await send(bare, "a@here.test"), [250, 250, 354, 550]);
    for (const domain of ["discarded", "refused", "down", "held"]) {
      assertEquals(await send(CONTENT, `x@${domain}.test`), [250, 250, 354, 250]);
    }
    assertEquals((await dialog.say("QUIT")).code, 221);
  }
  const sendmail = ["sendmail", "--queue", queue, "-f", "ann@here.test"];
  await run([...sendmail, "x@discarded.test"], CONTENT);
  await smtpd.event("deferred", { to: "x@down.test" });
  await run(["queue", "bounce", "--queue", queue, "--to", "x@down.test"]);
  // Two notices, and the two recipients of the first message.
  await eventually(() => smtpd.events("delivered").length === 6 ? true : undefined);
  const text = await metricsAtRest(watched);
  // What is held has a Received field of ours before what was sent.
  const stored = samplesOf(text).get("smtpd_queue_bytes")!;
  assert(stored > CONTENT.length);
  const sizes = smtpd.events("accepted").map(({ size }) => Number(size));
  assertEquals(countedExactly(text), {
    smtpd_sessions_total: 1,
    'smtpd_commands_refused_total{command="rcpt",class="5yz"}': 1,
    'smtpd_commands_refused_total{command="auth",class="5yz"}': 1,
    'smtpd_commands_refused_total{command="command",class="5yz"}': 1,
    'smtpd_messages_refused_total{class="5yz"}': 1,
    'smtpd_auth_total{mechanism="PLAIN",result="success"}': 1,
    'smtpd_auth_total{mechanism="PLAIN",result="failure"}': 1,
    // The host that could not be reached is left alone, which is worth a warning.
    smtpd_hops_suspended_total: 1,
    'smtpd_log_events_total{level="warn"}': 1,
    smtpd_messages_accepted_total: 6,
    smtpd_messages_accepted_bytes_total: sizes.reduce((sum, size) => sum + size),
    smtpd_messages_accepted_recipients_total: 7,
    smtpd_notices_total: 2,
    'smtpd_recipients_total{result="delivered"}': 6,
    'smtpd_recipients_total{result="deferred"}': 1,
    'smtpd_recipients_total{result="failed"}': 2,
    'smtpd_attempts_total{next_hop="maildir",result="delivered"}': 3,
    'smtpd_attempts_total{next_hop="discard",result="delivered"}': 2,
    'smtpd_attempts_total{next_hop="smarthost",result="deferred"}': 1,
    'smtpd_attempts_total{next_hop="smarthost",result="failed"}': 1,
    'smtpd_attempt_duration_seconds_count{next_hop="maildir"}': 3,
    'smtpd_attempt_duration_seconds_count{next_hop="discard"}': 2,
    'smtpd_attempt_duration_seconds_count{next_hop="smarthost"}': 2,
    smtpd_store_up: 1,
    smtpd_ready: 1,
    'smtpd_queue_recipients{state="held"}': 1,
    'smtpd_queue_recipients{state="delivered"}': 6,
    'smtpd_queue_recipients{state="failed"}': 2,
    smtpd_queue_messages: 1,
    smtpd_queue_bytes: stored,
    smtpd_inbox_messages: 8,
  });
});

sourceTest("TLS is counted at both ends, and what is no TLS as well", async () => {
  using directory = temporaryDirectory();
  await using far = await startTlsServer(directory.path, {
    config: () => Promise.resolve({ ui: "0" }),
  });
  const { url } = await far.smtpd.event("listening", { service: "http" });
  using nearby = temporaryDirectory();
  const route = `smtp://127.0.0.1:${far.smtpd.port}`;
  await using near = await startWatched(nearby.path, { route });
  {
    using dialog = await Dialog.open(near.smtpd.port);
    const replies = await dialog.sendMail("ann@client.test", [`joe@${LOCAL}`], CONTENT);
    assertEquals(replies.at(-1)?.code, 250);
  }
  await near.smtpd.event("delivered", { to: `joe@${LOCAL}` });
  {
    const port = far.portOf(SERVICES[2]);
    using dialog = await Dialog.begin(port, new TextEncoder().encode("EHLO client.test\r\n"));
    await far.smtpd.event("tls-failed");
    dialog[Symbol.dispose]();
  }
  const tls = (text: string) =>
    Object.entries(counted(text)).filter(([name]) => name.startsWith("smtpd_tls_"));
  assertEquals(tls((await near.get("/metrics")).text), [
    ['smtpd_tls_handshakes_total{direction="out",version="TLSv1.3"}', 1],
  ]);
  assertEquals(tls(await (await fetch(new URL("/metrics", String(url)))).text()), [
    ['smtpd_tls_handshakes_total{direction="in",version="TLSv1.3"}', 1],
    ['smtpd_tls_handshakes_failed_total{direction="in"}', 1],
  ]);
});

Deno.test("a server whose queue has no room works, but is not ready, and says why to anybody", async () => {
  using directory = temporaryDirectory();
  const settings = { queueMessages: 1, route: "hold" };
  await using watched = await startWatched(directory.path, settings);
  const ask = async (path: string) => {
    const answer = await fetch(`http://${watched.host}${path}`);
    return { status: answer.status, text: await answer.text() };
  };
  assertEquals(await ask("/readyz"), { status: 200, text: "ok\n" });
  using dialog = await Dialog.open(watched.smtpd.port);
  const replies = await dialog.sendMail("ann@client.test", ["joe@held.test"], CONTENT);
  assertEquals(replies.at(-1)?.code, 250);
  const message = "Cannot take mail: the queue has as many messages as it may";
  assertEquals(await ask("/readyz"), {
    status: 503,
    text: JSON.stringify({ error: { code: "unavailable", message } }),
  });
  assertEquals(await ask("/healthz"), { status: 200, text: "ok\n" });
  assertEquals((await ask("/metrics")).status, 401);
  const samples = samplesOf((await watched.get("/metrics")).text);
  const shown = ["smtpd_ready", "smtpd_store_up", "smtpd_sessions"].map((name) =>
    samples.get(name)
  );
  assertEquals(shown, [0, 1, 1]);
});

peerTest({
  name: "Prometheus scrapes a server with a token and answers with its numbers",
  needs: ["prometheus", "promtool"],
  async fn({ prometheus, promtool }) {
    using directory = temporaryDirectory();
    await using watched = await startWatched(directory.path, { route: "discard" });
    {
      using dialog = await Dialog.open(watched.smtpd.port);
      for (let i = 0; i < 3; i++) {
        await dialog.sendMail("ann@client.test", ["joe@far.test", "jim@far.test"], CONTENT);
      }
    }
    await eventually(() => watched.smtpd.events("delivered").length === 6 ? true : undefined);
    const lint = await runProgram(promtool, ["check", "metrics"], {
      input: new TextEncoder().encode((await watched.get("/metrics")).text),
    });
    assertEquals(lint, { code: 0, text: "" });

    const port = freePort();
    const config = `${directory.path}/prometheus.json`;
    // JSON is YAML.
    await Deno.writeTextFile(
      config,
      JSON.stringify({
        global: { scrape_interval: "200ms", scrape_timeout: "200ms" },
        scrape_configs: [{
          job_name: "smtpd",
          authorization: { credentials_file: `${directory.path}/token` },
          static_configs: [{ targets: [watched.host] }],
        }],
      }),
    );
    await using server = new BackgroundProcess(prometheus, [
      `--config.file=${config}`,
      `--storage.tsdb.path=${directory.path}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
    await server.line(/Server is ready to receive web requests/, 60_000);
    const api = async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`);
      return (await answer.json()).data;
    };
    const query = async (expression: string) => {
      const { result } = await api(`query?query=${encodeURIComponent(expression)}`);
      return result[0]?.value[1];
    };
    const count = (expression: string) => eventually(() => query(expression), () => server.output);
    assertEquals(await count('smtpd_recipients_total{result="delivered"}'), "6");
    assertEquals(await count("smtpd_messages_accepted_total"), "3");
    assertEquals(await count('smtpd_attempts_total{next_hop="discard",result="delivered"}'), "3");
    assertEquals(await count("smtpd_attempt_duration_seconds_count > 0"), "3");
    const [target] = (await api("targets")).activeTargets;
    assertEquals([target.health, target.lastError], ["up", ""]);
    // It prefers OpenMetrics, where the name of a counter has no suffix.
    const metadata = await api("metadata");
    assertEquals(metadata.smtpd_notices[0].type, "counter");
    assert(!("smtpd_notices_total" in metadata));
  },
});
