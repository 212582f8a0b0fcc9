import { assertEquals, assertThrows } from "@std/assert";
import type { ReleaseOptions } from "../../lib/inbox/inbox.ts";
import { releaseOf } from "../../lib/inbox/release.ts";
import { NOON, recipient } from "../queue/fixture.ts";

Deno.test("a release is for those who are held, or for others, by a route or none", () => {
  const table: [ReleaseOptions, ReturnType<typeof releaseOf>][] = [
    [{}, { recipients: [] }],
    [{ to: [] }, { recipients: [] }],
    [{ route: "discard" }, { route: "discard", recipients: [] }],
    [{ to: ["a@B.example"] }, { recipients: [recipient("a@B.example")] }],
    [
      { to: ["a@b.example", '"a"@b.example', "c@b.example"], route: "smtp://mail.test:2525" },
      {
        route: "smtp://mail.test:2525",
        recipients: [
          recipient("a@b.example", { route: "smtp://mail.test:2525" }),
          recipient("c@b.example", { route: "smtp://mail.test:2525" }),
        ],
      },
    ],
  ];
  for (const [options, expected] of table) assertEquals(releaseOf(options, NOON), expected);
});

Deno.test("a release that cannot be read is refused, and says why", () => {
  const table: [ReleaseOptions, why: string][] = [
    [{ to: [""] }, "Cannot release to"],
    [{ to: ["postmaster"] }, "no @domain"],
    [{ to: ["a@b>,<c@d"] }, "more or less than one address"],
    [{ to: ["a@b.example", "a\r\nb@c.example"] }, "Cannot release to"],
    [{ to: Array(101).fill("a@b.example") }, "100 are the most"],
    [{ route: "pigeon" }, ""],
    [{ route: "program:/bin/sh" }, ""],
    [{ route: "smtp://user:secret@mail.test" }, ""],
  ];
  for (const [options, why] of table) {
    assertThrows(() => releaseOf(options, NOON), SyntaxError, why);
  }
});
