import { assertEquals, assertRejects } from "@std/assert";
import { failureOf } from "../../lib/cli/failure.ts";
import { queueFailure } from "../../lib/cli/open_queue.ts";
import { storeOperator } from "../../lib/cli/operator.ts";
import { createMemoryStore } from "../../lib/queue/memory_store.ts";
import { StoreError, type StoreErrorKind } from "../../lib/queue/store_error.ts";
import { FakeClock } from "../net/fake_clock.ts";

Deno.test("an operator whose message may be queued has it looked for, and says so", async () => {
  const table: [StoreErrorKind, woken: number, code: number, mend: string][] = [
    ["uncertain", 1, 75, "see smtpd queue list, and try again if it is not done"],
    ["closed", 0, 75, "try again"],
    ["failed", 0, 73, "mend it, or give another directory to --queue"],
  ];
  for (const [kind, expected, code, mend] of table) {
    const store = createMemoryStore();
    store.commit = () => Promise.reject(new StoreError(kind, "Cannot commit message x: EIO"));
    let woken = 0;
    await using operator = storeOperator({
      store,
      isHeld: () => false,
      wake: () => woken++,
      forgive: () => {},
      notices: () => Promise.resolve([]),
      lifetime: 1000,
      clock: new FakeClock(),
    });
    const submission = {
      id: "0000000000000abc",
      mail: { reversePath: null, smtpUtf8: false },
      recipients: [{ forwardPath: { localPart: "a", domain: "b.example" } }],
      protocol: "sendmail",
    };
    const error = await assertRejects(() => operator.submit(submission, new Uint8Array(3)));
    assertEquals(woken, expected, kind);
    const { exitCode, message } = failureOf(queueFailure(error));
    assertEquals([exitCode, message], [code, `cannot commit message x: EIO: ${mend}`]);
  }
});

Deno.test("a message that a program hands in may set the policies of its recipients aside", async () => {
  for (
    const [header, expected] of [["TLS-Required: no", true], ["Subject: x", undefined]] as const
  ) {
    const store = createMemoryStore();
    await using operator = storeOperator({
      store,
      isHeld: () => false,
      wake: () => {},
      forgive: () => {},
      notices: () => Promise.resolve([]),
      lifetime: 1000,
      clock: new FakeClock(),
    });
    const submission = {
      id: "0000000000000abc",
      mail: { reversePath: null, smtpUtf8: false },
      recipients: [{ forwardPath: { localPart: "a", domain: "b.example" } }],
      protocol: "sendmail",
    };
    const octets = new TextEncoder().encode(`To: a@b.example\r\n${header}\r\n\r\nx\r\n`);
    await operator.submit(submission, octets);
    assertEquals((await store.show(submission.id))?.mail.tlsRequiredNo, expected);
  }
});
