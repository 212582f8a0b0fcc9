import { assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { Failure } from "../../../lib/cli/failure.ts";
import { lockDirectory } from "../../../lib/queue/lock.ts";
import { openSqliteStore } from "../../../lib/queue/sqlite_store.ts";
import { FakeClock } from "../../net/fake_clock.ts";
import { put } from "../../queue/fixture.ts";
import {
  DAY,
  diagnosed,
  flagsAt,
  type Mistake,
  type Place,
  place,
  testMistakes,
} from "./fixture.ts";

/** Makes a queue with one message that was accepted at some time. */
async function withMessage({ queue }: Place, accepted: number): Promise<void> {
  await using store = await openSqliteStore({ directory: queue });
  await put(store, { accepted });
}

function change({ queue }: Place, sql: string): void {
  const database = new DatabaseSync(`${queue}/queue.db`);
  database.exec(sql);
  database.close();
}

const mistakes: readonly Mistake[] = [
  {
    name: "a message that waits too long",
    prepare: (at) => withMessage(at, new FakeClock().now() - 6 * DAY),
    tells: [
      "warn",
      "queue",
      /^1 message, 1 recipient queued, 0 held; the oldest .* 6d/,
      /queue list/,
    ],
  },
  {
    name: "messages that were damaged",
    async prepare(at) {
      await withMessage(at, new FakeClock().now());
      change(at, "INSERT INTO tally VALUES ('damaged', 2)");
    },
    tells: ["warn", "queue", /^2 messages had been damaged and were set aside$/, /entry-damaged/],
  },
  {
    name: "a queue of a later version",
    async prepare(at) {
      await withMessage(at, 1);
      change(at, "PRAGMA user_version = 99");
    },
    tells: ["fail", "queue", /schema is version 99/, /^use that version/],
  },
  {
    name: "a queue that is damaged as a whole",
    prepare({ queue }) {
      Deno.mkdirSync(queue);
      Deno.writeTextFileSync(`${queue}/queue.db`, "no database ".repeat(100));
    },
    tells: ["fail", "queue", /^cannot open the queue/, /^restore it/],
  },
  {
    name: "a server that may not be asked",
    changes: {
      hasServer: () => Promise.reject(new Failure(77, "no permission to use the queue", "be root")),
    },
    tells: ["fail", "queue lock", /^no permission to use the queue$/, /^be root$/],
  },
];

testMistakes("the queue", mistakes);

Deno.test("a queue that another process has is told with its number", async () => {
  using at = place();
  await withMessage(at, 1);
  using _ = lockDirectory(at.queue);
  const { lines } = await diagnosed(flagsAt(at));
  const line = lines.find(({ topic }) => topic === "queue lock");
  assertEquals(
    line?.found,
    `process ${Deno.pid} has it, and does not answer on its control socket`,
  );
});
