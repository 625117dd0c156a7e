"""The demo against a provider.

Its SDK asks a server on this machine that fails on the schedule; what the schedule lets through,
that server asks of the provider.
"""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from reliai.cli.demo.jobs import Job, StreamJob, StructuredJob
from reliai.cli.demo.setup import Setup
from reliai.cli.demo.sources import example
from reliai.cli.demo.witness import Witness
from reliai.providers import classify
from reliai.testing import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import ModuleType

__all__ = ["Unusable", "provider"]

_KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
_SDK_RETRIES = 2  # what both SDKs do by themselves when nobody says otherwise


class Unusable(Exception):
    """The provider cannot be asked; the message says why and what to do."""


def provider(spec: str, *, stalls: bool = True) -> Setup:
    """The functions of `openai_sdk.py` or `anthropic_sdk.py`, asking `spec`.

    Args:
        spec: "openai:NAME" or "anthropic:NAME", where NAME is one of its models.
        stalls: whether answers may fall silent, which takes its time: models think for long.

    Raises:
        Unusable: for another provider, without its key, or when it does not answer.
        ModuleNotFoundError: its SDK is not installed.
    """
    vendor, _, name = spec.partition(":")
    if vendor not in _KEYS or not name:
        raise Unusable(f"--model {spec}: give openai:NAME or anthropic:NAME")
    if not os.environ.get(_KEYS[vendor]):
        raise Unusable(f"--model {spec}: put your key into the environment as {_KEYS[vendor]}")
    os.environ["MODEL"] = name
    functions = example(f"{vendor}_sdk")
    upstream = _UPSTREAMS[vendor](functions.client)
    _say_hello(spec, upstream, name)
    witness = Witness(upstream)
    return Setup(
        f"{spec}: streamed answers to questions about Python, and their topic as JSON",
        witness,
        _jobs(functions, witness),
        lambda url, guarded: _connected(functions, vendor, url, guarded=guarded),
        [str(functions.__file__)],
        rate=1.5,
        promise=40.0,
        stall=10.0 if stalls else 0.0,
        chunk_delay=0.0,
        seconds=60.0,
    )


def _jobs(functions: ModuleType, witness: Witness) -> list[Job]:
    questions, labels = example("docs_answers").QUESTIONS, example("labels")
    return [
        StructuredJob(
            name="topic",
            guarded=functions.topic,
            inputs=questions,
            output=labels.Topic,
            field="topic",
            truth=None,
        ),
        StreamJob("docs", functions.answer, questions, witness, functions.first_line),
    ]


@contextmanager
def _connected(functions: ModuleType, vendor: str, url: str, *, guarded: bool) -> Iterator[None]:
    """Turn the SDK's client to the server; in the bare run it is one as the SDK makes it."""
    client = functions.client
    address = f"{url}/v1" if vendor == "openai" else url
    bare = type(client)  # its own class makes one that is not wrapped
    functions.__dict__["client"] = made = (
        client.with_options(base_url=address)
        if guarded
        else bare(api_key=client.api_key, base_url=address, max_retries=_SDK_RETRIES)
    )
    try:
        yield
    finally:
        functions.__dict__["client"] = client
        if not guarded:
            made.close()


def _say_hello(spec: str, upstream: Callable[[dict[str, Any]], Any], name: str) -> None:
    hello = {"role": "user", "content": "Answer with the word yes."}
    reply = upstream({"model": name, "messages": [hello], "max_tokens": 100})
    if isinstance(reply, Status):
        raise Unusable(f"--model {spec}: the provider answers HTTP {reply.code}: {reply.message}")


def _openai(client: Any) -> Callable[[dict[str, Any]], Any]:
    def text(event: Any) -> str | None:
        return event.choices[0].delta.content if event.choices else None

    def ask(request: dict[str, Any]) -> Any:
        reply = client.chat.completions.create(**_chosen(request, "model", "messages", "stream"))
        if request.get("stream"):
            return _pieces(reply, text)
        return reply.choices[0].message.content or ""

    return _passing_errors_on(ask)


def _anthropic(client: Any) -> Callable[[dict[str, Any]], Any]:
    def text(event: Any) -> str | None:
        return getattr(getattr(event, "delta", None), "text", None)

    def ask(request: dict[str, Any]) -> Any:
        given = _chosen(request, "model", "messages", "stream", "system", "max_tokens")
        reply = client.messages.create(**given)
        if request.get("stream"):
            return _pieces(reply, text)
        return "".join(block.text for block in reply.content if block.type == "text")

    return _passing_errors_on(ask)


_UPSTREAMS = {"openai": _openai, "anthropic": _anthropic}


def _chosen(request: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: request[name] for name in names if name in request}


def _pieces(stream: Any, text: Callable[[Any], str | None]) -> Iterator[str]:
    """The text of a stream; when the reader leaves, the provider is told to stop."""
    with closing(stream):
        for event in stream:
            piece = text(event)
            if piece:
                yield piece


def _passing_errors_on(ask: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    """The provider's own refusals reach the demo's caller with their status."""

    def passed_on(request: dict[str, Any]) -> Any:
        try:
            return ask(request)
        except Exception as error:  # noqa: BLE001  whatever SDK raised it
            failure = classify(error)
            return Status(
                failure.status or 503, message=str(error)[:300], retry_after=failure.retry_after
            )

    return passed_on
