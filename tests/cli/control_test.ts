import { assert, assertEquals, assertRejects } from "@std/assert";
import { connectControl } from "../../lib/cli/control_client.ts";
import { ControlReader, parseRequest } from "../../lib/cli/control_wire.ts";
import { StoreError } from "../../lib/queue/store_error.ts";
import { put } from "../queue/fixture.ts";
import { stateDirectory } from "../queue/state_directory.ts";
import { serverOf, testQueue } from "./queue_fixture.ts";
import { FakeClock } from "../net/fake_clock.ts";

const ignore = Deno.build.os === "windows";

function connect(path: string): Promise<Deno.UnixConn> {
  return Deno.connect({ transport: "unix", path: `${path}/control` });
}

async function answerTo(path: string, text: string): Promise<string> {
  using connection = await connect(path);
  await connection.write(new TextEncoder().encode(text));
  await connection.closeWrite();
  return await new Response(connection.readable).text();
}

Deno.test("the control socket is for its owner alone", { ignore }, async () => {
  await using queue = await testQueue(true);
  assertEquals(Deno.statSync(`${queue.path}/control`).mode! & 0o777, 0o600);
});

Deno.test("garbage on the control socket is answered and hurts nobody", { ignore }, async () => {
  await using queue = await testQueue(true);
  await queue.withStore((store) => put(store));
  const table: string[] = [
    "GET / HTTP/1.1\r\n",
    "\xff\xfe\n",
    "{}\n",
    '{"ask":"act","action":"__proto__","filter":{}}\n',
    '{"ask":"act","action":"hold","filter":{"ids":"x"}}\n',
    '{"ask":"act","action":"hold","filter":{"state":"constructor"}}\n',
    '{"ask":"act","action":"hold"}\n',
    '{"ask":"act","action":"hold","filter":{}}',
    '{"ask":"submit","id":"../../x","protocol":"x","size":1,"mail":{"from":"<>"},"recipients":[]}\n',
    '{"ask":"submit","id":"0000000000000aaa","protocol":"x","size":1e12,"mail":{"from":"<>"},"recipients":[{"to":"<a@b.example>"}]}\n',
    '{"ask":"submit","id":"0000000000000aaa","protocol":"x","size":10,"mail":{"from":"<>"},"recipients":[{"to":"<a@b.example>"}]}\nhalf',
    '{"ask":"submit","id":"0000000000000aaa","protocol":"x","size":1,"mail":{"from":"<a@b\\n.example>"},"recipients":[{"to":"<a@b.example>"}]}\nx',
  ];
  for (const text of table) {
    const answer = await answerTo(queue.path, text);
    assert(/^\{"error":\{.*\}\}\n$/.test(answer), `${text} -> ${answer}`);
  }
  // One that says nothing, and one that stops half-way, while others go on.
  using _silent = await connect(queue.path);
  using half = await connect(queue.path);
  await half.write(new TextEncoder().encode('{"ask":'));
  assertEquals((await queue.queue("hold", "--all")).out, "held 1 recipient\n");
  const { recipients } = await queue.withStore((store) => store.stats());
  assertEquals([recipients.held, recipients.queued], [1, 0]);
});

Deno.test("a command that falls silent is cut off", { ignore }, async () => {
  await using directory = await stateDirectory();
  await using store = await directory.open();
  const clock = new FakeClock();
  const told = { wake: 0, forgive: 0 };
  await using _ = await serverOf(directory.path, store, told, { clock });
  using connection = await connect(directory.path);
  await connection.write(new TextEncoder().encode('{"ask":"forgive"}\n{"ask"'));
  await new ControlReader(connection).line();
  const read = connection.read(new Uint8Array(10)).catch(() => null);
  await clock.advance(31_000);
  assertEquals(await read, null);
});

Deno.test(
  "a socket that a killed server left is replaced, and is no server",
  { ignore },
  async () => {
    await using directory = await stateDirectory();
    Deno.mkdirSync(directory.path, { recursive: true });
    const path = `${directory.path}/control`;
    const program =
      `const listener = Deno.listen({ transport: "unix", path: ${JSON.stringify(path)} });` +
      `console.log("up"); await listener.accept()`;
    await using killed = new Deno.Command(Deno.execPath(), {
      args: ["eval", program],
      stdout: "piped",
    }).spawn();
    const reader = killed.stdout.getReader();
    await reader.read();
    killed.kill("SIGKILL");
    await killed.status;
    await reader.cancel();
    assert(Deno.lstatSync(path).isSocket, "the file is left");
    assertEquals(await connectControl(directory.path), undefined);
    await using store = await directory.open();
    const told = { wake: 0, forgive: 0 };
    {
      await using _ = await serverOf(directory.path, store, told);
      await using operator = await connectControl(directory.path);
      await operator!.forgive();
    }
    assertEquals(told, { wake: 1, forgive: 1 });
    assertEquals(await connectControl(directory.path), undefined);
  },
);

Deno.test("a state directory whose path is too long for a socket works", { ignore }, async () => {
  await using directory = await stateDirectory();
  const path = `${directory.path}/${"long".repeat(30)}`;
  Deno.mkdirSync(path);
  await using store = await directory.open({ directory: path });
  const told = { wake: 0, forgive: 0 };
  await using _ = await serverOf(path, store, told);
  await using operator = await connectControl(path);
  await operator!.forgive();
  assertEquals(told.forgive, 1);
});

Deno.test("an error of the store crosses the socket as what it is", { ignore }, async () => {
  await using queue = await testQueue(true);
  const entry = await queue.withStore((store) => put(store));
  await using operator = await connectControl(queue.path);
  const submission = {
    id: entry.id,
    mail: { reversePath: null, smtpUtf8: false },
    recipients: [{ forwardPath: { localPart: "a", domain: "b.example" } }],
    protocol: "sendmail",
  };
  await assertRejects(() => operator!.submit(submission, new Uint8Array(3)), StoreError);
  await operator!.submit({ ...submission, id: "0000000000000abc" }, new Uint8Array(3));
});

Deno.test("a request has as many recipients as a message may", () => {
  const recipients = Array.from({ length: 3 }, () => ({ to: "<a@b.example>" }));
  const line = JSON.stringify({
    ask: "submit",
    id: "0000000000000abc",
    protocol: "x",
    size: 1,
    mail: { from: "<>" },
    recipients,
  });
  assertEquals(parseRequest(line, 3).ask, "submit");
  let error: unknown;
  try {
    parseRequest(line, 2);
  } catch (thrown) {
    error = thrown;
  }
  assert(error instanceof SyntaxError);
});
