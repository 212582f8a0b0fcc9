"""Stores each message that comes by aiosmtpd in a file: KIND (smtp or lmtp) ADDRESS PORT DIRECTORY."""

import sys
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP

kind, address, port, directory = sys.argv[1:]


class Store:
    count = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("no@"):
            return "550 5.1.1 nobody of that name"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        with open(f"{directory}/{Store.count}", "wb") as file:
            file.write(envelope.original_content)
        Store.count += 1
        # aiosmtpd leaves it to the handler that LMTP has a reply for each recipient (RFC 2033 section 4.2).
        replies = len(envelope.rcpt_tos) if kind == "lmtp" else 1
        return "\r\n".join(["250 2.0.0 stored"] * replies)


class Server(Controller):
    def factory(self):
        create = LMTP if kind == "lmtp" else SMTP
        return create(self.handler, hostname="aiosmtpd.test", enable_SMTPUTF8=True)


Server(Store(), hostname=address, port=int(port)).start()
print("ready", flush=True)
threading.Event().wait()
