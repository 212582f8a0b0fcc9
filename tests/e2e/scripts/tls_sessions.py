"""
Sends COUNT messages by STARTTLS in sessions of their own, some at once: PORT AUTHORITY COUNT WORKERS.
Prints the serial number of the certificate that each has seen, or what went wrong.

At first five more begin TLS and wait; when the others are over each of these sends its message as well.
"""

import smtplib
import ssl
import sys
import threading

port, authority, count, workers = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
context = ssl.create_default_context(cafile=authority)
message = b"From: a@client.test\r\nSubject: rotation\r\n\r\nhello\r\n"
lock = threading.Lock()
left = list(range(count))


def say(*words):
    with lock:
        print(*words, flush=True)


def begin():
    client = smtplib.SMTP("localhost", port, local_hostname="client.test", timeout=60)
    client.starttls(context=context)
    client.ehlo()
    return client


def serial(client):
    return client.sock.getpeercert()["serialNumber"]


def send(client, box):
    client.sendmail("a@client.test", [f"{box}@local.test"], message)
    client.quit()


def work():
    while True:
        with lock:
            if not left:
                return
            number = left.pop(0)
        try:
            client = begin()
            seen = serial(client)
            send(client, "rotated")
            say("session", seen)
        except Exception as error:
            say("failed", number, repr(error))


held = [begin() for _ in range(5)]
threads = [threading.Thread(target=work) for _ in range(workers)]
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
