import { assertEquals, assertThrows } from "@std/assert";
import { inheritedDescriptors, serviceManager } from "../../lib/cli/service_manager.ts";
import { ConfigError } from "../../lib/config/sources.ts";
import { noLog } from "../../lib/net/log.ts";

const PID = 4711;

Deno.test("sockets that are passed on are those of this process", async (t) => {
  const cases: readonly (readonly [environment: Record<string, string>, descriptors: number[]])[] =
    [
      [{}, []],
      [{ LISTEN_PID: "4711" }, []],
      [{ LISTEN_FDS: "2" }, []],
      [{ LISTEN_PID: "4710", LISTEN_FDS: "2" }, []],
      [{ LISTEN_PID: "4710", LISTEN_FDS: "many" }, []],
      [{ LISTEN_PID: "4711", LISTEN_FDS: "0" }, []],
      [{ LISTEN_PID: "4711", LISTEN_FDS: "2" }, [3, 4]],
    ];
  for (const [environment, descriptors] of cases) {
    await t.step(JSON.stringify(environment), () => {
      assertEquals(inheritedDescriptors(new Map(Object.entries(environment)), PID), descriptors);
    });
  }
});

Deno.test("a number of sockets that is none is refused", async (t) => {
  for (const count of ["", "-1", "1.5", "many", "65", "1e3"]) {
    await t.step(JSON.stringify(count), () => {
      const environment = new Map([["LISTEN_PID", `${PID}`], ["LISTEN_FDS", count]]);
      assertThrows(() => inheritedDescriptors(environment, PID), ConfigError);
    });
  }
});

/** The socket of a service manager, and what it is told. */
function listenForNotices(): {
  readonly environment: ReadonlyMap<string, string>;
  next(): Promise<string[]>;
} & Disposable {
  const directory = Deno.makeTempDirSync({ prefix: "smtpd-notify-" });
  const path = `${directory}/notify`;
  const socket = Deno.listenDatagram({ transport: "unixpacket", path });
  return {
    environment: new Map([["NOTIFY_SOCKET", path]]),
    async next() {
      const [octets] = await socket.receive();
      return new TextDecoder().decode(octets).split("\n");
    },
    [Symbol.dispose]() {
      socket.close();
      Deno.removeSync(directory, { recursive: true });
    },
  };
}

Deno.test({
  name: "a service manager is told when mail is taken, of rereading, and of the end",
  ignore: Deno.build.os === "windows",
  async fn() {
    using told = listenForNotices();
    using manager = serviceManager(told.environment, noLog);
    let reread = 0;
    const reload = () =>
      manager.reload(() => {
        reread++;
        return Promise.resolve();
      });
    // A server that is not ready yet must not be taken for one that is.
    await reload();
    manager.ready();
    assertEquals(await told.next(), ["READY=1", "STATUS=Taking mail"]);
    await reload();
    assertEquals(await told.next(), [
      "RELOADING=1",
      "STATUS=Rereading certificates, accounts and hooks",
    ]);
    assertEquals(await told.next(), ["READY=1", "STATUS=Taking mail"]);
    manager.stopping(30_000);
    // Nor one that ends.
    await reload();
    manager.ready();
    manager.stopping(1_000);
    for (const timeout of [40_000_000, 11_000_000]) {
      assertEquals(await told.next(), [
        "STOPPING=1",
        `EXTEND_TIMEOUT_USEC=${timeout}`,
        "STATUS=Letting open mail transactions end",
      ]);
    }
    assertEquals(reread, 3);
  },
});

Deno.test({
  name: "a service manager that does not listen is noted once for each notice, and harms nobody",
  ignore: Deno.build.os === "windows",
  async fn() {
    const failed = Promise.withResolvers<unknown>();
    using manager = serviceManager(
      new Map([["NOTIFY_SOCKET", "/nonexistent/notify"]]),
      (level, event) => failed.resolve([level, event]),
    );
    manager.ready();
    assertEquals(await failed.promise, ["warn", "notify-failed"]);
  },
});

Deno.test("without a service manager nothing is told, and work is done", async () => {
  using manager = serviceManager(new Map(), noLog);
  assertEquals(manager.descriptors, []);
  manager.ready();
  let isDone = false;
  await manager.reload(() => {
    isDone = true;
    return Promise.resolve();
  });
  assertEquals(isDone, true);
});
