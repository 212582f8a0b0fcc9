import { assertEquals } from "@std/assert";
import { listenTcp } from "../../lib/net/listener.ts";

// Other systems have a lower limit of their own for connections that wait.
Deno.test({
  name: "1,000 clients may connect at once, before any of them is accepted",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const [listener] = listenTcp(["127.0.0.1"], 0);
    const signal = AbortSignal.timeout(10_000);
    const { port } = listener.addr;
    const attempts = Array.from(
      { length: 1000 },
      () => Deno.connect({ hostname: "127.0.0.1", port, signal }),
    );
    const outcomes = await Promise.allSettled(attempts);
    listener.close();
    const connected = outcomes.filter((outcome) => outcome.status === "fulfilled");
    for (const { value } of connected) value.close();
    assertEquals(connected.length, 1000);
  },
});
