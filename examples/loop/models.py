"""The models of the loop: they read 8 by 8 pixels of handwriting, and are really trained here."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.svm import SVC

PIXELS, DIGITS = load_digits(return_X_y=True)
KNOWN = 500
"""So many of the 1,797 digits are there to train models; what people write are the others."""
OLD = 300
"""So many of them were there when today's model was trained."""

Reader = Callable[[list[int]], int]


def most_similar(images: Any, labels: Any) -> Callable[[Any], int]:
    """Finds the digit whose strokes run most alike, however dark the ink is."""
    known = images / np.linalg.norm(images, axis=1, keepdims=True)
    return lambda pixels: int(labels[(known @ pixels).argmax()])


def served() -> Reader:
    """What serves the users today."""
    find = most_similar(PIXELS[:OLD], DIGITS[:OLD])

    def read_digit(pixels: list[int]) -> int:
        return find(pixels)

    return read_digit


def small() -> Reader:
    """A candidate that looks at three of the eight lines only."""
    find = most_similar(PIXELS[:KNOWN, :24], DIGITS[:KNOWN])

    def read_digit(pixels: list[int]) -> int:
        return find(pixels[:24])

    return read_digit


def support_vectors(images: Sequence[Any] = (), labels: Sequence[int] = ()) -> Reader:
    """A candidate that generalizes better; trained on more, where more is given."""
    model = SVC(gamma=0.001, C=10).fit([*PIXELS[:KNOWN], *images], [*DIGITS[:KNOWN], *labels])

    def read_digit(pixels: list[int]) -> int:
        return int(model.predict([pixels])[0])

    return read_digit
