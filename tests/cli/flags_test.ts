import { assertEquals, assertThrows } from "@std/assert";
import {
  type CommandLine,
  COMMON_FLAGS,
  parseCommandLine,
  SETTING_FLAGS,
} from "../../lib/cli/flags.ts";
import { ConfigError } from "../../lib/config/sources.ts";

const FLAGS = [...SETTING_FLAGS, ...COMMON_FLAGS];

const good: [args: string[], flags: Record<string, string[]>, operands: string[]][] = [
  [[], {}, []],
  [["--port", "25"], { port: ["25"] }, []],
  [["--port=25"], { port: ["25"] }, []],
  [["-p", "25"], { port: ["25"] }, []],
  [["-p25"], { port: ["25"] }, []],
  [["-p=25"], { port: ["25"] }, []],
  [["-p25x"], { port: ["25x"] }, []],
  [["-pabc"], { port: ["abc"] }, []],
  [["-p-1"], { port: ["-1"] }, []],
  [["--port=-1"], { port: ["-1"] }, []],
  [["--port=0x10"], { port: ["0x10"] }, []],
  [["--port=007"], { port: ["007"] }, []],
  [["--maildir=--x"], { maildir: ["--x"] }, []],
  [["--maildir=a=b=c"], { maildir: ["a=b=c"] }, []],
  [["--maildir", "a b\nc"], { maildir: ["a b\nc"] }, []],
  [["--maildir=a\nb"], { maildir: ["a\nb"] }, []],
  [["--hostname=constructor"], { hostname: ["constructor"] }, []],
  [["--host", "::1", "--host=127.0.0.1"], { host: ["::1", "127.0.0.1"] }, []],
  [["--no-queue"], { "no-queue": ["true"] }, []],
  [["--no-queue=true"], { "no-queue": ["true"] }, []],
  [["--allow-local-mx=false"], { "allow-local-mx": ["false"] }, []],
  [["--allow-local-mx", "true"], { "allow-local-mx": ["true"] }, ["true"]],
  [["--no-queue", "--queue", "q"], { "no-queue": ["true"], queue: ["q"] }, []],
  [["explain", "12"], {}, ["explain", "12"]],
  [["explain", "1e3", "--port", "5"], { port: ["5"] }, ["explain", "1e3"]],
  [["--port", "5", "explain", "x"], { port: ["5"] }, ["explain", "x"]],
  [["explain", "--", "--port", "-x"], {}, ["explain", "--port", "-x"]],
  [["-h"], { help: ["true"] }, []],
];

Deno.test("a command line is taken apart", async (t) => {
  for (const [args, flags, operands] of good) {
    await t.step(args.join(" "), () => {
      const line: CommandLine = parseCommandLine(args, FLAGS);
      assertEquals(Object.fromEntries(line.flags), flags);
      assertEquals(line.operands, operands);
    });
  }
});

const HELP = "see smtpd help serve";

const bad: [args: string[], message: string][] = [
  [["--prot", "25"], "unknown flag --prot: did you mean --port?"],
  [["--prot=25"], "unknown flag --prot: did you mean --port?"],
  [["--Port", "25"], "unknown flag --Port: did you mean --port?"],
  [["--maxSize", "25"], "unknown flag --maxSize: did you mean --max-size?"],
  [["--local-domains", "a"], "unknown flag --local-domains: did you mean --local-domain?"],
  [["--frobnicate"], `unknown flag --frobnicate: ${HELP}`],
  [["--no-port=25"], `unknown flag --no-port: ${HELP}`],
  [["--no-host"], `unknown flag --no-host: ${HELP}`],
  [["--port.x=25"], `unknown flag --port.x: ${HELP}`],
  [["--__proto__=x"], `unknown flag --__proto__: ${HELP}`],
  [["--constructor", "x"], `unknown flag --constructor: ${HELP}`],
  [["--_=x"], `unknown flag --_: ${HELP}`],
  [["--=x"], `unknown flag --=x: ${HELP}`],
  [["---port"], `unknown flag ---port: did you mean --port?`],
  [["-x"], `unknown flag -x: ${HELP}`],
  [["-"], `unknown flag -: ${HELP}`],
  [["--\x1b[2J"], `unknown flag --\\u001b[2J: ${HELP}`],
  // What is set in the config file only.
  [["--data-timeout", "5m"], "unknown flag --data-timeout: set dataTimeout in the config file"],
  [["--drain-timeout=5m"], "unknown flag --drain-timeout: set drainTimeout in the config file"],
  [["--port"], "--port needs a value: write --port N"],
  [["--port="], "--port needs a value: write --port N"],
  [["--port", ""], "--port needs a value: write --port N"],
  [["-p"], "--port needs a value: write --port N"],
  [["-p="], "--port needs a value: write --port N"],
  [["--port", "--host", "::1"], "--port needs a value: write --port N"],
  [["--port", "--"], "--port needs a value: write --port N"],
  [["--port", "-1"], "--port needs a value: write --port=N where it begins with a dash"],
  [["-p", "-1"], "--port needs a value: write --port=N where it begins with a dash"],
  [["--port", "1", "-p2"], "--port is given twice: give it once"],
  [["--port=1", "--port=1", "--port=1"], "--port is given more than once: give it once"],
  [["--no-queue", "--no-queue"], "--no-queue is given twice: give it once"],
  [["--no-queue=yes"], "cannot use --no-queue=yes: write --no-queue alone, or =true or =false"],
  [["--no-queue="], "cannot use --no-queue=: write --no-queue alone, or =true or =false"],
];

Deno.test("a command line that cannot be is refused in one line", async (t) => {
  for (const [args, message] of bad) {
    await t.step(args.join(" "), () => {
      const error = assertThrows(() => parseCommandLine(args, FLAGS), ConfigError);
      assertEquals(error.message, message);
      assertEquals(error.source, "flag");
    });
  }
});
