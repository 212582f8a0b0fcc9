import { assert, assertEquals } from "@std/assert";
import { Sender } from "../../lib/smtp/sender.ts";
import { SENDER_TRANSITIONS, type SenderAction } from "../../lib/smtp/sender_transitions.ts";
import { ACTIONS, B, describe, EHLO, MAIL } from "./sender_side.ts";
import { join, octets, seeded, splits, text } from "./wire.ts";

Deno.test("sender answers each call with one event, whatever the server says", () => {
  const random = seeded(7);
  const lines = [
    "250 Ok",
    "250 2.1.0 Ok",
    "250-a\r\n250 b",
    "354 Go",
    "450 4.2.0 Later",
    "550 5.1.1 No",
    "503 5.5.1 Order",
    "220 2.0.0 Go",
    "235 2.7.0 Ok",
    "334 ",
    "334 eA==",
    "334 x",
  ];
  for (let round = 0; round < 3000; round++) {
    const lmtp = random(2) === 0;
    const sender = new Sender({ heloName: "x", lmtp });
    const offered = ["250 HELP", "250 PIPELINING", "250-CHUNKING\r\n250 PIPELINING"][random(3)];
    sender.receive(octets(`220 a\r\n250-a\r\n${offered}\r\n`));
    let asked = 0;
    let told = 0;
    let isOver = false;
    const drain = () => {
      for (let event; (event = sender.nextEvent()) !== undefined;) {
        if (event.type === "reply" || event.type === "go ahead") told++;
        if (event.type === "closed" || event.type === "fault") isOver = true;
      }
    };
    drain();
    /** What is answered by another event than that of its own, or by none. */
    const parts = ["secured", "response", "cancel", "content", "end of data"];
    for (let step = 0; step < 40 && !isOver; step++) {
      const actions = (Object.keys(ACTIONS) as SenderAction[])
        .filter((action) => SENDER_TRANSITIONS[sender.state][action] !== undefined);
      if (actions.length > 0 && random(2) === 0) {
        const action = actions[random(actions.length)];
        ACTIONS[action](sender);
        if (!parts.includes(action)) asked++;
      } else {
        sender.receive(octets(`${lines[random(lines.length)]}\r\n`));
      }
      drain();
    }
    if (isOver) {
      assertEquals(sender.state, "closed");
      assertEquals(sender.takeOutput(), []);
    } else if (sender.state === "securing") {
      assert(told <= asked, `${told} answers to ${asked} calls`);
      sender.receive(octets("5"));
      drain();
      assertEquals([isOver, sender.state], [true, "closed"]);
    } else {
      assert(told <= asked, `${told} answers to ${asked} calls`);
      // A server that refuses everything from here on leaves nothing unanswered.
      for (let i = 0; i < 200 && told < asked && !isOver; i++) {
        sender.receive(octets("550 5.0.0 No\r\n"));
        drain();
      }
      assertEquals(told, asked);
    }
  }
});

Deno.test("sender never throws at what a server sends", () => {
  const random = seeded(11);
  const pieces = [
    ..."0123456789- \r\n.\x00\xff",
    "\r\n",
    "\r\n",
    "220 ",
    "250 ",
    "250-",
    "354 ",
    "421 ",
    "334 ",
    "eA==",
    "550 5.1.1 ",
    "PIPELINING",
    "SIZE 1",
    "x".repeat(3000),
  ];
  for (let round = 0; round < 3000; round++) {
    let wire = random(2) === 0 ? EHLO : "";
    for (let i = random(40); i > 0; i--) wire += pieces[random(pieces.length)];
    const seen: string[] = [];
    const way = random(3);
    let ways = 0;
    for (const { name, segments } of splits(octets(wire))) {
      if (ways++ === 6) break;
      const sender = new Sender({ heloName: "x" });
      const events: string[] = [];
      let hasAsked = false;
      for (const segment of segments) {
        sender.receive(segment);
        for (let event; (event = sender.nextEvent()) !== undefined;) {
          events.push(describe(event));
          if (event.type === "challenge") sender.response(event.octets);
          if (hasAsked || event.type !== "ready") continue;
          hasAsked = true;
          if (way === 1) {
            sender.starttls();
            continue;
          }
          if (way === 2) {
            sender.auth("LOGIN");
            continue;
          }
          sender.mail(MAIL);
          sender.rcpt({ forwardPath: B });
          sender.data();
        }
      }
      events.push(sender.state, text(join(sender.takeOutput())));
      if (seen.length === 0) seen.push(...events);
      else assertEquals(events, seen, `${name}: ${JSON.stringify(wire.slice(0, 200))}`);
    }
  }
});
