"""Views of cases: splits that keep groups together, selections, and plain lists. Floor 5."""

from __future__ import annotations

import math
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Protocol

from reliai.datasets._rows import NO_GROUP, key_hash, leaf_of, unit_of
from reliai.datasets._set_hash import SetHash
from reliai.datasets.case import Case
from reliai.datasets.failures import CaseNotFound, DatasetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["Divisible", "Listed", "Placed", "View", "listed", "selected", "split"]

_MOST_SAID: Final = 5
"""Keys that an error names."""

_CLOSE: Final = 1e-9
"""Shares that sum to 1 but for this are meant to sum to 1."""


class Placed(Protocol):
    """A case with its hashes, which are known before it is read."""

    @property
    def hash(self) -> bytes:
        """Of its key: its place in the order."""
        ...

    @property
    def leaf(self) -> bytes:
        """Of all of it."""
        ...

    @property
    def unit(self) -> bytes:
        """Of its group, or `NO_GROUP`."""
        ...

    def case(self) -> Case:
        """The case itself."""
        ...


class _Source(Protocol):
    @property
    def reference(self) -> str | None: ...

    def placed(self) -> Iterator[Placed]: ...


class Divisible:
    """What versions, views and lists have in common: they are divided, and selected from."""

    def split(self: _Source, shares: Mapping[str, float], *, seed: int = 0) -> dict[str, View]:
        """Divide the cases; see `reliai.datasets.views.split`."""
        return split(self, shares, seed=seed)

    def select(
        self: _Source,
        *,
        tags: Mapping[str, str | Iterable[str]] | None = None,
        keys: Iterable[str] | None = None,
        where: Callable[[Case], bool] | None = None,
    ) -> View:
        """Some of the cases; see `reliai.datasets.views.selected`."""
        return selected(self, tags=tags, keys=keys, where=where)


class View(Divisible):
    """Some of the cases of a version or a list, in their order. Nothing is read until it is needed.

    Args:
        source: what it is a view of.
        wanted: whether it has a case.
        described: how, for reprs: a view has no reference by which it could be found again.
    """

    reference: str | None = None

    def __init__(self, source: _Source, wanted: Callable[[Placed], bool], described: str) -> None:
        self._source = source
        self._wanted = wanted
        self.described = described
        self._count: int | None = None
        self._root: str | None = None

    def placed(self) -> Iterator[Placed]:
        """Each of its cases with its hashes."""
        return filter(self._wanted, self._source.placed())

    def __iter__(self) -> Iterator[Case]:
        return (placed.case() for placed in self.placed())

    def __len__(self) -> int:
        if self._count is None:
            self._count = sum(1 for _ in self.placed())
        return self._count

    @property
    def root(self) -> str:
        """`sha256:` and one hash of its cases, as a version or a list of the same cases has."""
        if self._root is None:  # the source never changes, so once is enough
            self._root = _root(self.placed())
        return self._root

    def case(self, key: str) -> Case:
        """The case with this id or digest.

        Raises:
            CaseNotFound: when there is none.
        """
        for case in self:
            if key in {case.id, case.digest}:
                return case
        raise CaseNotFound(f"{self.described} has no case {key!r}")

    def __repr__(self) -> str:
        return f"<reliai View {self.described}>"


def _root(placed: Iterable[Placed]) -> str:
    sums = SetHash()
    for each in placed:
        sums.add(each.leaf)
    return sums.root()


def _name(source: Any) -> str:
    return source.described if isinstance(source, View | Listed) else str(source.reference)


def split(source: _Source, shares: Mapping[str, float], *, seed: int = 0) -> dict[str, View]:
    """Divide cases at random, by a hash of the seed and their group, else their key.

    Cases of one group are never in two splits. Where a case goes depends on nothing but the seed,
    the shares and its group or key: cases that are added later never move others. So the sizes
    are near the shares, the nearer the more groups there are, and not exactly these.

    Args:
        source: a version, a view or a list.
        shares: of each split by its name, in (0, 1), which sum to 1. In their order: enlarging
            the first moves cases into it and none out of it.
        seed: another one divides anew.

    Raises:
        DatasetError: when the shares do not sum to 1 or are no shares.
    """
    ends = _ends(shares)
    begin = f"{seed}:".encode()

    def place(placed: Placed) -> float:
        unit = placed.unit
        unit = b"key:" + placed.hash if unit == NO_GROUP else b"group:" + unit
        return int.from_bytes(sha256(begin + unit).digest()[:8], "big") / 2**64

    def within(low: float, high: float) -> Callable[[Placed], bool]:
        return lambda placed: low <= place(placed) < high

    made: dict[str, View] = {}
    low = 0.0
    for name, high in ends.items():
        made[name] = View(source, within(low, high), f"{_name(source)}[{name}, seed {seed}]")
        low = high
    return made


