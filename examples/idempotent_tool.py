"""A payment that must not happen twice, over a connection that breaks after the money has moved.

Needs reliai, installed from its repository: `python idempotent_tool.py`
"""

import json
from collections.abc import Callable
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import reliai

booked: list[tuple[str, int]] = []
seen: set[str] = set()
faults: list[str] = []


class Bank(BaseHTTPRequestHandler):
    """Books a payment once for each idempotency key; may hang up before or after it did."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key = self.headers.get("idempotency-key") or ""
        fault = faults.pop(0) if faults else None
        if not (key and key in seen):
            booked.append((body["to"], body["cents"]))
            seen.add(key)
        if fault == "after booking":
            return  # the connection ends without an answer
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"booked")

    def log_message(self, *_: object) -> None:
        pass


bank = ThreadingHTTPServer(("127.0.0.1", 0), Bank)
port: int = bank.server_address[1]


def post(to: str, cents: int, headers: dict[str, str]) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=reliai.remaining() or 10)
    connection.request("POST", "/payments", json.dumps({"to": to, "cents": cents}), headers)
    return connection.getresponse().read().decode()


@reliai.reliable(reliai.Retry(3), reliai.Timeout(2), effects="once")
def pay(to: str, cents: int) -> str:
    """The bank knows no keys: only a failure that proves that nothing was sent is retried."""
    return post(to, cents, {})


@reliai.reliable(reliai.Retry(3), reliai.Timeout(2), effects="idempotent")
def pay_with_key(to: str, cents: int) -> str:
    """The bank knows the key, which is the same on all attempts: every retry is safe."""
    call = reliai.current_call()
    assert call is not None
    return post(to, cents, {"idempotency-key": call.idempotency_key})


def show(what: str, function: Callable[..., Any], fault: str) -> None:
    booked.clear()
    faults[:] = [fault]
    outcome = reliai.execute(function, "Ana", 1250)
    attempts = len(outcome.record.attempts)
    print(f"{what}: {outcome.value or outcome.error!r}")
    print(f"    {attempts} attempts, booked {len(booked)} times")


Thread(target=bank.serve_forever, daemon=True).start()
show("without a key", pay, "after booking")
show("with a key", pay_with_key, "after booking")
bank.shutdown()
bank.server_close()
show("bank is closed", pay, "")  # refused, so surely not sent: retried
