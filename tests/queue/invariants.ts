/** What always holds in the database of a queue, however it came about. @module */
import { assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";

/** Compares what is derived in the database with what it is derived from. */
export function assertInvariants(directory: string): void {
  const database = new DatabaseSync(`${directory}/queue.db`, { readOnly: true });
  try {
    const all = (sql: string) => database.prepare(sql).all().map((row) => Object.values(row));
    assertEquals(all("PRAGMA quick_check"), [["ok"]]);
    assertEquals(
      all("SELECT name, turn, ready FROM domain ORDER BY name, turn"),
      all(`SELECT domain, turn, min(ready) FROM recipient WHERE ready IS NOT NULL
           GROUP BY domain, turn ORDER BY domain, turn`),
      "the table of domains",
    );
    assertEquals(
      all(`SELECT name, value FROM tally WHERE name <> 'number' AND value <> 0 ORDER BY name`),
      all(`SELECT * FROM (
             SELECT state, count(*) FROM recipient JOIN message ON seq = message
             WHERE damaged IS NULL GROUP BY state
             UNION ALL SELECT 'messages', count(*) FROM message
             WHERE finished IS NULL AND damaged IS NULL
             UNION ALL SELECT 'octets', coalesce(sum(size), 0) FROM message
             WHERE finished IS NULL AND damaged IS NULL
             UNION ALL SELECT 'damaged', count(*) FROM message WHERE damaged IS NOT NULL
           ) WHERE 2 > 1 AND "count(*)" <> 0 ORDER BY 1`),
      "the tallies",
    );
    const none: [string, string][] = [
      [
        "messages without octets",
        `SELECT id FROM message LEFT JOIN body ON body.message = seq
        WHERE (octets IS NULL) <> (blob IS NOT NULL)`,
      ],
      [
        "octets without a message",
        `SELECT message FROM body WHERE message NOT IN
        (SELECT seq FROM message)`,
      ],
      [
        "recipients without a message",
        `SELECT message FROM recipient WHERE message NOT IN
        (SELECT seq FROM message)`,
      ],
      [
        "messages without recipients",
        `SELECT id FROM message WHERE seq NOT IN
        (SELECT message FROM recipient)`,
      ],
      [
        "messages that are finished too early or too late",
        `SELECT id FROM message
        WHERE (finished IS NULL) <> EXISTS (SELECT 1 FROM recipient
          WHERE message = seq AND state IN ('queued', 'held'))`,
      ],
      [
        "recipients that are ready although they are not queued, or the reverse",
        `
        SELECT message FROM recipient JOIN message ON seq = message
        WHERE damaged IS NULL AND (ready IS NULL) <> (state <> 'queued')`,
      ],
      [
        "recipients that are ready at another time",
        `SELECT message FROM recipient
        WHERE ready <> coalesce(until, due)`,
      ],
      [
        "leases in part",
        `SELECT message FROM recipient
        WHERE (owner IS NULL) <> (token IS NULL) OR (owner IS NULL) <> (until IS NULL)`,
      ],
    ];
    for (const [what, sql] of none) assertEquals(all(sql), [], what);
    const blobs = new Set([...Deno.readDirSync(`${directory}/blobs`)].map(({ name }) => name));
    for (const [name] of all("SELECT blob FROM message WHERE blob IS NOT NULL")) {
      assertEquals(blobs.has(String(name)), true, `the file ${name}`);
    }
  } finally {
    database.close();
  }
}
