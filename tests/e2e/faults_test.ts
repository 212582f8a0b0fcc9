/** What real clients make of scripted failures, as the README says. */
import { assertEquals } from "@std/assert";
import { peerTest } from "../peers.ts";
import { Dialog } from "./dialog.ts";
import { FAULTY_CLIENTS, isOfTls, outcomesInReadme, startFaulty } from "./faulty_clients.ts";
import { startSmtpd, temporaryDirectory } from "./smtpd.ts";

const TABLE = [...outcomesInReadme()].filter(([rule]) => !isOfTls(rule));

for (const kind of FAULTY_CLIENTS) {
  peerTest({
    name: `${kind.name} does what the README says where a server fails`,
    needs: kind.needs,
    async fn(_, t) {
      using directory = temporaryDirectory();
      await using server = await startFaulty();
      await using client = await kind.start(server.port, directory.path);
      for (const [i, [rule, outcomes]] of TABLE.entries()) {
        await t.step(rule, async () => {
          const { attempts } = await server.fail(rule, client, `box${i}@slow.test`);
          assertEquals(attempts, outcomes.get(kind.name));
        });
      }
    },
  });
}

Deno.test("the log tells that faults are on, each that happens, and how often each has", async () => {
  const rules = ["rcpt to=*@slow.test skip=1 times=2 reply 451 4.2.1 Later", "quit drop"];
  const flags = rules.flatMap((rule) => ["--fault", rule]);
  await using smtpd = await startSmtpd("--route", "discard", "--fault-seed", "7", ...flags);
  using dialog = await Dialog.open(smtpd.port);
  await dialog.say("MAIL FROM:<ann@client.test>");
  const codes = [];
  for (let i = 0; i < 4; i++) codes.push((await dialog.say("RCPT TO:<joe@slow.test>")).code);
  assertEquals(codes, [250, 451, 451, 250]);
  await dialog.send(new TextEncoder().encode("QUIT\r\n"));
  assertEquals(await dialog.isClosed(), true);
  const [{ level, rules: count, seed }] = smtpd.events("faults-on");
  assertEquals([level, count, seed], ["warn", 2, 7]);
  await smtpd.stop();
  const happened = smtpd.events("fault").map(({ step, client }) => [step, client]);
  assertEquals(happened, [["rcpt", "127.0.0.1"], ["rcpt", "127.0.0.1"], ["quit", "127.0.0.1"]]);
  const counts = smtpd.events("fault-count").map(({ rule, matched, fired }) => [
    ...[rule, matched, fired],
  ]);
  assertEquals(counts, [[rules[0], 4, 2], [rules[1], 1, 1]]);
});
