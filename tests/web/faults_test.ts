import { assertEquals } from "@std/assert";
import { parseFault } from "../../lib/policy/faults/fault_parser.ts";
import { Faults } from "../../lib/policy/faults/faults.ts";
import { ask, start, withJson } from "./fixture.ts";

const RULE = "rcpt to=*@slow.test times=2 reply 451 4.2.1 Later";

Deno.test("faults are scripted, told and ended", async () => {
  const faults = new Faults([parseFault("mail drop")], { seed: 3 });
  await using world = start([], { faults });
  const path = "/api/faults";
  const before = await ask(world, path);
  assertEquals([before.status, before.json], [
    200,
    { faults: [{ rule: "mail drop", matched: 0, fired: 0 }], seed: 3 },
  ]);
  const posted = await ask(world, path, withJson("POST", { rules: [RULE], seed: 7 }));
  const inForce = { faults: [{ rule: RULE, matched: 0, fired: 0 }], seed: 7 };
  assertEquals([posted.status, posted.json], [200, inForce]);
  faults.meet({
    step: "rcpt",
    client: "127.0.0.1",
    service: "smtp",
    forwardPaths: [{ localPart: "joe", domain: "slow.test" }],
  });
  assertEquals((await ask(world, path)).json.faults, [{ rule: RULE, matched: 1, fired: 1 }]);
  const ended = await ask(world, path, { method: "DELETE" });
  assertEquals([ended.status, ended.json], [200, { faults: [], seed: 0 }]);
  assertEquals(faults.report(), []);
  const line = { client: "127.0.0.1", account: undefined };
  assertEquals(world.lines, [
    ["info", "web-faults", { ...line, rules: 1, seed: 7 }],
    ["info", "web-faults", { ...line, rules: 0, seed: 0 }],
  ]);
});

Deno.test("faults that cannot be scripted are refused, and those that are in force stay", async () => {
  const faults = new Faults([parseFault("mail drop")]);
  faults.bind({ services: ["smtp"], tls: false, auth: false, maxSize: 1000 });
  await using world = start([], { faults });
  const list = "Cannot use rules: give a list of 1 to 100";
  const seed = "Cannot use seed: give a whole number from 0 to 4294967295";
  const table: readonly (readonly [body: unknown, message: string])[] = [
    [{}, "Cannot order faults: give rules"],
    [{ rules: [] }, list],
    [{ rules: "mail drop" }, list],
    [{ rules: new Array(101).fill("mail drop") }, list],
    [{ rules: [1] }, "Cannot use rules: give a list of texts"],
    [
      { rules: ["mail drop"], sed: 1 },
      'Cannot use the member "sed": those taken here are rules, seed',
    ],
    [{ rules: ["mail drop"], seed: "1" }, seed],
    [
      { rules: ["mail drop"], seed: -1 },
      "Cannot use the seed -1: a whole number from 0 to 4294967295",
    ],
    [
      { rules: ["mail drop", "mail delay"] },
      'Cannot read the fault rule "mail delay": delay needs a duration of 1h at most; write delay ' +
      "500ms or the like",
    ],
    [{ rules: ["tls fail"] }, 'Cannot use the fault rule "tls fail": there is no certificate'],
    [[], "Cannot use the body: give an object"],
  ];
  for (const [body, message] of table) {
    const { status, json } = await ask(world, "/api/faults", withJson("POST", body));
    assertEquals([status, json.error.message], [400, message], JSON.stringify(body));
  }
  assertEquals((await ask(world, "/api/faults", { method: "POST" })).status, 400);
  assertEquals(faults.report().map(({ rule }) => rule), ["mail drop"]);
});

Deno.test("nobody can script faults where the server was not started for it", async () => {
  await using world = start([], { faults: undefined });
  for (const init of [{}, withJson("POST", { rules: ["mail drop"] }), { method: "DELETE" }]) {
    const { status } = await fetch(new URL("/api/faults", world.server.url), init)
      .then(async (answer) => {
        await answer.body?.cancel();
        return answer;
      });
    assertEquals(status, 404);
  }
  const { json } = await ask(world, "/api/openapi.json");
  assertEquals("/api/faults" in json.paths, false);
});
