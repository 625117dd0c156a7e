"""A chat client from the standard library alone; where you have an SDK, use that instead.

It keeps to `reliai.remaining()`, the time its call has left, and says of a failure what an SDK
would: the status and the headers. It does not retry: that is what the policies are for.
"""

import json
import os
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import reliai

PATIENCE = 60.0
"""Seconds to wait where no deadline is set, as SDKs do (theirs is 600)."""


class ChatError(Exception):
    """The server answered with an error, at once or in the middle of a stream."""

    def __init__(self, response: HTTPResponse, body: bytes) -> None:
        super().__init__(f"HTTP {response.status}: {body[:200].decode(errors='replace')}")
        self.status_code = response.status
        self.headers = response.headers
        self.body = body


def chat(content: str, model: str) -> str:
    """Ask for an answer in one piece."""
    connection = _connect()
    with closing(connection):
        answer = json.load(_post(connection, content, model))
    try:
        text: str = answer["choices"][0]["message"]["content"]
    except LookupError:
        raise ConnectionError(f"the answer is no chat completion: {answer}") from None
    return text


def chat_stream(content: str, model: str) -> Iterator[str]:
    """Ask for an answer chunk by chunk."""
    connection = _connect()
    with closing(connection):
        response = _post(connection, content, model, stream=True)
        for line in response:
            if line.startswith(b"data: [DONE]"):
                return
            if line.startswith(b"data: "):
                yield from _text(response, line[6:])
    raise ConnectionError("the stream ended without its end mark: the answer is not whole")


def _text(response: HTTPResponse, data: bytes) -> Iterator[str]:
    event: dict[str, Any] = json.loads(data)
    if "error" in event:
        raise ChatError(response, data)
    for choice in event["choices"]:
        if choice["delta"].get("content"):
            yield choice["delta"]["content"]


def _connect() -> HTTPConnection:
    remaining = reliai.remaining()
    patience = PATIENCE if remaining is None else max(remaining, 0.001)
    return HTTPConnection(urlsplit(os.environ["MODELS_URL"]).netloc, timeout=patience)


def _post(
    connection: HTTPConnection, content: str, model: str, *, stream: bool = False
) -> HTTPResponse:
    request = {
        "model": model,
        "messages": [{"role": "user", "content": content}],
        "stream": stream,
    }
    headers = {"content-type": "application/json"}
    connection.request("POST", "/v1/chat/completions", json.dumps(request), headers)
    response = connection.getresponse()
    if response.status >= 400:
        raise ChatError(response, response.read())
    if stream and "event-stream" not in response.headers["content-type"]:
        raise ConnectionError(f"asked for a stream, got {response.headers['content-type']}")
    return response


if __name__ == "__main__":
    from local_models import serve, unseen_digits

    with serve():
        pixels, shown = unseen_digits()[0]
        print(f"a handwritten {shown}:", chat(json.dumps(pixels), model="digits"))
        question = "How does the with statement work?"
        print(question, "".join(chat_stream(question, model="python-docs")), sep="\n")
