import { assertEquals } from "@std/assert";
import { endingReply, relayedRcptReply, relayedReply } from "../../lib/relay/remote_reply.ts";
import { type Reply, reply } from "../../lib/smtp/reply.ts";

const ORIGIN = { host: "mx.test", address: "2001:db8::1" };

Deno.test("a relayed reply has our code, the remote's status code and its words", () => {
  const table: [Reply, Reply][] = [
    [
      reply(250, "2.6.0", "queued as 1", "bye"),
      reply(250, "2.6.0", "mx.test[2001:db8::1] said: 250 2.6.0 queued as 1", "bye"),
    ],
    [reply(251, undefined, ""), reply(250, "2.0.0", "mx.test[2001:db8::1] said: 251")],
    [reply(421, "4.3.2", "x"), reply(451, "4.3.2", "mx.test[2001:db8::1] said: 421 4.3.2 x")],
    [reply(521, undefined, "x"), reply(554, "5.0.0", "mx.test[2001:db8::1] said: 521 x")],
    [reply(550, "4.2.1", "x"), reply(554, "5.0.0", "mx.test[2001:db8::1] said: 550 4.2.1 x")],
  ];
  for (const [said, relayed] of table) {
    assertEquals(relayedReply(said, ORIGIN), { ...relayed, remote: { ...ORIGIN, said } });
  }
});

Deno.test("a relayed reply to RCPT keeps the remote's words where it means something else", () => {
  const said = reply(552, "5.5.3", "too many");
  const { code, enhanced, remote } = relayedRcptReply(said, ORIGIN);
  assertEquals([code, enhanced, remote], [451, "4.5.3", { ...ORIGIN, said }]);
});

Deno.test("a relayed reply names the origin and nothing else that is known of it", () => {
  const link = { ...ORIGIN, port: 25, client: {} };
  assertEquals(relayedReply(reply(250, "2.0.0", "x"), link).remote, {
    ...ORIGIN,
    said: reply(250, "2.0.0", "x"),
  });
});

Deno.test("a relayed reply is short, however long the remote's is", () => {
  const long = relayedReply(reply(550, "5.1.1", ...new Array(100).fill("x".repeat(2000))), ORIGIN);
  assertEquals(long.lines.length, 8);
  for (const line of long.lines) assertEquals(line.length < 450, true);
  assertEquals(long.remote?.said.lines, Array(8).fill("x".repeat(400)));
});

Deno.test("only a remote's own words make the end of a session a lasting failure", () => {
  const replies = [
    endingReply({ type: "closed", reply: reply(421, "4.3.2", "bye") }, ORIGIN),
    endingReply({ type: "closed", reply: reply(552, "5.3.4", "too big") }, ORIGIN),
    endingReply({ type: "fault", text: "what" }, ORIGIN),
    endingReply({ type: "lost", text: "gone" }, ORIGIN),
  ];
  const codes = replies.map(({ code, enhanced }) => `${code} ${enhanced}`);
  assertEquals(codes, ["451 4.3.2", "554 5.3.4", "451 4.5.0", "451 4.4.2"]);
  assertEquals(replies.map(({ remote }) => remote?.said.code), [421, 552, undefined, undefined]);
});
