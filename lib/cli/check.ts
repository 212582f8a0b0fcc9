/** `smtpd check`: whether `serve` would start with these settings. @module */
import { shown } from "../config/sources.ts";
import { checkTogether } from "../config/together.ts";
import { noLog } from "../net/log.ts";
import { aliasesOf } from "./aliases_file.ts";
import { allRoutes } from "./compose.ts";
import { loadCertificates } from "./certificate_files.ts";
import { checkDirectories } from "./directories.ts";
import { EXIT } from "./failure.ts";
import { faultsOf } from "./faults.ts";
import { checkProgram } from "./program.ts";
import { uiTokenOf } from "./ui.ts";
import { usersOf } from "./users_file.ts";
import { authoritiesOf, checkCredentials } from "./tls_out.ts";
import { checkOperands, type Verb } from "./verb.ts";

/** The command. */
export const check: Verb = {
  usage: "check",
  summary: "validate every setting; bind nothing",
  takesSettings: true,
  details: () =>
    "It takes the flags of serve. Example, before a restart with new settings:\n\n" +
    "  smtpd check --config /etc/smtpd.json && systemctl restart smtpd",
  async run(call) {
    checkOperands(call, 0, 0, check.usage);
    const config = call.config();
    checkTogether(config);
    checkDirectories(config);
    checkProgram(config);
    faultsOf(config);
    checkCredentials(allRoutes(config).map(({ route }) => route));
    authoritiesOf(config);
    aliasesOf(config, noLog)?.load();
    usersOf(config, noLog)?.load();
    uiTokenOf(config);
    for (const { wrong, mend } of (await loadCertificates(config))?.warnings ?? []) {
      call.around.err(`smtpd: warning: ${shown(`${wrong}: ${mend}`, 1000)}`);
    }
    call.around.out("smtpd: configuration is good");
    return EXIT.ok;
  },
};
