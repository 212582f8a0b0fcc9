"""Logs in over TLS and submits a file by smtplib: what to do comes as JSON on standard input."""

import json
import smtplib
import ssl
import sys

do = json.load(sys.stdin)
context = ssl.create_default_context(cafile=do["authority"])
place = {"host": "localhost", "port": do["port"], "local_hostname": "client.test", "timeout": 30}
if do["implicitTls"]:
    client = smtplib.SMTP_SSL(**place, context=context)
else:
    client = smtplib.SMTP(**place)
    client.starttls(context=context)
with client, open(do["path"], "rb") as file:
    client.ehlo()
    mechanism = do.get("mechanism")
    if mechanism is not None:
        client.user, client.password = do["account"], do["password"]
        client.auth(mechanism, getattr(client, "auth_" + mechanism.lower()))
    client.sendmail(do["from"], do["to"], file.read())
