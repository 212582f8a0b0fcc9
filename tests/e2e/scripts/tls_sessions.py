"""
Sends messages by STARTTLS in sessions of their own, some at once: PORT AUTHORITY COUNT WORKERS STOP. Goes on
until there were COUNT and the file STOP is there. Prints the serial number of the certificate that each has
seen, or what went wrong.

At first five more begin TLS and wait; when the others are over each of these sends its message as well.
"""

import os
import smtplib
import ssl
import sys
import threading

port, authority, count, workers, stop = sys.argv[1:]
context = ssl.create_default_context(cafile=authority)
message = b"From: a@client.test\r\nSubject: rotation\r\n\r\nhello\r\n"
lock = threading.Lock()
begun = 0


def say(*words):
    with lock:
        print(*words, flush=True)


def begin():
    client = smtplib.SMTP("localhost", int(port), local_hostname="client.test", timeout=60)
    client.starttls(context=context)
    client.ehlo()
    return client


def serial(client):
    return client.sock.getpeercert()["serialNumber"]


def send(client, box):
    client.sendmail("a@client.test", [f"{box}@local.test"], message)
    client.quit()


def work():
    global begun
    while True:
        with lock:
            if begun >= int(count) and os.path.exists(stop):
                return
            begun += 1
            number = begun
        try:
            client = begin()
            seen = serial(client)
            send(client, "rotated")
            say("session", seen)
        except Exception as error:
            say("failed", number, repr(error))


held = [begin() for _ in range(5)]
threads = [threading.Thread(target=work) for _ in range(int(workers))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for client in held:
    try:
        seen = serial(client)
        send(client, "held")
        say("held", seen)
    except Exception as error:
        say("failed", "held", repr(error))
