"""The people of the loop. They are simulated; what they write is real handwriting.

Users write digits, have them read, and most of them say with a thumb whether it was right. On the
second day some begin to use the camera of a phone, whose pictures are faint. A reviewer looks at
calls, and writes down what they show.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

import reliai
from loop.models import DIGITS, KNOWN, PIXELS, Reader
from reliai import feedback
from reliai.feedback import ReviewQueue

FAINT = 0.3
"""Ink on a phone's picture, compared with a scanner's."""


class Visit(NamedTuple):
    user: str
    form: int
    device: str
    pixels: list[int]
    shows: int
    tells: bool


WRITTEN: dict[tuple[int, ...], int] = {}
"""What the pictures show: what a person sees in them."""


def visits(count: int, *, phones: float, seed: int) -> Iterator[Visit]:
    """People who come to have a digit read, one after the other."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        person = int(rng.integers(2000))
        form = int(rng.integers(KNOWN, len(PIXELS)))
        device = "phone" if person % 100 < 100 * phones else "scanner"
        ink = PIXELS[form] * (FAINT if device == "phone" else 1) + rng.normal(0, 0.5, 64)
        pixels = [int(value) for value in np.clip(np.rint(ink), 0, 16)]
        shows = WRITTEN[tuple(pixels)] = int(DIGITS[form])
        yield Visit(f"user-{person}", form, device, pixels, shows, bool(rng.random() < 0.7))


def use_all(read_digit: Reader, coming: Iterable[Visit]) -> None:
    """One call after the other, and a pause now and then."""
    for number, visit in enumerate(coming):
        use(read_digit, visit)
        if number % 100 == 0:  # content of calls that come in faster than it is kept is dropped
            reliai.flush()


def use(read_digit: Reader, visit: Visit) -> str:
    """One call, and what its user says of it; gives its id."""
    # a form is for training or for tests, whoever scans it, and for good
    tags = {"device": visit.device, "part": "test" if visit.form % 2 else "train"}
    with reliai.context(subject=visit.user, session=f"form-{visit.form}", tags=tags):
        call = reliai.execute(read_digit, visit.pixels)
    assert call.call_id is not None
    if visit.tells:
        thumb = int(call.unwrap() == visit.shows)
        feedback.record(call.call_id, "thumbs", thumb, by=visit.user)
    return call.call_id


def review(queue: ReviewQueue, reviewer: str) -> int:
    """Look at all that waits in the queue; gives how many that were."""
    count = 0
    while True:
        with queue.claim(reviewer) as item:
            if item is None:
                return count
            shows = WRITTEN[tuple(item.call.inputs["pixels"])]
            item.submit("right" if item.call.output == shows else "wrong", correction=shows)
            count += 1
