"""What was added to a dataset on the command line and waits for `reliai data commit`.

A file of its own beside the datasets, a line a change, for a command ends before the next begins.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reliai.datasets import Case, Dataset, DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reliai.datasets._whose import Whose

__all__ = ["Staged"]

FOLDER = Path(".reliai") / "staged"


class Staged:
    """The changes of one dataset that wait.

    Args:
        dataset: which.
    """

    def __init__(self, dataset: Dataset) -> None:
        name = re.sub(r"[^\w.-]+", "_", dataset.name)[:60]
        mark = hashlib.sha256(dataset.url.encode()).hexdigest()[:8]
        self._dataset = dataset
        self.path = FOLDER / f"{name}-{mark}.jsonl"

    def add(self, cases: Iterable[Case]) -> None:
        """Have cases wait."""
        self._append({"add": case.to_dict()} for case in cases)

    def remove(self, keys: Iterable[str]) -> None:
        """Have removals wait."""
        self._append({"remove": key} for key in keys)

    def _append(self, changes: Iterable[dict[str, Any]]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(each)}\n" for each in changes)

    def __len__(self) -> int:
        return sum(1 for _ in self._changes())

    def apply(self) -> int:
        """Hand all that waits to the dataset, whose `commit` is next; says how much it was."""
        count = 0
        for count, change in enumerate(self._changes(), 1):  # noqa: B007  how many
            if "add" in change:
                self._dataset.add(Case.from_dict(change["add"]))
            else:
                self._dataset.remove(change["remove"])
        return count

    def forget(self, whose: Whose) -> int:
        """Leave somebody's cases out; says how many it were."""
        changes = list(self._changes())
        kept: list[dict[str, Any]] = []
        for change in changes:
            case = Case.from_dict(change["add"]) if "add" in change else None
            left = None if case is None else whose.left_of(case, frozenset())
            if left is case:
                kept.append(change)
            elif left is not None:
                kept.append({"add": left.to_dict()})
        if kept != changes:
            beside = self.path.with_suffix(".new")
            beside.write_text("".join(f"{json.dumps(each)}\n" for each in kept), encoding="utf-8")
            beside.replace(self.path)
        return len(changes) - len(kept)

    def clear(self) -> None:
        """Forget what waited."""
        self.path.unlink(missing_ok=True)

    def _changes(self) -> Iterable[dict[str, Any]]:
        if not self.path.exists():
            return
        with self.path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    change = json.loads(line)
                except ValueError as error:
                    raise DatasetError(f"{self.path}:{number}: is damaged: {error}") from error
                yield change
