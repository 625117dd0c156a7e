"""What a server answers to something that is no browser."""

from __future__ import annotations

from http.client import HTTPConnection
from typing import NamedTuple
from urllib.parse import urlsplit

__all__ = ["Answer", "get"]


class Answer(NamedTuple):
    """A status and a text."""

    status: int
    text: str


def get(address: str) -> Answer:
    """Ask for a page, without following where it leads."""
    parts = urlsplit(address)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    connection = HTTPConnection(parts.netloc)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read().decode())
    finally:
        connection.close()
