"""Which cases of two runs are compared, and what there is to say of those that are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from reliai.evals._names import giver_of, short

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reliai.evals._columns import Codes, Columns, Flags

__all__ = ["Matching", "incomparable", "matching_of", "notes_of_both", "notes_of_run"]

_RETRIED: Final = 0.02
"""Share of tries that needed retries, above which a reader is told."""


@dataclass(frozen=True, slots=True)
class Matching:
    """Which cases are compared, and which are not.

    Attributes:
        ours, theirs: shape (n,), the rows of the pairs; -1 where a side did not run the case.
        edited: keys on both sides whose content differs.
        only_ours, only_theirs: keys on one side.
        same_dataset: whether both are of one version; None for unknown.
    """

    ours: Codes
    theirs: Codes
    edited: tuple[str, ...]
    only_ours: tuple[str, ...]
    only_theirs: tuple[str, ...]
    same_dataset: bool | None

    @property
    def both(self) -> Flags:
        """Which of the pairs both sides ran."""
        return (self.ours >= 0) & (self.theirs >= 0)

    @property
    def common(self) -> int:
        """How many cases both sides ran."""
        return int(self.both.sum())


def matching_of(ours: Columns, theirs: Columns) -> Matching:
    there = {key: row for row, key in enumerate(theirs.keys)}
    rows: list[tuple[int, int]] = []
    edited: list[str] = []
    only_ours: list[str] = []
    # Of one version each side ran all cases; those that are not there are missing.
    same = _same_dataset(ours, theirs)
    complete = same and not _on_purpose(theirs.manifest)
    for row, key in enumerate(ours.keys):
        other = there.get(key)
        if other is None:
            only_ours.append(key)
            if complete:
                rows.append((row, -1))
        elif ours.digests[row] == theirs.digests[other]:
            rows.append((row, other))
        else:
            edited.append(key)
    here = set(ours.keys)
    only_theirs = tuple(key for key in theirs.keys if key not in here)
    if same and not _on_purpose(ours.manifest):
        rows.extend((-1, there[key]) for key in only_theirs)
    pairs = np.asarray(rows, dtype=np.intp).reshape(-1, 2)
    return Matching(pairs[:, 0], pairs[:, 1], tuple(edited), tuple(only_ours), only_theirs, same)


def _on_purpose(manifest: Mapping[str, Any]) -> bool:
    """Whether a run is of some cases only because that was asked for."""
    return bool(
        manifest.get("selection") or manifest.get("shard") or manifest.get("stopped") == "decided"
    )


def _same_dataset(ours: Columns, theirs: Columns) -> bool | None:
    mine, other = ours.manifest.get("root"), theirs.manifest.get("root")
    return None if mine is None or other is None else bool(mine == other)


def incomparable(ours: Columns, theirs: Columns) -> dict[str, str]:
    mine, other = ours.digest_of_scorer, theirs.digest_of_scorer
    found: dict[str, str] = {}
    for name in {*mine, *ours.scores}:
        scorer = giver_of(name, mine)
        here, there = mine.get(scorer), other.get(scorer)
        if here and there and here != there:
            found[name] = (
                f"the scorer is not the same on both sides ({short(here)} here, {short(there)} in "
                "the baseline): re-score one of the runs"
            )
    for name, models in ours.judges.items():
        before = theirs.judges.get(name, ())
        if name not in found and models and before and models != before:
            found[name] = (
                f"{' and '.join(models)} judged here, and {' and '.join(before)} in the baseline: "
                "re-score one of the runs, or see by anchors whether they judge alike"
            )
    return found


def notes_of_run(ours: Columns) -> tuple[str, ...]:
    notes: list[str] = []
    stopped = ours.manifest.get("stopped")
    if stopped == "decided":
        notes.append(
            "the run was stopped as soon as it was known who is better: the difference that was "
            "seen is larger than the true one, and is judged by its sign"
        )
    elif ours.manifest.get("state") == "partial":
        why = f" ({stopped})" if stopped else ""
        notes.append(f"the candidate's run is partial{why}: it did not run all its cases")
    if ours.manifest.get("shard"):
        notes.append(f"the run is shard {ours.manifest['shard']} only: merge the shards first")
    if ours.manifest.get("curtailed"):
        notes.append(
            "tries that could not change how many of a case pass were left out (min_pass): judge "
            "each case, as means lean to 0 and 1"
        )
    if ours.retried > _RETRIED * len(ours.case):
        notes.append(
            f"{ours.retried} of {len(ours.case)} tries were answered only after retries in "
            "transport: what is retried is not a random part of the cases"
        )
    if ours.skipped:
        notes.append(f"{ours.skipped} tries were skipped, and are in no number here")
    return tuple(notes)


def notes_of_both(ours: Columns, theirs: Columns, matching: Matching) -> list[str]:
    notes: list[str] = []
    both = matching.common
    if matching.same_dataset is False or matching.edited or matching.only_ours:
        what = "DIFFERENT DATASETS" if matching.same_dataset is False else "NOT ALL CASES COMPARED"
        notes.append(
            f"{what}: {both} cases are the same and compared; {len(matching.edited)} were edited, "
            f"{len(matching.only_ours)} only the candidate ran, "
            f"{len(matching.only_theirs)} only the baseline ran"
        )
    elif matching.only_theirs:
        notes.append(
            f"NOT ALL CASES COMPARED: the candidate did not run {len(matching.only_theirs)} of the "
            f"baseline's cases"
        )
    notes.extend(_differing_settings(ours.manifest, theirs.manifest))
    if theirs.manifest.get("state") == "partial":
        notes.append("the baseline's run is partial: it did not run all its cases")
    return notes


def _differing_settings(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterable[str]:
    one, two = _policies(ours), _policies(theirs)
    if one and two and one != two:
        yield f"the candidate ran with policies={one!r}, the baseline with {two!r}"


def _policies(manifest: Mapping[str, Any]) -> Any:
    target = manifest.get("target")
    return target.get("policies") if isinstance(target, dict) else None
