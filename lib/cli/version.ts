/** `smtpd version`: what this is, to the last part. @module */
import { EXIT } from "./failure.ts";
import { checkOperands, type Verb } from "./verb.ts";

/** The version of this program; the same as in deno.json. */
export const VERSION = "0.1.0";

/** The day of that version, or of the last change to the man page before it. */
export const VERSION_DATE = "2026-11-26";

/** The command. */
export const version: Verb = {
  usage: "version",
  summary: "version, Deno, V8 and target",
  takesSettings: false,
  details: () => "",
  run(call) {
    checkOperands(call, 0, 0, version.usage);
    const { deno, v8 } = Deno.version;
    call.around.out(`smtpd ${VERSION} (Deno ${deno}, V8 ${v8}, ${Deno.build.target})`);
    return EXIT.ok;
  },
};
