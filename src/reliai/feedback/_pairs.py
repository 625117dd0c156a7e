"""Two calls beside each other: which are shown, in which order, and what reviewers said of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from reliai.datasets._capture_calls import chance_of
from reliai.feedback._walking import pieces
from reliai.records._reviews import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from reliai.records import RecordStore, StoredCall
    from reliai.records.revision import Revision

__all__ = ["FIRST", "SECOND", "TIE", "label_of", "pairs_of_shadows", "shown_first", "unnamed"]

FIRST: Final = "first"
SECOND: Final = "second"
TIE: Final = "tie"

_MARKS: Final = frozenset({"shadow", "shadow_role"})
_CANDIDATE: Final = {"tag:shadow_role": "candidate"}


def shown_first(queue: str, reviewer: str, call_id: str, other: str) -> bool:
    """Whether this reviewer sees the first call of a pair first: half of the time, not by place."""
    return chance_of(f"{reviewer}:{call_id}:{other}", f"pair:{queue}") < 0.5


def unnamed(call: StoredCall, name: str) -> StoredCall:
    """A call without what tells which model or arm answered, how fast and at which cost.

    Args:
        call: of a pair.
        name: that both calls get.
    """
    return replace(
        call,
        name=name,
        fingerprint="",
        duration=None,
        time_to_first_chunk=None,
        chunks=None,
        input_tokens=None,
        output_tokens=None,
        target=None,
        variant=None,
        model_requested=None,
        model_served=None,
        provider=None,
        cost_usd=None,
        wasted_usd=None,
        parent_id=None,
        tags={name: value for name, value in call.tags.items() if name not in _MARKS},
        attempts=(),
        events=(),
        values={},
    )


def label_of(said: Revision, call_id: str, other: str) -> str | None:
    """Which call of a pair somebody preferred: "first", "second" or "tie"; None: of another."""
    if not isinstance(said.value, dict) or {said.call_id, said.other} != {call_id, other}:
        return None
    return {call_id: FIRST, other: SECOND}.get(str(said.value.get("better")), TIE)


def pairs_of_shadows(
    store: RecordStore,
    queue: str,
    rate: float,
    since: float | datetime | None,
    which: Mapping[str, Any],
) -> Iterator[list[Wanted]]:
    """Calls, each with what a candidate answered in its shadow, where the answers differ."""
    where = which.get("where") or {}
    if isinstance(where, Mapping):  # and no expression: the database looks at shadows only then
        where = {**where, **_CANDIDATE}
    for shadows in pieces(store, since, {**which, "where": where}):
        of_parent = {one.parent_id: one for one in shadows if _is_candidate(one)}
        parents = store.calls(where={"id": list(of_parent)}, limit=None) if of_parent else []
        yield [
            Wanted(one.id, "shadow", 3, rate, of_parent[one.id].id)
            for one in sorted(parents, key=lambda call: call.id)
            if _answered(one)
            and one.output != of_parent[one.id].output
            and chance_of(one.id, f"review:{queue}:pairs") < rate
        ]


def _is_candidate(call: StoredCall) -> bool:
    role = call.tags.get("shadow_role")
    return role == "candidate" and call.parent_id is not None and _answered(call)


def _answered(call: StoredCall) -> bool:
    usual = call.status == "success" and call.environment != "eval"
    return usual and call.inputs is not None and call.output is not None
