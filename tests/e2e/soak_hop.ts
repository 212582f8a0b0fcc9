/** A next hop that comes and goes: in front of a receiver, it takes connections only while it is up. */
import { freePort } from "../peers.ts";

/** The hop. */
export interface SoakHop extends Disposable {
  readonly port: number;
  /** Connections taken since it was made. */
  readonly taken: number;
  /** Has it take connections, or end those that it has and take no more. */
  up(isUp: boolean): void;
}

/** Makes one, which is up, in front of a receiver. */
export function startHop(receiver: number): SoakHop {
  const port = freePort();
  const open = new Set<Deno.TcpConn>();
  let listener: Deno.TcpListener | undefined;
  let taken = 0;

  async function join(near: Deno.TcpConn): Promise<void> {
    using far = await Deno.connect({ hostname: "127.0.0.1", port: receiver });
    open.add(near).add(far);
    const there = near.readable.pipeTo(far.writable);
    const back = far.readable.pipeTo(near.writable);
    // Whoever of them goes first, and however: the other one follows.
    await Promise.allSettled([there, back]);
    open.delete(near);
    open.delete(far);
  }

  async function accept(own: Deno.TcpListener): Promise<void> {
    for await (const near of own) {
      taken++;
      join(near).catch(() => close(near));
    }
  }

  function up(isUp: boolean): void {
    if (isUp === (listener !== undefined)) return;
    if (isUp) {
      listener = Deno.listen({ hostname: "127.0.0.1", port });
      void accept(listener);
    } else {
      listener?.close();
      listener = undefined;
      for (const connection of open) close(connection);
      open.clear();
    }
  }

  up(true);
  return {
    port,
    get taken() {
      return taken;
    },
    up,
    [Symbol.dispose]: () => up(false),
  };
}

/** Closes a connection that may be closed. */
function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
