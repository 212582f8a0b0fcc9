/** Next hops on loopback addresses that follow a script. */
import { tcpTransport } from "../../lib/net/tcp_transport.ts";
import { type Script, type Seen, serve } from "../relay/fake_hosts.ts";

/** Hosts by their addresses, all on one port. */
export class Hops implements Disposable {
  readonly #seen = new Map<string, Seen>();
  readonly #open: Disposable[] = [];

  /** Listens at each address; nobody listens at one whose script refuses connections. */
  constructor(port: number, scripts: Readonly<Record<string, Script>>) {
    for (const [hostname, script] of Object.entries(scripts)) {
      if (script.connect === "refuse") continue;
      const listener = Deno.listen({ hostname, port });
      this.#open.push(listener);
      void this.#accept(listener, script, this.seen(hostname));
    }
  }

  /** What the host at an address has seen. */
  seen(address: string): Seen {
    const seen = this.#seen.get(address) ?? { commands: [], messages: [], ends: [], content: 0 };
    this.#seen.set(address, seen);
    return seen;
  }

  async #accept(listener: Deno.TcpListener, script: Script, seen: Seen): Promise<void> {
    for await (const connection of listener) {
      const transport = tcpTransport(connection);
      this.#open.push({ [Symbol.dispose]: () => transport.close() });
      // A host that hangs is never done; its connection is closed at the end all the same.
      void serve(transport, script, seen);
    }
  }

  [Symbol.dispose](): void {
    for (const each of this.#open) each[Symbol.dispose]();
  }
}
