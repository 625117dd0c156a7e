"""Streamed answers. What the reader sees is always the beginning of exactly one answer.

A failure before the first chunk is retried, or the local index answers; after it nothing is
replayed. Needs reliai[demo], installed from its repository: `python docs_answers.py`
"""

import re
from collections.abc import Iterator
from pydoc_data.topics import topics

import reliai
from chat_client import chat_stream

QUESTIONS = (
    "How does the with statement work?",
    "What is a lambda expression?",
    "When does the finally clause run?",
    "What does yield do in a generator?",
    "What does nonlocal do?",
    "How are comparisons chained?",
    "What happens to the else clause of a loop after break?",
    "How does a for statement iterate over a sequence?",
    "Which objects are considered false?",
    "How does an augmented assignment differ from a normal one?",
    "What does the pass statement do?",
    "How does an await expression suspend a coroutine?",
)


def first_line(question: str) -> Iterator[str]:
    """The first sentence on the topic, from the index in this process: less, and always there."""
    words = re.findall(r"\w{3,}", question.lower())
    topic = max(topics, key=lambda name: sum(_share(word, name) for word in words))
    paragraphs = [" ".join(text.split()) for text in topics[topic].split("\n\n")]
    prose = next((text for text in paragraphs[1:] if text.endswith((".", ":"))), paragraphs[0])
    yield f"See “{topic}”: {prose.partition('. ')[0]}"


def _share(word: str, topic: str) -> float:
    return (word == topic) + topics[topic].lower().count(f'"{word}"') / len(topics[topic])


@reliai.reliable(
    reliai.Timeout(2.5),  # the whole call; a share is kept for the fallback
    reliai.Fallback(first_line),
    reliai.Retry(3),
    reliai.CircuitBreaker(consecutive=5, open_for=0.5, max_open_for=1),  # short, as the demo is
    reliai.Timeout(first_chunk=0.8, idle=0.5),  # one attempt
    name="docs",
)
def answer(question: str) -> Iterator[str]:
    yield from chat_stream(question, model="python-docs")


if __name__ == "__main__":
    from local_models import serve
    from reliai.testing import Cut, InStreamError, Stall, Status

    trouble = [None, Stall(5), InStreamError("overloaded"), Cut(), Status(401), Cut(after=2)]
    with serve(script=trouble):
        for question in QUESTIONS[:4]:
            with reliai.collect() as calls:
                print(f"\n{question}\n    ", end="")
                try:
                    for chunk in answer(question):
                        print(chunk, end="")
                except ConnectionError as error:
                    print(f" … broken off: {error}", end="")
            record = calls[0]
            print(f"\n  ({record.status}:", *[e.kind for e in record.events], end=")\n")
