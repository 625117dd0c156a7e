"""The Anthropic SDK, guarded: a streamed answer, and a label that is always one of the topics.

Needs reliai[anthropic,demo], installed from its repository; then, with ANTHROPIC_API_KEY
and MODEL in the environment, `python anthropic_sdk.py`.
Without a key it asks a server on this machine that fails as told.
"""

import os
from collections.abc import Iterator

from anthropic import Anthropic
from anthropic.types import Message

import reliai
from docs_answers import first_line
from labels import INSTRUCTIONS, Topic, by_keyword
from reliai.integrations.anthropic import wrap

MODEL = os.environ.get("MODEL", "claude-haiku-4-5")
# Wrapped, it leaves retries and time to the policies, and tells the record what it used.
client = wrap(Anthropic(api_key=os.environ.get("ANTHROPIC_API_KEY", "no key")))


@reliai.reliable(
    reliai.Timeout(40),
    reliai.Fallback(first_line),
    reliai.Retry(3),
    reliai.CircuitBreaker("anthropic", consecutive=5, open_for=2, max_open_for=4),
    reliai.Timeout(first_chunk=8, idle=4),
    name="docs",
)
def answer(question: str) -> Iterator[str]:
    with client.messages.stream(
        model=MODEL,
        max_tokens=1000,
        messages=[{"role": "user", "content": question}],
    ) as stream:
        yield from stream.text_stream


@reliai.reliable(
    reliai.Timeout(20),
    reliai.Fallback(by_keyword),
    reliai.Validate(output=Topic, reask=1),  # told once what was wrong with its answer
    reliai.Retry(3),
    reliai.CircuitBreaker("anthropic", consecutive=5, open_for=2, max_open_for=4),
    reliai.Timeout(8),
    name="topic",
)
def topic(question: str) -> Message:
    return client.messages.create(
        model=MODEL,
        max_tokens=100,
        system=INSTRUCTIONS,
        messages=[{"role": "user", "content": question}],
        **reliai.format_for(Topic, "anthropic"),
    )


def main() -> None:
    question = "How does the with statement work?"
    print("".join(answer(question)))
    print(topic(question))
    print(reliai.report())


if __name__ == "__main__":
    if "ANTHROPIC_API_KEY" in os.environ:
        main()
    else:
        from reliai.testing import InStreamError, Status, fault_server

        replies = [
            InStreamError("overloaded"),
            "The with statement wraps a block with a context manager.",
            Status(429, retry_after=1),
            "It is about a statement.",
            '{"topic": "statement"}',
        ]
        with fault_server(replies) as server:
            client.base_url = server.url
            main()
