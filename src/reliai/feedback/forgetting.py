"""Forgetting somebody: in datasets, calls, feedback and queues; and naming the files of exports.

Datasets come first: the store still knows then which calls are theirs, so that a run that fails can
be repeated.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reliai._core.settings import settings
from reliai.datasets import Capture, Dataset
from reliai.errors import ConfigurationError
from reliai.feedback._checked import word_of
from reliai.feedback._stores import store_for

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike

    from reliai.datasets import Forgotten
    from reliai.records import RecordStore
    from reliai.records._exports import ExportNote
    from reliai.records._traces import Traces

__all__ = ["Forgot", "forget"]

_HOME: Final = Path(".reliai") / "datasets"


@dataclass(frozen=True, slots=True)
class Forgot:
    """What was forgotten of somebody. It does not say of whom.

    Attributes:
        calls: that were deleted, with all that belongs to them.
        said: calls of others of which was deleted what they said.
        datasets: what was forgotten in each, those included that had nothing of theirs.
        exports: files that were exported earlier and have something of theirs: delete them, and
            what was trained on them, or export anew.
    """

    calls: int
    said: int
    datasets: tuple[Forgotten, ...]
    exports: tuple[ExportNote, ...]

    def __str__(self) -> str:
        lines = [f"{self.calls} calls, and what was said of {self.said} calls of others"]
        for one in self.datasets:
            if one:
                cases = f"{len(one.removed)} cases removed, {len(one.kept)} kept in part"
                versions = ", ".join(one.versions) or "no earlier version"
                lines.append(f"{one.dataset}: {cases}; {versions} rewritten")
        lines += [f"{one.path} still has something of theirs: delete it" for one in self.exports]
        return "\n".join(lines)


def forget(
    *,
    subject: str,
    datasets: Iterable[Dataset | str | PathLike[str]] | None = None,
    store: RecordStore | None = None,
) -> Forgot:
    """Delete what is there of a subject, and see that it is gone.

    Their calls with content and feedback, what they said of other calls, their items of review
    queues, and the cases that came of these in all versions of datasets. Numbers that were counted
    before stay. It is not undone.

    Args:
        subject: whom the calls were made for.
        datasets: where cases may be: datasets, or what `Dataset.open` takes; by default those in
            `.reliai/datasets` of the working folder, and those that a `Capture` of this process
            fills.
        store: the record store; by default the one that is configured.

    Raises:
        ConfigurationError: without a store.
        FeedbackError: when the subject is no text.
        DatasetError: when a dataset is damaged or changed meanwhile; then the calls are there yet.
        RuntimeError: as `RecordStore.forget` does.
    """
    word_of("feedback.forget", "subject", subject)
    store = store or store_for("feedback.forget")
    traces = store.feedback.traces(subject)
    done = [_forgotten_in(one, traces) for one in _opened(datasets)]
    before = {one.id: one.forgotten for one in store.exports.all()}
    calls = store.forget(subject=subject)
    if store.feedback.traces(subject):
        raise RuntimeError("calls or feedback of the subject came meanwhile; forget it again")
    named = [one for one in store.exports.all() if one.forgotten > before.get(one.id, 0)]
    said = len(set(traces.said) - set(traces.calls))
    return Forgot(calls, said, tuple(done), tuple(named))


def _forgotten_in(dataset: Dataset, traces: Traces) -> Forgotten:
    return dataset.forget(calls=traces.calls, groups=traces.sessions, feedback=traces.said)


def _opened(given: Iterable[Dataset | str | PathLike[str]] | None) -> list[Dataset]:
    """The datasets; of those that this process fills also the objects that hold what waits."""
    if isinstance(given, str):
        raise ConfigurationError(f"forget(datasets={given!r}): give a list, as in [{given!r}]")
    observers: Iterable[object] = settings.everyone()
    filled = [one.dataset for one in observers if isinstance(one, Capture)]
    if given is None:
        there = [each.parent.parent.name for each in _HOME.glob("*/versions/v1.json")]
        given = [*filled, *sorted(there)]
    found = [one if isinstance(one, Dataset) else Dataset.open(one) for one in given]
    urls = {one.url for one in found}
    found += [one for one in filled if one.url in urls]
    return list({id(one): one for one in found}.values())
