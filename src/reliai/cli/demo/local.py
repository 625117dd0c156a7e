"""The demo against the two models on this machine."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reliai.cli.demo.jobs import StreamJob, StructuredJob
from reliai.cli.demo.setup import Setup
from reliai.cli.demo.sources import example
from reliai.cli.demo.witness import Witness

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["local"]


def local(seed: int) -> Setup:
    """The functions of `digits.py` and `docs_answers.py`, the models of `local_models.py`.

    Args:
        seed: which of the best passages a question gets.

    Raises:
        ModuleNotFoundError: scikit-learn is not installed.
    """
    models, digits, docs = (example(name) for name in ("local_models", "digits", "docs_answers"))
    witness = Witness(models.models(seed))
    shown = {tuple(pixels): digit for pixels, digit in models.unseen_digits()}
    return Setup(
        "handwritten digits as JSON, and streamed answers to questions about Python",
        witness,
        [
            StructuredJob(
                name="digits",
                guarded=digits.read_digit,
                inputs=[list(pixels) for pixels in shown],
                output=digits.Digit,
                field="digit",
                truth=lambda pixels: shown[tuple(pixels)],
            ),
            StreamJob("docs", docs.answer, docs.QUESTIONS, witness, docs.first_line),
        ],
        _connect,
        [str(digits.__file__), str(docs.__file__)],
        right="digits read correctly",
    )


@contextmanager
def _connect(url: str, _guarded: bool) -> Iterator[None]:  # noqa: FBT001  as `Setup.connect`
    """Let `chat_client.py` find the server."""
    os.environ["MODELS_URL"] = url
    try:
        yield
    finally:
        del os.environ["MODELS_URL"]
