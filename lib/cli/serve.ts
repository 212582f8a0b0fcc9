/** `smtpd serve`: the server itself. @module */
import { lineLog } from "../log.ts";
import { EXIT } from "./failure.ts";
import { runServer } from "./run_server.ts";
import { serviceManager } from "./service_manager.ts";
import { checkOperands, type Verb } from "./verb.ts";

/** The command. */
export const serve: Verb = {
  usage: "[serve] [flags]",
  summary: "run the server",
  takesSettings: true,
  examples: [{
    purpose: "for tests on this computer",
    line: "smtpd --port 2525 --host 127.0.0.1 --route discard",
  }],
  details: () =>
    "SIGTERM and SIGINT stop it: transactions under way end first; a second one ends\n" +
    "it at once. SIGHUP rereads certificates, accounts and hooks. Logs go to\n" +
    "standard error. Where a service manager such as systemd passes sockets on, a\n" +
    "service listens at those that have its port, and --host says nothing of it.",
  async run(call) {
    checkOperands(call, 0, 0, "serve [flags]");
    const config = call.config();
    using lines = lineLog(config.logLevel, config.logFormat);
    using manager = serviceManager(call.around.environment, lines.log);
    await runServer(config, lines, { manager });
    return EXIT.ok;
  },
};
