import { assertEquals } from "@std/assert";
import { webTime } from "../../../lib/cli/doctor/world.ts";

Deno.test("the time is read from the Date field of a web server", async (t) => {
  const date = "Thu, 01 Jan 2026 12:00:00 GMT";
  const cases: [name: string, headers: HeadersInit, time: number | undefined][] = [
    ["a date", { date }, Date.parse(date)],
    ["no date that could be read", { date: "noon" }, undefined],
  ];
  for (const [name, headers, time] of cases) {
    await t.step(name, async () => {
      let asked = "";
      await using server = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen: () => {} },
        (request) => {
          asked = `${request.method} ${request.headers.get("host")}`;
          return new Response(null, { status: 301, headers });
        },
      );
      const { port } = server.addr;
      const signal = AbortSignal.timeout(10_000);
      const told = await webTime({ address: "127.0.0.1", port }, "probe.test", signal)
        .catch(() => undefined);
      assertEquals([asked, told], ["HEAD probe.test", time]);
    });
  }
});
