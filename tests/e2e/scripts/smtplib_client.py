"""Sends a file by smtplib: PORT FROM OPTIONS FILE RECIPIENT..., and prints who was refused as JSON."""

import json
import smtplib
import sys

port, sender, options, path, *recipients = sys.argv[1:]
with open(path, "rb") as file:
    content = file.read()
with smtplib.SMTP("127.0.0.1", int(port), local_hostname="client.test", timeout=30) as client:
    try:
        refused = client.sendmail(sender, recipients, content, mail_options=options.split())
    except smtplib.SMTPRecipientsRefused as error:
        refused = error.recipients
print(json.dumps({name: [code, text.decode()] for name, (code, text) in refused.items()}))
