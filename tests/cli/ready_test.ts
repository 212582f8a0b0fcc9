import { assert, assertEquals } from "@std/assert";
import { call } from "./surroundings.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Listens, says each client the same, and keeps what clients say. */
class Greeter implements AsyncDisposable {
  readonly listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly said: string[] = [];
  readonly #pieces: readonly string[];
  readonly #running: Promise<void>;

  constructor(...pieces: string[]) {
    this.#pieces = pieces;
    this.#running = this.#run();
  }

  get port(): string {
    return String(this.listener.addr.port);
  }

  async #run(): Promise<void> {
    for await (const connection of this.listener) {
      try {
        for (const piece of this.#pieces) await connection.write(encoder.encode(piece));
        if (this.#pieces.length === 0) await connection.closeWrite();
        const buffer = new Uint8Array(100);
        const count = await connection.read(buffer);
        this.said.push(decoder.decode(buffer.subarray(0, count ?? 0)));
      } catch {
        this.said.push("lost");
      } finally {
        connection.close();
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.listener.close();
    await this.#running;
  }
}

function ready(port: string, ...more: string[]): ReturnType<typeof call> {
  return call(["ready", "--host", "127.0.0.1", "--port", port, ...more]);
}

const answers: [what: string, pieces: string[], code: number][] = [
  ["220", ["220 host.example ESMTP\r\n"], 0],
  ["220 of several lines, in pieces", ["220-host.exa", "mple\r\n220", " ESMTP\r\n"], 0],
  ["554", ["554 No service\r\n"], 75],
  ["421", ["421 4.3.2 Later\r\n"], 75],
  ["no greeting but the end", [], 75],
  ["something else", ["SSH-2.0-x\r\n".repeat(1000)], 75],
];

Deno.test("ready exits 0 for a greeting of 220 and 75 for anything else", async (t) => {
  for (const [what, pieces, code] of answers) {
    await t.step(what, async () => {
      await using greeter = new Greeter(...pieces);
      const outcome = await ready(greeter.port);
      assertEquals(outcome.code, code, outcome.err);
      if (code === 0) assertEquals(greeter.said, ["QUIT\r\n"]);
      else {
        assertEquals(
          outcome.err,
          `smtpd: 127.0.0.1:${greeter.port} does not answer 220: start the server, or wait longer with --wait 30s\n`,
        );
      }
    });
  }
});

Deno.test("ready tries again until the server greets", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const waiting = ready(String(listener.addr.port), "--wait", "20s");
  for (const greeting of ["", "421 4.3.2 Later\r\n", "220 here\r\n"]) {
    using connection = await listener.accept();
    await connection.write(encoder.encode(greeting));
    if (greeting.startsWith("220")) await connection.read(new Uint8Array(100));
  }
  assertEquals((await waiting).code, 0);
});

Deno.test("ready gives up when its time is over", async () => {
  const reserved = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = reserved.addr;
  reserved.close();
  const start = performance.now();
  assertEquals((await ready(String(port), "--wait", "300ms")).code, 75);
  const took = performance.now() - start;
  assert(took >= 150 && took < 5000, `${took}`);
});
