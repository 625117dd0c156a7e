"""The OpenAI SDK, guarded: a streamed answer, and a label that is always one of the topics.

Needs reliai[openai,demo], installed from its repository; then, with OPENAI_API_KEY and
MODEL in the environment, `python openai_sdk.py`.
Without a key it asks a server on this machine that fails as told.
"""

import os
from collections.abc import Iterator

from openai import OpenAI
from openai.types.chat import ChatCompletion

import reliai
from docs_answers import first_line
from labels import INSTRUCTIONS, Topic, by_keyword
from reliai.integrations.openai import wrap

MODEL = os.environ.get("MODEL", "gpt-5-mini")
# Wrapped, it leaves retries and time to the policies, and tells the record what it used.
client = wrap(OpenAI(api_key=os.environ.get("OPENAI_API_KEY", "no key")))


@reliai.reliable(
    reliai.Timeout(40),
    reliai.Fallback(first_line),
    reliai.Retry(3),
    reliai.CircuitBreaker("openai", consecutive=5, open_for=2, max_open_for=4),
    reliai.Timeout(first_chunk=8, idle=4),
    name="docs",
)
def answer(question: str) -> Iterator[str]:
    stream = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": question}],
        stream=True,
    )
    for event in stream:
        if event.choices[0].delta.content:
            yield event.choices[0].delta.content


@reliai.reliable(
    reliai.Timeout(20),
    reliai.Fallback(by_keyword),
    reliai.Validate(output=Topic, reask=1),  # told once what was wrong with its answer
    reliai.Retry(3),
    reliai.CircuitBreaker("openai", consecutive=5, open_for=2, max_open_for=4),
    reliai.Timeout(8),
    name="topic",
)
def topic(question: str) -> ChatCompletion:
    return client.chat.completions.create(
        model=MODEL,
        messages=[
            {"role": "system", "content": INSTRUCTIONS},
            {"role": "user", "content": question},
        ],
        **reliai.format_for(Topic, "openai"),
    )


def main() -> None:
    question = "How does the with statement work?"
    print("".join(answer(question)))
    print(topic(question))
    print(reliai.report())


if __name__ == "__main__":
    if "OPENAI_API_KEY" in os.environ:
        main()
    else:
        from reliai.testing import Status, fault_server

        replies = [
            Status(503),
            "The with statement wraps a block with a context manager.",
            Status(429, retry_after=1),
            "It is about a statement.",
            '{"topic": "statement"}',
        ]
        with fault_server(replies) as server:
            client.base_url = server.url + "/v1"
            main()
