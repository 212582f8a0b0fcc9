import type { World } from "../../../lib/cli/doctor/world.ts";
import { bindFails, GREETING, type Mistake, testMistakes } from "./fixture.ts";

const taken = (greeting: string | undefined): Partial<World> => ({
  ...bindFails(new Deno.errors.AddrInUse()),
  greeting: ({ port }) => Promise.resolve(port === 25 ? greeting : "220 mail.probe.test"),
});

const mistakes: readonly Mistake[] = [
  {
    name: "a port that Postfix has",
    changes: taken("220 mail.test ESMTP Postfix"),
    tells: [
      "fail",
      "port 25",
      /^the smtp port is taken, and who has it says 220 mail\.test ESMTP Postfix$/,
      /^stop .* \(as root, ss -ltnp sport = :25 names it\), or take another port with --port$/,
    ],
  },
  {
    name: "a port whose holder says nothing",
    changes: taken(undefined),
    tells: ["fail", "port 25", /^the smtp port is taken$/, /--port$/],
  },
  {
    name: "a port that another smtpd of this name has",
    changes: taken(GREETING),
    tells: ["fail", "port 25", /says 220 mx\.test ESMTP smtpd$/, /^stop/],
  },
  {
    name: "a port that our own server has",
    changes: { ...taken(GREETING), hasServer: () => Promise.resolve(true) },
    tells: ["ok", "port 25", /^the smtp port is taken by our own server, which runs$/],
  },
  {
    name: "a port of TLS that our own server has",
    flags: { tlsPort: ["465"] },
    changes: { ...taken(GREETING), hasServer: () => Promise.resolve(true) },
    tells: ["ok", "port 465", /^the smtps port is taken by our own server/],
  },
  {
    name: "a port of the inbox that somebody else has",
    flags: { ui: ["8025"] },
    changes: taken(GREETING),
    tells: ["fail", "port 8025", /^the http port is taken$/, /with --ui$/],
  },
  {
    name: "a port for root alone",
    changes: bindFails(new Deno.errors.PermissionDenied()),
    tells: ["fail", "port 25", /^no permission to listen on port 25$/, /as root, or take another/],
  },
  {
    name: "an address of another machine",
    flags: { host: ["203.0.113.99"] },
    changes: bindFails(new Deno.errors.AddrNotAvailable()),
    tells: ["fail", "port 25", /this computer has no such address$/, /--host$/],
  },
];

testMistakes("ports", mistakes);
