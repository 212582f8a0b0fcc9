/** Programs that send mail to a server which fails as scripted, and what each makes of it. */
import { assertEquals } from "@std/assert";
import { findPeer } from "../peers.ts";
import { Dialog } from "./dialog.ts";
import { POSTFIX, startPostfix, TRIES_AGAIN_SOON } from "./postfix.ts";
import { eventually, runProgram, type Smtpd, startSmtpd } from "./smtpd.ts";

const scripts = new URL("scripts/", import.meta.url).pathname;

/** Over the size of a segment, so that it can break off in its midst. */
const CONTENT = `Subject: x\r\n\r\n${`${"x".repeat(76)}\r\n`.repeat(500)}`;

/** What became of each attempt to send a message, in order. */
export type Attempt = "sent" | "deferred" | "failed";

/** A program that sends mail. */
export interface FaultyClient extends AsyncDisposable {
  /** Sends a message to a recipient; answers once it is sent, or nobody tries any more. */
  send(to: string): Promise<readonly Attempt[]>;
}

/** How a client is started. */
export interface ClientKind {
  readonly name: string;
  /** What it needs, as `findPeer` calls it; nothing for our own. */
  readonly needs: readonly string[];
  /** Starts one that sends all its mail to a port of 127.0.0.1, in TLS where an authority is named. */
  start(port: number, directory: string, authority?: string): Promise<FaultyClient>;
}

/** Sends from a server that queues, and waits until it has had its message taken. */
async function submit(
  port: number,
  to: string,
  attempts: () => readonly Attempt[],
  why: () => string,
): Promise<readonly Attempt[]> {
  using dialog = await Dialog.open(port);
  const replies = await dialog.sendMail("ann@client.test", [to], new TextEncoder().encode(CONTENT));
  assertEquals(replies.at(-1)?.code, 250);
  return await eventually(
    () => attempts().at(-1) === "deferred" || attempts().length === 0 ? undefined : attempts(),
    why,
  );
}

const nodemailer: ClientKind = {
  name: "nodemailer",
  needs: ["npm:nodemailer"],
  start: (port, directory, authority) =>
    Promise.resolve({
      async send(to) {
        const path = `${directory}/nodemailer.eml`;
        Deno.writeTextFileSync(path, CONTENT);
        const { code } = await runProgram(
          "node",
          [`${scripts}nodemailer_client.cjs`, `${port}`, "ann@client.test", path, to],
          {
            env: {
              NODE_PATH: findPeer("npm:nodemailer")!,
              ...authority !== undefined && { NODE_EXTRA_CA_CERTS: authority },
            },
          },
        );
        return [code === 0 ? "sent" : "failed"];
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
};

const postfix: ClientKind = {
  name: "Postfix",
  needs: [POSTFIX],
  async start(port, directory, authority) {
    // A message that is older than the backoff goes in plaintext where the handshake fails, so that in TLS
    // the first attempt has to be younger.
    const backoff = { minimal_backoff_time: "5s", maximal_backoff_time: "5s" };
    const server = await startPostfix(directory, "127.0.0.1", {
      relayhost: `[127.0.0.1]:${port}`,
      smtp_tls_security_level: "may",
      ...TRIES_AGAIN_SOON,
      ...authority !== undefined && backoff,
    });
    return {
      send(to) {
        const attempts = () =>
          [...server.log().matchAll(/ to=<([^>]+)>,.* status=(sent|deferred|bounced) /g)]
            .filter(([, recipient]) => recipient === to)
            .map(([, , status]) => status === "bounced" ? "failed" : status as Attempt);
        return submit(server.port, to, attempts, server.log);
      },
      [Symbol.asyncDispose]: () => server.stop(),
    };
  },
};

const ours: ClientKind = {
  name: "smtpd",
  needs: [],
  async start(port) {
    const flags = ["--route", `smtp://127.0.0.1:${port}`, "--retry", "1s"];
    const server: Smtpd = await startSmtpd(...flags, "--hostname", "client.test");
    return {
      send(to) {
        const attempts = () =>
          server.events().filter((each) => each.to === to).flatMap(({ event }): Attempt[] => {
            if (event === "delivered") return ["sent"];
            return event === "deferred" || event === "failed" ? [event] : [];
          });
        return submit(server.port, to, attempts, () => JSON.stringify(server.events()));
      },
      [Symbol.asyncDispose]: () => server.stop(),
    };
  },
};

/** The programs, in the order of the README. */
export const FAULTY_CLIENTS: readonly ClientKind[] = [nodemailer, postfix, ours];

/** A server whose faults are ordered by the API. */
export interface FaultyServer extends AsyncDisposable {
  readonly port: number;
  /**
   * Scripts a fault that happens once, has a client send a message, and holds that it was taken once if it
   * was sent. Answers the attempts, and whether it came in TLS.
   */
  fail(rule: string, client: FaultyClient, to: string): Promise<{ attempts: string; tls: boolean }>;
}

/** Starts the server, without any fault. */
export async function startFaulty(...flags: string[]): Promise<FaultyServer> {
  const smtpd = await startSmtpd("--route", "hold", "--ui", "0", "--fault", "none", ...flags);
  const { url } = await smtpd.event("listening", { service: "http" });
  const ask = async (path: string, init?: RequestInit) => {
    const answer = await fetch(`${url}${path}`, init);
    const text = await answer.text();
    assertEquals(answer.status, 200, text);
    return JSON.parse(text);
  };
  return {
    port: smtpd.port,
    async fail(rule, client, to) {
      await ask("api/faults", {
        method: "POST",
        body: JSON.stringify({ rules: [rule] }),
        headers: { "content-type": "application/json" },
      });
      const attempts = await client.send(to);
      const { faults } = await ask("api/faults");
      assertEquals(faults.map(({ fired }: { fired: number }) => fired), [1], rule);
      const { messages } = await ask(`api/messages?to=${to}`);
      // Notices to the sender come here, too.
      const ids = messages.map(({ id }: { id: string }) => id);
      const accepted = await eventually(() => {
        const events = smtpd.events("accepted").filter(({ id }) => ids.includes(id));
        return events.length === ids.length ? events : undefined;
      });
      assertEquals(accepted.length, attempts.at(-1) === "sent" ? 1 : 0);
      return { attempts: attempts.join(", then "), tls: accepted[0]?.tls !== undefined };
    },
    [Symbol.asyncDispose]: () => smtpd.stop(),
  };
}

/** What the README says that each client makes of each fault. */
export function outcomesInReadme(): Map<string, ReadonlyMap<string, string>> {
  const readme = Deno.readTextFileSync(new URL("../../README.md", import.meta.url));
  const [table] = /^\| fault .*\n(?:\|.*\n)+/m.exec(readme)!;
  const [head, , ...rows] = table.trim().split("\n").map((row) =>
    row.split("|").slice(1, -1).map((cell) => cell.trim())
  );
  assertEquals(head.slice(1), FAULTY_CLIENTS.map(({ name }) => name));
  return new Map(rows.map(([rule, ...outcomes]) => [
    rule.replaceAll("`", ""),
    new Map(outcomes.map((outcome, i) => [head[i + 1], outcome])),
  ]));
}

/** Whether a rule is about TLS. */
export function isOfTls(rule: string): boolean {
  return /^(?:starttls|tls) /.test(rule);
}
