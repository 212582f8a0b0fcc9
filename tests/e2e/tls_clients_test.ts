/** Real clients log in over TLS at every port, and nobody relays or submits without that. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { peerTest } from "../peers.ts";
import { assertNoCanaryInProcess, PASSWORD, WRONG_PASSWORD } from "./canaries.ts";
import { eventually, temporaryDirectory } from "./smtpd.ts";
import { type Submission, TLS_CLIENTS, type TlsClient } from "./tls_clients.ts";
import {
  ACCOUNT,
  FOREIGN,
  HELD,
  LOCAL,
  type Service,
  SERVICES,
  startTlsServer,
  type TlsServer,
} from "./tls_server.ts";

const SENDER = "joe@client.test";
const MESSAGE = `From: ${SENDER}\r\nTo: someone@foreign.test\r\nSubject: over TLS\r\n\r\nhello\r\n`;

/** What a client does at one service, and what the server has to make of it. */
interface Case {
  readonly server: TlsServer;
  readonly client: TlsClient;
  readonly service: Service;
  /** The file of the message. */
  readonly path: string;
}

/** How a client fared, and what the server had to refuse meanwhile. */
interface Submitted {
  readonly code: number;
  readonly text: string;
  readonly refusals: readonly string[];
}

/** Submits, looks at the server's process meanwhile, and waits until the server has logged an outcome. */
async function submit(
  { server, client, service, path }: Case,
  to: readonly string[],
  login: Pick<Submission, "mechanism" | "password">,
  outcome: "accepted" | "refused",
): Promise<Submitted> {
  const { smtpd, authority } = server;
  const before = smtpd.events().length;
  const since = () => smtpd.events().slice(before);
  const { implicitTls } = service;
  const port = server.portOf(service);
  const submission = { port, implicitTls, authority: authority.path, from: SENDER, to, path };
  const [{ code, text }] = await Promise.all([
    client.submit({ ...submission, ...login }),
    assertNoCanaryInProcess(smtpd.pid),
  ]);
  await eventually(
    () => since().find(({ event }) => event === outcome),
    () => `${code} ${text} ${JSON.stringify(since())}`,
  );
  const refused = since().filter(({ event }) => event === "refused");
  return { code, text, refusals: refused.map(({ code, enhanced }) => `${code} ${enhanced}`) };
}

async function logsIn(of: Case, mechanism: string): Promise<string> {
  const { server, client, service } = of;
  const box = `${service.name}-${mechanism}`.toLowerCase();
  const to = [`${box}@${FOREIGN}`, `${box}@${HELD}`];
  const login = { mechanism, password: PASSWORD };
  const { code, text, refusals } = await submit(of, to, login, "accepted");
  assertEquals({ code, refusals }, { code: 0, refusals: [] }, text);
  const { received, returnPath, content } = await server.delivered(to[0]);
  assertEquals(returnPath, SENDER);
  assertMatch(received, /^Received: from \S+ \(\[127\.0\.0\.1\]\)/);
  assertMatch(received, /\swith ESMTPSA\s/);
  assertMatch(received, /\stls TLS_\w+\s+\(TLSv1\.3\)/);
  assertMatch(new TextDecoder().decode(content), /^Subject: over TLS\r\n(?:.+\r\n)*\r\nhello\r\n/m);
  await server.smtpd.event("authenticated", { account: client.account ?? ACCOUNT });
  return `${FOREIGN}/${box}`;
}

async function isRefusedByWrongPassword(of: Case, mechanism: string): Promise<void> {
  const to = [`nobody-${mechanism.toLowerCase()}@${FOREIGN}`];
  const login = { mechanism, password: WRONG_PASSWORD };
  const { code, text, refusals } = await submit(of, to, login, "refused");
  assert(code !== 0 || /^535 /m.test(text), text);
  assertEquals(refusals[0], "535 5.7.8", text);
  // A client may well try once more, or send its mail all the same.
  const others = refusals.filter((refusal) => !/^(?:535 5\.7\.8|5[35]0 5\.7\.[01])$/.test(refusal));
  assertEquals(others, [], text);
}

/** Answers the mailbox that gets mail of somebody who has not logged in; none does on submission. */
async function goesWithoutLogin(of: Case): Promise<string | undefined> {
  const { server, service } = of;
  const nobody = { password: PASSWORD };
  const { text, refusals } = await submit(of, [`nobody@${FOREIGN}`], nobody, "refused");
  assertEquals(refusals[0], service.submission ? "530 5.7.0" : "550 5.7.1", text);
  const box = `open-${service.name}`;
  const to = [`${box}@${LOCAL}`];
  const local = await submit(of, to, nobody, service.submission ? "refused" : "accepted");
  if (service.submission) {
    assertEquals(local.refusals[0], "530 5.7.0", local.text);
    return undefined;
  }
  assertEquals({ ...local, text: "" }, { code: 0, text: "", refusals: [] }, local.text);
  assertMatch((await server.delivered(to[0])).received, /\swith ESMTPS\s/);
  return `${LOCAL}/${box}`;
}

for (const client of TLS_CLIENTS) {
  for (const key of ["p256", "rsa"] as const) {
    peerTest({
      name: `${client.name} logs in over TLS with a certificate of ${key} at every port`,
      needs: [client.needs, "openssl", "ps"],
      async fn(_, t) {
        using directory = temporaryDirectory();
        const path = `${directory.path}/message`;
        Deno.writeTextFileSync(path, MESSAGE);
        const accounts = client.account === undefined ? [] : [client.account];
        await using server = await startTlsServer(directory.path, {
          key,
          accounts,
          channelBinding: client.mechanisms.includes("SCRAM-SHA-256-PLUS"),
        });
        const mailboxes: string[] = [];
        for (const service of SERVICES) {
          if (service.implicitTls && client.startTlsOnly) continue;
          const of = { server, client, service, path };
          for (const mechanism of client.mechanisms) {
            const ignore = await client.knows?.(mechanism) === false;
            const fn = async () => {
              mailboxes.push(await logsIn(of, mechanism));
              await isRefusedByWrongPassword(of, mechanism);
            };
            const isKnown = ignore ? " (skipped: this build does not know it)" : "";
            await t.step({ name: `${service.name} ${mechanism}${isKnown}`, ignore, fn });
          }
          if (client.alwaysLogsIn) continue;
          await t.step(`${service.name} without AUTH`, async () => {
            const mailbox = await goesWithoutLogin(of);
            if (mailbox !== undefined) mailboxes.push(mailbox);
          });
        }
        await server.assertNoCanaries();
        await server.stop();
        assertEquals(server.mailboxes(), mailboxes.sort());
      },
    });
  }
}
