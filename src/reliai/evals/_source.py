"""The cases of an experiment: which of a dataset, and what is left of them to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from reliai.errors import ConfigurationError
from reliai.evals._fingerprints import code_of, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.datasets.case import Case
    from reliai.datasets.version import Cases

__all__ = ["Select", "Selection", "checked_shard", "opened"]

Select: TypeAlias = (
    "Mapping[str, str | Iterable[str]] | Iterable[str] | Callable[[Case], bool] | None"
)
"""Cases with these tags, with these keys, or of which a function says True."""


def opened(dataset: Any) -> Cases:
    """What is given as a dataset: a version, a view, the text of a reference, or any cases.

    Raises:
        ConfigurationError: when it is none of these.
        DatasetError: when there is no such version, or a list has a key twice.
    """
    from reliai.datasets import listed, resolve  # noqa: PLC0415  not for reading runs

    if isinstance(dataset, str):
        return resolve(dataset)
    if hasattr(dataset, "root") and hasattr(dataset, "__len__"):
        made: Cases = dataset
        return made
    if isinstance(dataset, Iterable):
        return listed(dataset)
    raise ConfigurationError(
        f"dataset={dataset!r}: must be a version of a Dataset, a list of Cases, or a reference "
        "such as 'name@v3'"
    )


class Selection:
    """Which cases of a dataset: those selected, of one shard.

    Which shard a case is of depends on its digest alone, so shards need no knowledge of each other.
    """

    def __init__(self, select: Select, shard: tuple[int, int] | None) -> None:
        self._wanted = _predicate(select)
        self._shard = shard
        self.digest = None if select is None else digest_of(_told(select))

    @property
    def is_all(self) -> bool:
        """Whether it takes every case."""
        return self._wanted is None and self._shard is None

    def of(self, cases: Iterable[Case]) -> Iterator[Case]:
        """Those of `cases` that it takes."""
        wanted, shard = self._wanted, self._shard
        for case in cases:
            if shard is not None and not _in_shard(case.digest, shard):
                continue
            if wanted is None or wanted(case):
                yield case


def checked_shard(shard: Any) -> tuple[int, int] | None:
    """`shard`, when it can be one: (1, 4) is the first of four.

    Raises:
        ConfigurationError: for anything else.
    """
    if shard is None:
        return None
    parts = tuple(shard) if isinstance(shard, tuple | list) else ()
    if len(parts) == 2:
        number, of = parts
        if isinstance(number, int) and isinstance(of, int) and 1 <= number <= of:
            return number, of
    raise ConfigurationError(f"shard={shard!r}: must be two numbers: (1, 4) is 1 of 4")


def _in_shard(digest: str, shard: tuple[int, int]) -> bool:
    number, of = shard
    return int(digest[-15:], 16) % of == number - 1


def _predicate(select: Any) -> Callable[[Case], bool] | None:
    if select is None:
        return None
    if isinstance(select, Mapping):
        tags = {
            name: frozenset((values,) if isinstance(values, str) else values)
            for name, values in select.items()
        }
        return lambda case: all(case.tags.get(name) in known for name, known in tags.items())
    if callable(select):
        return lambda case: bool(select(case))
    if isinstance(select, Iterable) and not isinstance(select, str):
        keys = frozenset(select)
        return lambda case: case.key in keys or case.digest in keys
    raise ConfigurationError(
        f"select={select!r}: must be tags ({{'locale': 'de'}}), keys of cases, or a function of a "
        "case"
    )


def _told(select: Any) -> Any:
    if isinstance(select, Mapping):
        return {
            name: sorted((values,) if isinstance(values, str) else values)
            for name, values in select.items()
        }
    return code_of(select) if callable(select) else sorted(select)
