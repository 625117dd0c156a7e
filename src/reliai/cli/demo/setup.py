"""What a demo run needs: the model behind the server, the jobs, and the pace that suits them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reliai.cli.demo.jobs import Job, StreamJob, StructuredJob
from reliai.cli.demo.sources import example
from reliai.cli.demo.witness import Witness

if TYPE_CHECKING:
    from reliai.testing import FaultServer

__all__ = ["Setup", "local"]


@dataclass(frozen=True, slots=True)
class Setup:
    """One way to run the demo.

    Attributes:
        title: what is asked, for a reader.
        model: what the fault server asks for answers.
        jobs: gives the jobs, once the server runs.
        connect: makes the functions ask the server, inside its block.
        bare: the function to call in the bare run.
        witness: what remembers the models' texts.
        rate: calls a second.
        workers: how many calls can be under way.
        promise: seconds within which an answer is of use.
        stall: seconds of silence of a stalled answer.
        chunk_delay: seconds between the chunks of a stream.
        seconds: how long the two runs take together, if the user does not say.
    """

    title: str
    model: Callable[[dict[str, Any]], Any]
    jobs: Callable[[], list[Job]]
    connect: Callable[[FaultServer], Any]
    bare: Callable[[Job], Callable[[Any], Any]]
    witness: Witness
    rate: float = 25.0
    workers: int = 32
    promise: float = 3.0
    stall: float = 4.0
    chunk_delay: float = 0.005
    seconds: float = 36.0


def undecorated(job: Job) -> Callable[[Any], Any]:
    """The function inside a guarded one."""
    function: Callable[[Any], Any] = getattr(job.guarded, "__wrapped__")  # noqa: B009
    return function


def local(seed: int) -> Setup:
    """The two models of `examples/local_models.py`, on this machine.

    Args:
        seed: which of the best passages a question gets.
    """
    models = example("local_models")
    witness = Witness(models.models(seed))

    def jobs() -> list[Job]:
        digits, docs = example("digits"), example("docs_answers")
        shown = models.unseen_digits()
        truth = {tuple(pixels): digit for pixels, digit in shown}
        return [
            StructuredJob(
                name="digits",
                guarded=digits.read_digit,
                inputs=[pixels for pixels, _ in shown],
                output=digits.Digit,
                field="digit",
                truth=lambda pixels: truth[tuple(pixels)],
            ),
            StreamJob("docs", docs.answer, models.QUESTIONS, witness, docs.first_line),
        ]

    title = "handwritten digits (JSON) and questions about Python (streamed), models on this machine"
    return Setup(title, witness, jobs, models_url, undecorated, witness)


@contextmanager
def models_url(server: FaultServer) -> Iterator[None]:
    """Let `examples/chat_client.py` find the server."""
    os.environ["MODELS_URL"] = server.url
    try:
        yield
    finally:
        del os.environ["MODELS_URL"]
