"""A classifier behind HTTP. Whatever the server does, the caller gets a valid `Digit` in time.

Needs reliai[demo], installed from its repository: `python digits.py`
"""

import json

from pydantic import BaseModel, Field
from sklearn.datasets import load_digits

import reliai
from chat_client import chat
from local_models import TRAINED_ON


class Digit(BaseModel):
    digit: int = Field(ge=0, le=9)
    confidence: float = Field(ge=0, le=1)


# A smaller model in this process: right nine times in ten, and always there.
_pixels, _digits = (values[:TRAINED_ON] for values in load_digits(return_X_y=True))
_centroids = [_pixels[_digits == digit].mean(axis=0) for digit in range(10)]


def nearest_centroid(pixels: list[int]) -> Digit:
    distances = [float(((centroid - pixels) ** 2).sum()) for centroid in _centroids]
    nearest = min(distances)
    return Digit(
        digit=distances.index(nearest),
        confidence=1 - nearest / sorted(distances)[1],  # how much nearer than the next one
    )


@reliai.reliable(
    reliai.Timeout(2.5),  # the whole call; a share is kept for the fallback
    reliai.Fallback(nearest_centroid),
    reliai.Retry(3),
    reliai.CircuitBreaker(consecutive=5, open_for=0.5, max_open_for=1),  # short, as the demo is
    reliai.Timeout(0.8),  # one attempt
    output=Digit,  # nothing else is ever returned
    name="digits",
)
def read_digit(pixels: list[int]) -> str:
    return chat(json.dumps(pixels), model="digits")


if __name__ == "__main__":
    from local_models import serve, unseen_digits
    from reliai.testing import Malformed, Status

    trouble = [
        None,
        Status(503),
        Malformed("html"),
        '```json\n{"digit": 7, "confidence": 0.8,}\n```',
        '{"digit": 42, "confidence": 1.0}',
    ]
    with serve(script=trouble):
        for pixels, shown in unseen_digits()[:5]:
            outcome = reliai.execute(read_digit, pixels)
            record = outcome.record
            print(f"a handwritten {shown}: {outcome.unwrap()!r}")
            print("   ", record.status, *[event.kind for event in record.events])
