"""A record's line is strict JSON on one line, and never longer than it may be."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reliai.telemetry._lines import as_line, fitted

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)
BULKY = ("output", "inputs", "values", "events", "checks", "attempts")


def read(line: bytes) -> Any:
    """What a strict reader makes of it."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    assert b"\n" not in line
    return json.loads(line, parse_constant=refuse)


@given(VALUES)
def test_any_data_is_a_line_of_strict_json(data: Any) -> None:
    read(as_line(data))


@given(st.fixed_dictionaries(dict.fromkeys(BULKY, VALUES)), st.integers(20, 2000))
def test_line_is_never_longer_than_it_may_be_and_says_what_is_missing(
    bulky: dict[str, Any], most: int
) -> None:
    fields = {"id": "x", **bulky}
    line, cut = fitted(fields, most)
    if line is None:
        assert cut
        return
    assert len(line) <= most
    told = read(line)
    assert told["id"] == "x"
    assert cut == ("cut" in told)
    assert all(not told[name] for name in told.get("cut", ()))
    whole = read(as_line(fields))
    assert all(told[name] == whole[name] for name in BULKY if name not in told.get("cut", ()))
