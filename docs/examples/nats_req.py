#!/usr/bin/env python3
"""`nats req` in a few lines, over Debian's C client (package libnats3.4, in Debian 13 libnats3.10): Nano needs no client of its own.

usage: nats_req.py CREDENTIALS SUBJECT [JSON]      NATS_URL (nats://127.0.0.1:4222), NATS_TIMEOUT (seconds, 35)
Prints the reply. Exits with 1 when the service answered an error, with 2 when nobody did or these credentials may not ask.
"""
import ctypes
import ctypes.util
import os
import sys

nats = ctypes.CDLL(ctypes.util.find_library("nats") or "libnats.so.3.4")
for name in ("natsStatus_GetText", "natsMsg_GetData"):
    getattr(nats, name).restype = ctypes.c_char_p


def check(status):
    if status != 0:
        print(f"nats_req: {nats.natsStatus_GetText(status).decode()}", file=sys.stderr)
        sys.exit(2)


@ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
def on_error(connection, _subscription, status, _closure):
    """The server tells apart from the request that it is not permitted: without this, the request would wait for its timeout."""
    text = ctypes.c_char_p()
    nats.natsConnection_GetLastError(ctypes.c_void_p(connection), ctypes.byref(text))
    words = (text.value or nats.natsStatus_GetText(status)).decode()
    permitted = "permissions violation" not in words.lower()
    print(f"nats_req: {words if permitted else 'not permitted: ' + words}", file=sys.stderr, flush=True)
    os._exit(2)


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    credentials, subject = sys.argv[1:3]
    payload = (sys.argv[3] if len(sys.argv) == 4 else "{}").encode()
    options, connection, reply = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    check(nats.natsOptions_Create(ctypes.byref(options)))
    check(nats.natsOptions_SetURL(options, os.environ.get("NATS_URL", "nats://127.0.0.1:4222").encode()))
    check(nats.natsOptions_SetUserCredentialsFromFiles(options, credentials.encode(), None))
    check(nats.natsOptions_SetErrorHandler(options, on_error, None))
    # The server takes about one signature in 300 of this library for wrong: another nonce is signed rightly.
    for _ in range(3):
        status = nats.natsConnection_Connect(ctypes.byref(connection), options)
        if status == 0 or b"Authentication" not in nats.natsStatus_GetText(status):
            break
    check(status)
    timeout = ctypes.c_int64(1000 * int(os.environ.get("NATS_TIMEOUT", "35")))
    request = (ctypes.byref(reply), connection, subject.encode(), payload, len(payload), timeout)
    check(nats.natsConnection_Request(*request))
    answer = ctypes.string_at(nats.natsMsg_GetData(reply), nats.natsMsg_GetDataLength(reply))
    sys.stdout.buffer.write(answer + b"\n")
    value = ctypes.c_char_p()
    failed = nats.natsMsgHeader_Get(reply, b"Nats-Service-Error-Code", ctypes.byref(value)) == 0
    sys.exit(1 if failed else 0)


main()
