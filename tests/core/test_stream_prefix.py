"""What a stream delivers is always the beginning of exactly one attempt, whatever fails."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import reliai
from reliai.testing import ScriptedModel, Stall, records, virtual_clock
from tests.core._kinds import each_stream, of_kind

FAULTS: dict[str, Any] = {
    "error": ConnectionError("cut"),
    "unknown": ValueError("odd"),
    "stall": Stall(100),
    "pause": Stall(1),
}
SILENT = (["stall"], ["pause"])
items = st.one_of(st.just("chunk"), st.just("chunk"), st.sampled_from(sorted(FAULTS)))
attempts = st.lists(st.lists(items, max_size=5), min_size=1, max_size=4)
stop_after = st.one_of(st.none(), st.integers(0, 5))


def script(plan: list[list[str]]) -> list[list[Any]]:
    """Attempts of which each chunk tells which attempt it belongs to.

    One that was left behind in a silence wakes up when virtual time is over; it must find something
    to give then, and no further silence, which would be a real one.
    """
    return [
        [
            FAULTS.get(item, f"{number}.{place}")
            for place, item in enumerate(attempt)
            if not (item in {"stall", "pause"} and attempt[place - 1 : place] in SILENT)
        ]
        for number, attempt in enumerate(plan)
    ]


def drive(function: Any, kind: str, most: int | None) -> tuple[list[str], BaseException | None]:
    """What came, at most so many chunks, and how it ended."""
    got: list[str] = []

    async def main() -> None:
        stream = function("x")
        if most == 0:
            await stream.aclose()
            return
        async for chunk in stream:
            got.append(chunk)
            if len(got) == most:
                await stream.aclose()
                return

    def now() -> None:
        stream = function("x")
        if most == 0:
            stream.close()
            return
        for chunk in stream:
            got.append(chunk)
            if len(got) == most:
                stream.close()
                return

    try:
        now() if kind == "generator" else asyncio.run(main())
    except Exception as error:
        return got, error
    return got, None


@each_stream
@hypothesis_settings(max_examples=60)
@given(plan=attempts, most=stop_after)
def test_delivered_is_a_prefix_of_one_attempt(
    kind: str, plan: list[list[str]], most: int | None
) -> None:
    given_script = script(plan)
    backup = ScriptedModel([["backup.0", "backup.1"]], repeat_last=True, name="backup")
    model = ScriptedModel([*given_script, ["last.0"]], repeat_last=True)
    function = reliai.reliable(
        reliai.Timeout(1000),
        reliai.Fallback(of_kind(backup, kind)),
        reliai.Retry(3, wait=0, budget=None),
        reliai.Timeout(50, first_chunk=20, idle=10),
    )(of_kind(model, kind))
    with virtual_clock(), records() as seen:
        got, error = drive(function, kind, most)
    chunks = [[item for item in attempt if isinstance(item, str)] for attempt in given_script]
    whole = [*chunks, ["last.0"], ["backup.0", "backup.1"]]
    assert any(got == one[: len(got)] for one in whole), f"{got} is no beginning of any"
    assert len({chunk.split(".")[0] for chunk in got}) <= 1
    if got and error is not None:
        assert isinstance(error, reliai.StreamInterrupted) or error.__notes__
    if isinstance(error, reliai.StreamInterrupted):
        assert error.partial == "".join(got)
    assert len(seen) == (0 if most == 0 else 1), "one record, or no call at all"
    if seen:
        record = seen[0]
        assert (record.chunks or 0) == len(got)
        assert record.ended
        assert all(attempt.status is not None for attempt in record.attempts)
    if error is None and most is None:
        assert got in whole
    assert model.open_streams == 0 or kind == "generator"
    assert backup.open_streams == 0
