"""Whole pipelines around streams of the real SDKs: what is delivered, and what it is said to cost.

However the function gives the stream, texts or events, sync or async, the same holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import Cut, Filtered, InStreamError, Malformed, Refusal, Status, Truncated
from tests.acceptance._asking import asking, every_stream

if TYPE_CHECKING:
    from tests.acceptance._asking import Asked, Way

FORBIDDEN = reliai.Pattern("forbidden phrase", forbid=True)
SPLIT = ["for", "bid", "den phr", "ase and more"]
LONG = ["a harmless beginning " * 4, "that goes on, ", "and on."]
ESTIMATE = 50


def pipeline(budget: reliai.Budget) -> list[Any]:
    """All that an answer passes through."""
    return [
        budget,
        reliai.Fallback("a rule"),
        reliai.Validate(FORBIDDEN, reliai.NoRefusal(), reliai.NotTruncated()),
        reliai.Retry(2, wait=0, budget=None),
        reliai.Timeout(10, first_chunk=5, idle=5),
    ]


def capped() -> reliai.Budget:
    return reliai.Budget(tokens=10_000, estimate=ESTIMATE)


def used(budget: reliai.Budget) -> float:
    account = budget.snapshot()["tokens"]
    assert account.reserved == 0
    return account.spent


def told(asked: Asked) -> int:
    """The tokens on the record, with the estimate for each attempt that tells none."""
    record = asked.record
    silent = [a for a in record.attempts if a.usage_state == "unknown"]
    return (record.input_tokens or 0) + (record.output_tokens or 0) + ESTIMATE * len(silent)


def events(asked: Asked) -> list[str]:
    return [event.kind for event in asked.record.events]


@every_stream
@pytest.mark.parametrize(
    "trouble",
    [
        InStreamError("overloaded"),
        Malformed("json", then=["abc"]),
        Malformed("sse", then=["abc"]),
        Status(429, retry_after_ms=1),
        Status("server"),
    ],
    ids=lambda item: f"{type(item).__name__} {getattr(item, 'kind', getattr(item, 'code', ''))}",
)
def test_what_fails_before_any_text_is_tried_again_and_seen_by_nobody(
    way: Way, trouble: Any
) -> None:
    """10, 15: in every form, and the budget pays for what may have been billed alone."""
    budget = capped()
    with asking(way, [trouble, ["fine ", "answer"]], *pipeline(budget)) as ask:
        got = ask("hello")
        assert (got.text, got.error) == ("fine answer", None)
        assert len(ask.server.requests) == 2
        assert [attempt.status for attempt in got.record.attempts] == ["error", "success"]
        assert used(budget) == told(got)


@every_stream
@pytest.mark.parametrize(
    "answer",
    [
        SPLIT,
        Refusal("I cannot do that"),
        Filtered(after=1, then=["abcd", "efgh"]),
        Truncated(then=["half ", "an ", "answer ", "it is"]),
    ],
    ids=["forbidden", "refused", "filtered", "truncated"],
)
def test_an_answer_that_is_no_good_falls_back_before_a_character_is_delivered(
    way: Way, answer: Any
) -> None:
    """19, 24, 27, 29: one request, one stand-in; it is paid for once."""
    budget = capped()
    with asking(way, [answer, "never"], *pipeline(budget)) as ask:
        got = ask("hello")
        assert (got.text, got.error) == ("a rule", None)
        assert len(ask.server.requests) == 1
        assert got.record.status == "degraded"
        assert used(budget) == told(got)
        measured = got.record.attempts[0].usage_state != "unknown"
        assert events(got).count("budget_estimated") == (not measured)


@every_stream
@pytest.mark.parametrize("how", ["close", "reset", "end"])
def test_a_stream_that_breaks_while_all_is_held_back_falls_back(way: Way, how: Any) -> None:
    budget = capped()
    with asking(way, [Cut(after=2, how=how, then=SPLIT), "never"], *pipeline(budget)) as ask:
        got = ask("hello")
        assert (got.text, got.error) == ("a rule", None)
        assert len(ask.server.requests) == 1
        assert used(budget) == told(got)


@every_stream
@pytest.mark.parametrize("how", ["close", "end"])
def test_a_stream_that_breaks_later_is_neither_repeated_nor_replaced(way: Way, how: Any) -> None:
    """11: what was delivered is the beginning of one attempt, and the error has it."""
    budget = capped()
    with asking(way, [Cut(after=2, how=how, then=LONG), "never"], budget) as ask:
        got = ask("hello")
        assert got.text == "".join(LONG[:2])
        assert len(ask.server.requests) == 1
        assert got.error is not None
        if how == "end":
            assert isinstance(got.error, reliai.StreamInterrupted)
            assert got.error.partial == got.text
        assert got.record.status == "error"
        assert used(budget) == told(got)


@every_stream
@pytest.mark.parametrize("policies", ["budget", "pipeline"])
def test_a_stream_that_is_closed_early_costs_what_it_had_used_once(way: Way, policies: str) -> None:
    """16, 17, 41: as much as is known, or what was estimated; never twice."""
    budget = capped()
    around = [budget] if policies == "budget" else pipeline(budget)
    with asking(way, [LONG], *around) as ask:
        got = ask("hello", chunks=1)
        assert got.text
        assert LONG[0].startswith(got.text)
        assert got.error is None
        assert got.record.status == "cancelled"
        assert used(budget) == told(got)
        assert got.record.usage_state == "estimated"
        silent = got.record.attempts[0].usage_state == "unknown"
        assert events(got).count("budget_estimated") == silent


@every_stream
def test_a_whole_stream_costs_what_it_tells(way: Way) -> None:
    budget = capped()
    with asking(way, [LONG], *pipeline(budget)) as ask:
        got = ask("hello")
        assert (got.text, got.record.usage_state) == ("".join(LONG), "measured")
        assert used(budget) == told(got) > 0
        assert "budget_estimated" not in events(got)


@every_stream
def test_a_run_counts_a_stream_that_was_left_once(way: Way) -> None:
    with asking(way, [LONG]) as ask, reliai.run("left", max_tokens=1000) as run:
        ask("hello", chunks=1)
    assert (run.calls, run.unmeasured) == (1, 1)
