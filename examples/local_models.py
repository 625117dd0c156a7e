"""Two real models behind a real HTTP server on this machine: what the other examples call.

    digits        reads 8 by 8 pixels of handwriting: gives {"digit": 7, "confidence": 1.0}
    python-docs   answers a question about Python with a passage of its documentation

Both speak the OpenAI chat protocol, streamed or not, and `fault_server` lets them fail as told:

    with serve(schedule=[(2, Status(503)), (4, None)]):
        ...

Needs scikit-learn, which reliai[demo] brings. `python local_models.py` asks each model once.
"""

import json
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pydoc_data.topics import topics
from typing import Any

from sklearn.datasets import load_digits
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import KNeighborsClassifier

from reliai.testing import FaultServer, fault_server

TRAINED_ON = 1200
"""The first so many of the 1,797 digits; the model has not seen the others."""


# --- handwritten digits ------------------------------------------------------------------------


@cache
def classifier() -> KNeighborsClassifier:
    pixels, digits = load_digits(return_X_y=True)
    return KNeighborsClassifier(5).fit(pixels[:TRAINED_ON], digits[:TRAINED_ON])


def read_digit(pixels: list[int]) -> str:
    shares = classifier().predict_proba([pixels])[0]
    digit = int(shares.argmax())
    return json.dumps({"digit": digit, "confidence": round(float(shares[digit]), 3)})


def unseen_digits() -> list[tuple[list[int], int]]:
    """Pixels the model has not seen, each with the digit it shows."""
    pixels, digits = load_digits(return_X_y=True)
    pairs = zip(pixels[TRAINED_ON:], digits[TRAINED_ON:], strict=True)
    return [([int(value) for value in image], int(digit)) for image, digit in pairs]


# --- questions about Python --------------------------------------------------------------------

NO_TOPIC = "a an and are can do does how i in is it my of the there to what when which why".split()
LENGTHS = range(120, 700)
"""Characters of a passage that can stand alone as an answer."""


@cache
def library() -> tuple[TfidfVectorizer, Any, list[str]]:
    """The passages, and the index that finds them."""
    paragraphs = (
        (topic, " ".join(paragraph.split()))
        for topic, text in sorted(topics.items())
        for paragraph in text.split("\n\n")
    )
    passages = {text: topic for topic, text in paragraphs if len(text) in LENGTHS}
    words = TfidfVectorizer(stop_words=NO_TOPIC, sublinear_tf=True, ngram_range=(1, 2))
    index = words.fit_transform(f"{topic} {topic} {text}" for text, topic in passages.items())
    return words, index, list(passages)


def best_passages(question: str, count: int = 3) -> list[str]:
    words, index, passages = library()
    scores = (index @ words.transform([question]).T).toarray().ravel()
    return [passages[place] for place in scores.argsort()[::-1][:count]]


def answer(question: str, rng: random.Random) -> Iterator[str]:
    """One of the three best passages, some words at a time; asked twice, it may be another one."""
    passage = rng.choices(best_passages(question), weights=(4, 2, 1))[0]
    words = passage.split(" ")
    for start in range(0, len(words), 6):
        yield ("" if start == 0 else " ") + " ".join(words[start : start + 6])


# --- behind HTTP -------------------------------------------------------------------------------


def models(seed: int = 0) -> Callable[[dict[str, Any]], Any]:
    """What `fault_server` asks for an answer: gets the request, gives text or chunks of text."""
    rng = random.Random(seed)
    classifier().predict_proba([[0] * 64]), library()  # ready before the first request

    def reply(request: dict[str, Any]) -> Any:
        content = request["messages"][-1]["content"]
        if request["model"] == "digits":
            return read_digit(json.loads(content))
        return answer(content, rng)

    return reply


@contextmanager
def serve(seed: int = 0, chunk_delay: float = 0.005, **faults: Any) -> Iterator[FaultServer]:
    """Serve both models inside the block; `chat_client` finds them by the environment."""
    with fault_server(model=models(seed), chunk_delay=chunk_delay, **faults) as server:
        os.environ["MODELS_URL"] = server.url
        try:
            yield server
        finally:
            del os.environ["MODELS_URL"]


if __name__ == "__main__":
    pixels, shown = unseen_digits()[0]
    print(f"a handwritten {shown}: {read_digit(pixels)}")
    question = "How does the with statement work?"
    print(question, *answer(question, random.Random(1)), sep="\n")
