"""What a demo run needs: the model behind the server, the jobs, and the pace that suits them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from reliai.cli.demo.jobs import Job
    from reliai.cli.demo.witness import Witness

__all__ = ["Setup"]


@dataclass(frozen=True, slots=True)
class Setup:
    """One way to run the demo.

    Attributes:
        title: what is asked, for a reader.
        witness: the model behind the server, and what it said.
        jobs: what is asked.
        connect: makes the functions ask the server at an address, inside its block; told whether
            they are to run guarded.
        files: where the functions are written.
        rate: calls a second.
        workers: how many calls can be under way.
        promise: seconds within which an answer is of use.
        stall: seconds of silence of a stalled answer.
        chunk_delay: seconds between the chunks of a stream.
        seconds: how long the two runs take together, if the user does not say.
        right: what the share of right answers is called; None: the truth is not known.
    """

    title: str
    witness: Witness
    jobs: list[Job]
    connect: Callable[[str, bool], AbstractContextManager[None]]
    files: list[str]
    rate: float = 25.0
    workers: int = 32
    promise: float = 3.0
    stall: float = 4.0
    chunk_delay: float = 0.005
    seconds: float = 36.0
    right: str | None = None
