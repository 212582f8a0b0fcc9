"""Stores each message that comes by aiosmtpd in a file: KIND (smtp or lmtp) ADDRESS PORT DIRECTORY."""

import sys
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP

kind, address, port, directory = sys.argv[1:]


class Store:
    count = 0

    async def handle_DATA(self, server, session, envelope):
        with open(f"{directory}/{Store.count}", "wb") as file:
            file.write(envelope.original_content)
        Store.count += 1
        return "250 2.0.0 stored"


class Server(Controller):
    def factory(self):
        create = LMTP if kind == "lmtp" else SMTP
        return create(self.handler, hostname="aiosmtpd.test", enable_SMTPUTF8=True)


Server(Store(), hostname=address, port=int(port)).start()
print("ready", flush=True)
threading.Event().wait()
