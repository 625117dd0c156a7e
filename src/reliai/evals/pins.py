"""A pin: a run's numbers in a file that is committed, for later runs to be compared with.

It holds the key and the digest of each case, and its scores, times and costs: no inputs and no
outputs. One line is one case, so that a change of the file can be read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reliai.errors import ConfigurationError
from reliai.evals._journal import folder_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from os import PathLike

    from reliai.evals._columns import Columns

__all__ = ["Pin", "pin", "pin_path"]

_VERSION: Final = 1
_KEPT: Final = (
    *("id", "experiment", "dataset", "version", "root", "target", "scorers", "settings"),
    *("repeats", "git", "started_at", "ended_at", "state", "stopped", "selection", "shard"),
)


@dataclass(frozen=True, slots=True)
class Pin:
    """The numbers of a run, without its content.

    Attributes:
        manifest: what the run said of itself.
        cases: for each case its key, digest, group, and its tries, as plain data.
        source: where it was read from, for people.
    """

    manifest: Mapping[str, Any]
    cases: tuple[Mapping[str, Any], ...]
    source: str = ""

    @classmethod
    def of(cls, run: Any) -> Pin:
        """The pin of a run."""
        from reliai.evals._pinning import cases_of, manifest_of  # noqa: PLC0415  loads numpy

        return cls(manifest_of(run, _KEPT), cases_of(run))

    @classmethod
    def read(cls, text: str | bytes, source: str = "a pin") -> Pin:
        """The pin that a file's text is.

        Raises:
            ConfigurationError: when it is none, naming the source.
        """
        try:
            data = json.loads(text)
            version, manifest, cases = data["reliai_pin"], data["run"], data["cases"]
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"{source} is no pin of a run: {error!r}") from error
        if version != _VERSION:
            raise ConfigurationError(
                f"{source} is a pin of version {version!r}; this reliai reads {_VERSION}"
            )
        if not isinstance(manifest, dict) or not all(_is_case(each) for each in cases):
            raise ConfigurationError(f"{source} is no pin of a run: a case has no key or digest")
        return cls(manifest, tuple(cases), source)

    def text(self) -> str:
        """The text of the file."""
        head = json.dumps(dict(self.manifest), sort_keys=True, ensure_ascii=False, default=str)
        lines = ",\n".join(
            json.dumps(dict(case), sort_keys=True, ensure_ascii=False) for case in self.cases
        )
        return f'{{"reliai_pin": {_VERSION},\n"run": {head},\n"cases": [\n{lines}\n]}}\n'

    def write(self, path: str | PathLike[str] | None = None) -> Path:
        """Write the file, as a whole or not at all.

        Args:
            path: None for `.reliai/baselines/<experiment>.json`.

        Raises:
            ConfigurationError: without a path, when the run names no experiment.
        """
        where = pin_path(self._experiment()) if path is None else Path(path)
        where.parent.mkdir(parents=True, exist_ok=True)
        part = where.with_name(f".{where.name}.part")
        part.write_text(self.text(), encoding="utf-8")
        part.replace(where)
        return where

    def _experiment(self) -> str:
        named = self.manifest.get("experiment")
        if named is None:
            raise ConfigurationError("Pin.write(): the run names no experiment; give path=")
        return str(named)

    def columns(self) -> Columns:
        """As columns, for a comparison."""
        from reliai.evals._pinning import columns_of_pin  # noqa: PLC0415  loads numpy

        return columns_of_pin(self)

    @property
    def label(self) -> str:
        """What to call it in a report."""
        name = self.manifest.get("id") or self.manifest.get("experiment") or "a pin"
        return f"{name} ({self.source})" if self.source else str(name)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self.cases)

    def __len__(self) -> int:
        return len(self.cases)

    def __repr__(self) -> str:
        return f"<Pin of {self.label}: {len(self.cases)} cases>"


def pin(run: Any) -> Pin:
    """The pin of a run: `pin(run).write()` makes it the baseline, once it is committed."""
    return Pin.of(run)


def pin_path(experiment: str, folder: Path | None = None) -> Path:
    """Where the pin of an experiment lies.

    Raises:
        ConfigurationError: for a name without letters.
    """
    return (folder or Path()) / ".reliai" / "baselines" / f"{folder_name(experiment)}.json"


def _is_case(case: Any) -> bool:
    return (
        isinstance(case, dict)
        and isinstance(case.get("key"), str)
        and isinstance(case.get("digest"), str)
        and isinstance(case.get("tries"), list)
    )
