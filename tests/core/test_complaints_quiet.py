"""What is logged of an observer or a callback that fails quotes nothing of calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai._core.content import content_of

if TYPE_CHECKING:
    from collections.abc import Callable


CANARY = "zwitscher"


class Failing:
    """Raises over what it sees, with what it sees in the message."""

    def __init__(self, where: str, *, inline: bool) -> None:
        self.inline = inline
        self.reads_content = True
        setattr(self, where, self._fail)

    def _fail(self, seen: Any, *_: Any) -> None:
        try:
            raise KeyError(f"{getattr(seen, 'args', '')} {CANARY}")
        except KeyError as error:
            content = content_of(seen) if isinstance(seen, reliai.CallRecord) else seen.args
            raise ValueError(f"{content} {CANARY}") from error


def ask(prompt: str) -> str:
    return prompt


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("where", ["on_start", "on_end", "on_event", "activate"])
def test_an_observer_that_fails(
    where: str, caplog: pytest.LogCaptureFixture, *, inline: bool
) -> None:
    observer = Failing(where, inline=inline)
    cached = reliai.reliable(reliai.Cache(), observers=[observer])(ask)
    cached(CANARY)
    cached(CANARY)
    reliai.flush()
    assert "ValueError" in caplog.text
    assert "test_complaints_quiet.py" in caplog.text, "it says where"
    assert CANARY not in caplog.text


def _measure(arguments: Any, output: str) -> dict[str, float]:
    return {"length": float(output)}


def test_a_measure_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    measured: Callable[[str], str] = reliai.reliable(measure=_measure)(ask)
    assert measured(CANARY) == CANARY
    assert "ValueError" in caplog.text
    assert CANARY not in caplog.text


def test_what_the_system_says_is_told(caplog: pytest.LogCaptureFixture) -> None:
    class Away:
        inline = True

        def on_end(self, record: reliai.CallRecord) -> None:
            raise ConnectionError("collector.example is away")

    reliai.reliable(observers=[Away()])(ask)("a")
    assert "collector.example is away" in caplog.text
