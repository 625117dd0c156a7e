"""Cases that are nearly the same: found by MinHash, measured exactly, collapsed, and put back.

A hundred variants of one question make a score look surer than it is, and one on both sides of a
split is a leak. Floor 5.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from unicodedata import normalize

from reliai._needs import needed
from reliai.datasets.case import MISSING, Source
from reliai.datasets.failures import DatasetError
from reliai.datasets.weights import inclusion_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reliai.datasets.case import Case
    from reliai.datasets.dataset import Dataset

__all__ = [
    "Cluster",
    "Duplicates",
    "jaccard",
    "minhash",
    "near_duplicates",
    "put_back",
    "shingles",
    "words_of",
]

REPORT: Final = 0.8
"""The likeness from which cases are reported as near duplicates."""

COLLAPSE: Final = 0.9
"""The likeness from which one may stand for the other."""

RULE: Final = "near-duplicate"
"""The rule of the sources that say for which cases another one stands."""

_PERMUTATIONS: Final = 128
_MISSES: Final = 1e-4
"""The share of pairs at the threshold that MinHash may miss."""

_WORD: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]|[^\W_]+")
"""A word; in scripts that put no blanks between words, a character."""

_WIDTH: Final = 3


def near_duplicates(
    cases: Iterable[Case], *, threshold: float = REPORT, expected: bool = False
) -> Duplicates:
    """Cases whose inputs are nearly the same.

    Likeness is the Jaccard index of the sets of 3-word shingles of all texts in the inputs, in
    small letters: 1 for the same words in the same order, 0 for nothing in common. With 20 words,
    one other word makes 0.71; with 60 words, 0.90. Candidates come from MinHash with 128
    permutations (Broder 1997) and are then compared exactly. Each cluster has one that represents
    it: what has a reference, the most sources, and the first key; the others are like this one,
    not only like each other.

    Args:
        cases: a version, a view, or any cases.
        threshold: the likeness from which cases are duplicates, in [0.5, 1].
        expected: compare what is expected, too.

    Raises:
        ConfigurationError: when the extra `datasets` is missing.
        DatasetError: for a threshold out of its range.
    """
    if isinstance(threshold, bool) or not 0.5 <= threshold <= 1:
        raise DatasetError(f"near_duplicates(threshold={threshold!r}): must be in [0.5, 1]")
    leaders = _Leaders(threshold)
    count = 0
    for count, case in enumerate(sorted(cases, key=_first), 1):  # noqa: B007  how many there were
        leaders.place(case, shingles("\n".join(_texts_of(case, expected))))
    clusters = tuple(Cluster(one, tuple(others)) for one, others in leaders.clusters() if others)
    return Duplicates(clusters, count, threshold)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Cases that are nearly the same.

    Attributes:
        representative: the one that stands for all of them.
        others: each of the others, with its likeness to the representative.
    """

    representative: Case
    others: tuple[tuple[Case, float], ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of its cases, that of the representative first."""
        return (self.representative.key, *(case.key for case, _ in self.others))

    @property
    def conflict(self) -> bool:
        """Whether different answers are expected: one is wrong, or they are no duplicates."""
        cases = (self.representative, *(case for case, _ in self.others))
        answers = [case.expected for case in cases if case.expected is not MISSING]
        return any(answer != answers[0] for answer in answers)

    def __repr__(self) -> str:
        return f"<reliai Cluster of {len(self.keys)} cases like {self.representative.key[:19]}>"


@dataclass(frozen=True, slots=True)
class Duplicates:
    """The near duplicates among some cases.

    Attributes:
        clusters: those of two cases or more.
        cases: how many cases were compared.
        threshold: the likeness from which cases were duplicates.
    """

    clusters: tuple[Cluster, ...]
    cases: int
    threshold: float

    @property
    def redundant(self) -> int:
        """How many cases another one could stand for."""
        return sum(len(cluster.others) for cluster in self.clusters)

    @property
    def conflicts(self) -> tuple[Cluster, ...]:
        """Clusters in which different answers are expected."""
        return tuple(cluster for cluster in self.clusters if cluster.conflict)

    def collapse(self, dataset: Dataset, *, conflicts: bool = False) -> int:
        """Keep one case of each cluster; commit afterwards. `put_back` undoes it.

        The one that is kept stands for the others: it gets their sources, so that it has the
        weight of all of them, and says whose place it takes.

        Args:
            dataset: whose newest version they are in.
            conflicts: also where different answers are expected.

        Returns:
            How many cases will be gone.

        Raises:
            DatasetError: when the dataset has no version, or a case is not in it.
        """
        latest = dataset.latest
        if latest is None:
            raise DatasetError(f"{dataset.name} has no version yet: commit its cases first")
        gone = 0
        for cluster in self.clusters:
            if cluster.conflict and not conflicts:
                continue
            dataset.add(_standing_for(cluster, latest.name))
            for case, _ in cluster.others:
                dataset.remove(case.key)
                gone += 1
        return gone

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "cases": self.cases,
            "threshold": self.threshold,
            "redundant": self.redundant,
            "clusters": [
                {
                    "representative": cluster.representative.key,
                    "conflict": cluster.conflict,
                    "others": [
                        {"case": case.key, "likeness": round(likeness, 4)}
                        for case, likeness in cluster.others
                    ],
                }
                for cluster in self.clusters
            ],
        }

    def __repr__(self) -> str:
        return (
            f"<reliai Duplicates: {len(self.clusters)} clusters, {self.redundant} of "
            f"{self.cases} cases redundant at {self.threshold:g}>"
        )


def put_back(dataset: Dataset) -> int:
    """Undo every `collapse`: the cases that others stand for come back; commit afterwards.

    They are read from the version they were in last. What a representative was given since stays
    with it.

    Args:
        dataset: whose newest version is to have them again.

    Returns:
        How many cases come back.
    """
    standing = [case for case in dataset.latest or () if _taken_places(case)]
    back: set[str] = set()
    while standing:
        case = standing.pop()
        places = _taken_places(case)
        before = [dataset.at(version).case(key) for version, key in places]
        dataset.add(_alone(case, before, dataset.at(places[0][0]).case(case.key)), whole=True)
        for each in before:
            back.add(each.key)
            if _taken_places(each):
                standing.append(each)
            else:
                dataset.add(each)
    return len(back)


def _taken_places(case: Case) -> list[tuple[str, str]]:
    """The versions and keys of the cases that it stands for."""
    return [
        (str(source.detail["version"]), str(source.id))
        for source in case.sources
        if source.rule == RULE
    ]


def _alone(case: Case, others: Iterable[Case], before: Case) -> Case:
    """A case without what it got from those it stands for."""
    theirs = {source.identity for other in others for source in other.sources}
    theirs -= {source.identity for source in before.sources}
    own = tuple(
        source for source in case.sources if source.rule != RULE and source.identity not in theirs
    )
    chance = inclusion_of(own) or before.inclusion_probability
    return replace(case, sources=own, inclusion_probability=chance)


def shingles(text: str) -> frozenset[str]:
    """The sets of three words in a row, in small letters; of fewer words, all of them.

    Of a text without words, such as one of signs or pictures, it is the text itself.
    """
    plain = normalize("NFKC", text).casefold()
    words = _WORD.findall(plain) or plain.split()
    if len(words) <= _WIDTH:
        return frozenset([" ".join(words)])
    return frozenset(" ".join(words[at : at + _WIDTH]) for at in range(len(words) - _WIDTH + 1))


def jaccard(one: frozenset[Any], other: frozenset[Any]) -> float:
    """What two sets have in common, as a share of what is in either; 1 for two empty ones."""
    common = len(one & other)
    either = len(one) + len(other) - common
    return common / either if either else 1.0


def minhash(given: str | frozenset[str], permutations: int = _PERMUTATIONS) -> Any:
    """The MinHash of a text, or of its shingles."""
    pieces = shingles(given) if isinstance(given, str) else given
    made = _empty(permutations).copy()
    made.update_batch([piece.encode() for piece in pieces])
    return made


def words_of(value: Any) -> Iterator[str]:
    """Every text and number in JSON data, in the order of keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key in sorted(value):
            yield from words_of(value[key])
    elif isinstance(value, list | tuple):
        for item in value:
            yield from words_of(item)
    elif value is not None:
        yield str(value)


@lru_cache(8)
def _empty(permutations: int) -> Any:
    return needed("datasketch", "datasets", "MinHash").MinHash(num_perm=permutations)


class _Leaders:
    """The cases that others are compared with, and who is like whom."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._lsh = needed("datasketch", "datasets", "near_duplicates()").MinHashLSH(
            num_perm=_PERMUTATIONS, params=_bands(threshold)
        )
        self._leaders: list[tuple[Case, array[int], list[tuple[Case, float]]]] = []

    def place(self, case: Case, pieces: frozenset[str]) -> None:
        """Put a case to the one that it is most like, or make it one that others may be like."""
        sketch, hashes = minhash(pieces), frozenset(map(hash, pieces))
        best, likeness = None, self._threshold
        for at in sorted(self._lsh.query(sketch)):
            found = jaccard(hashes, frozenset(self._leaders[at][1]))
            if found >= likeness and (best is None or found > likeness):
                best, likeness = at, found
        if best is not None:
            self._leaders[best][2].append((case, likeness))
            return
        self._lsh.insert(len(self._leaders), sketch, check_duplication=False)
        self._leaders.append((case, array("q", hashes), []))  # a tenth of what the texts take

    def clusters(self) -> Iterator[tuple[Case, list[tuple[Case, float]]]]:
        """Each of them with those that are like it."""
        return ((case, others) for case, _, others in self._leaders)


def _bands(threshold: float) -> tuple[int, int]:
    """Bands and rows of 128 permutations: as few false candidates as hardly a miss allows."""
    for rows in range(16, 1, -1):
        bands = _PERMUTATIONS // rows
        if (1 - (threshold - 0.02) ** rows) ** bands <= _MISSES:
            return bands, rows
    return _PERMUTATIONS // 2, 2


def _first(case: Case) -> tuple[bool, int, str]:
    """Who comes first represents: who has a reference, the most sources, the first key."""
    return case.expected is MISSING, -len(case.sources), case.key


def _texts_of(case: Case, expected: bool) -> Iterator[str]:  # noqa: FBT001  as it was given
    yield from words_of(case.inputs)
    if expected and case.expected is not MISSING:
        yield from words_of(case.expected)


def _standing_for(cluster: Cluster, version: str) -> Case:
    """The representative with the sources of the others, and who they were."""
    one = cluster.representative
    sources = list(one.sources)
    chances = [one.inclusion_probability]
    for case, likeness in cluster.others:
        sources += case.sources
        detail = {"version": version, "likeness": round(likeness, 4)}
        sources.append(Source(kind="case", id=case.key, rule=RULE, detail=detail))
        chances.append(case.inclusion_probability)
    known = [chance for chance in chances if chance]
    stands_for = 1 / sum(1 / chance for chance in known) if len(known) == len(chances) else None
    chance = inclusion_of(sources) or stands_for
    return replace(one, sources=tuple(sources), inclusion_probability=chance)
