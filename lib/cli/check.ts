/** `smtpd check`: whether `serve` would start with these settings. @module */
import { shown } from "../config/sources.ts";
import { CHECKS } from "./checks.ts";
import { EXIT } from "./failure.ts";
import { checkOperands, type Verb } from "./verb.ts";

/** The command. */
export const check: Verb = {
  usage: "check",
  summary: "validate every setting; bind nothing",
  takesSettings: true,
  details: () => "It takes the flags of serve.",
  examples: [{
    purpose: "before a restart with new settings",
    line: "smtpd check --config /etc/smtpd.json && systemctl restart smtpd",
  }],
  async run(call) {
    checkOperands(call, 0, 0, check.usage);
    const config = call.config();
    for (const { run } of CHECKS) {
      await run(config, ({ wrong, mend }) => {
        call.around.err(`smtpd: warning: ${shown(`${wrong}: ${mend}`, 1000)}`);
      });
    }
    call.around.out("smtpd: configuration is good");
    return EXIT.ok;
  },
};