def _ends(shares: Mapping[str, float]) -> dict[str, float]:
    if not shares:
        raise DatasetError("a split needs shares, such as {'train': .8, 'test': .2}")
    for name, share in shares.items():
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
            raise DatasetError(f"the share {name!r}: {share!r} must be in (0, 1]")
    total = math.fsum(shares.values())
    if abs(total - 1) > _CLOSE:
        raise DatasetError(
            f"the shares {dict(shares)!r} sum to {total:g} and must sum to 1: name what is left "
            f"over too, for example 'rest': {max(0.0, 1 - total):g}"
        )
    names, ends = list(shares), {}
    for at, name in enumerate(names):
        last = at + 1 == len(names)
        ends[name] = math.inf if last else math.fsum(shares[each] for each in names[: at + 1])
    return ends


def selected(
    source: _Source,
    *,
    tags: Mapping[str, str | Iterable[str]] | None = None,
    keys: Iterable[str] | None = None,
    where: Callable[[Case], bool] | None = None,
) -> View:
    """Some of the cases: those for which all that is given holds.

    Args:
        source: a version, a view or a list.
        tags: a text, or several of which one is enough, for each tag.
        keys: ids or digests; each must be there when the view is read.
        where: any function of the case.

    Raises:
        DatasetError: when nothing is given.
    """
    if tags is None and keys is None and where is None:
        raise DatasetError("select needs tags=, keys= or where=: without them it would be all")
    texts = {name: _texts(values) for name, values in (tags or {}).items()}
    said = [f"{name}={'|'.join(sorted(values))}" for name, values in texts.items()]
    if where is not None:
        said.append(getattr(where, "__qualname__", "where"))
    if keys is not None:
        chosen = _texts(keys)
        source = _Chosen(source, chosen, f"{_name(source)}[{len(chosen)} keys]")
        if not said:
            return source

    def wanted(placed: Placed) -> bool:
        case = placed.case()
        if any(case.tags.get(name) not in values for name, values in texts.items()):
            return False
        return where is None or bool(where(case))

    return View(source, wanted, f"{_name(source)}[{', '.join(said)}]")


class _Chosen(View):
    """Cases of certain keys, each of which must be there."""

    def __init__(self, source: _Source, keys: frozenset[str], described: str) -> None:
        super().__init__(source, lambda _: True, described)
        self._keys = keys

    def placed(self) -> Iterator[Placed]:
        """Each of its cases with its hashes.

        Raises:
            CaseNotFound: at the end, when a key was not there.
        """
        missing = set(self._keys)
        for placed in self._source.placed():
            case = placed.case()
            names = {case.key, case.digest} & self._keys
            if names:
                missing -= names
                yield placed
        if missing:
            said = ", ".join(map(repr, sorted(missing)[:_MOST_SAID]))
            raise CaseNotFound(f"{_name(self._source)} has no case {said}")


def _texts(values: str | Iterable[str]) -> frozenset[str]:
    return frozenset([values]) if isinstance(values, str) else frozenset(values)


class Listed(Divisible):
    """A list of cases with the interface of a version. In the order in which they were given.

    Raises:
        DatasetError: when two have one key.
    """

    reference: str | None = None
    described = "a list"

    def __init__(self, cases: Iterable[Case]) -> None:
        self._cases = tuple(cases)
        self._root: str | None = None
        seen: set[str] = set()
        for case in self._cases:
            if not isinstance(case, Case):
                raise DatasetError(f"a list of cases has a {type(case).__name__} in it")
            if case.key in seen:
                raise DatasetError(f"the case {case.key!r} is there twice: give each once")
            seen.add(case.key)

    def placed(self) -> Iterator[Placed]:
        """Each case with its hashes."""
        return map(_InList, self._cases)

    def __iter__(self) -> Iterator[Case]:
        return iter(self._cases)

    def __len__(self) -> int:
        return len(self._cases)

    @property
    def root(self) -> str:
        """One hash of the cases, as a version of the same cases has."""
        if self._root is None:
            self._root = _root(self.placed())
        return self._root

    def case(self, key: str) -> Case:
        """The case with this id or digest.

        Raises:
            CaseNotFound: when there is none.
        """
        for case in self._cases:
            if key in {case.id, case.digest}:
                return case
        raise CaseNotFound(f"the list has no case {key!r}")

    def __repr__(self) -> str:
        return f"<reliai list of {len(self)} cases>"


class _InList:
    """A case of a list; its hashes are made when they are asked for."""

    __slots__ = ("_case",)

    def __init__(self, case: Case) -> None:
        self._case = case

    @property
    def hash(self) -> bytes:
        return key_hash(self._case.key)

    @property
    def leaf(self) -> bytes:
        return leaf_of(self._case)

    @property
    def unit(self) -> bytes:
        return unit_of(self._case.group)

    def case(self) -> Case:
        return self._case


def listed(cases: Iterable[Case]) -> Listed:
    """Any cases with the interface of a version: iteration, length, root, split and select.

    Raises:
        DatasetError: when two have one key, or something is no case.
    """
    return Listed(cases)
