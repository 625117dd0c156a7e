"""What the pages of datasets show: the datasets of a folder, versions, cases and what changed."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException

from reliai.datasets import MISSING, Dataset, DatasetError, VersionNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.datasets import Case, Change, Version

__all__ = [
    "CasePage",
    "Row",
    "case_of",
    "cases_of",
    "changes_of",
    "dataset_named",
    "datasets_in",
    "rows_of",
    "version_named",
]

PAGE = 50
_LONGEST = 200
"""Characters of a version or tag, at most."""
_LOOKED_AT = 20_000
"""Cases that a search for words goes through at most, so that a page never takes minutes."""


@dataclass(frozen=True, slots=True)
class Row:
    """A dataset in the list.

    Attributes:
        name: of it.
        latest: its newest version; None for none.
        tags: versions that have a name.
        wrong: why it cannot be read; empty where it can.
    """

    name: str
    latest: Version | None
    tags: dict[str, str]
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class CasePage:
    """Some cases of a version.

    Attributes:
        cases: of this page.
        number: of the page, from 1.
        more: whether there are others behind.
        cut: how many cases were looked at, where that were not all.
    """

    cases: list[Case]
    number: int
    more: bool
    cut: int | None = None


def datasets_in(where: str | os.PathLike[str]) -> list[str]:
    """The names of the datasets in a folder, or below a URL."""
    text = os.fspath(where)
    if "://" in text and not text.startswith("file://"):
        return _remote(text)
    folder = Path(text.removeprefix("file://"))
    if not folder.is_dir():
        return []
    return sorted(each.name for each in folder.iterdir() if (each / "versions").is_dir())


def _remote(url: str) -> list[str]:
    from reliai._needs import needed  # noqa: PLC0415  few have theirs behind a URL

    files, root = needed("fsspec.core", "datasets").url_to_fs(url)
    try:
        below = [str(path).rstrip("/") for path in files.ls(root, detail=False)]
    except FileNotFoundError:
        return []
    return sorted(path.rpartition("/")[2] for path in below if files.isdir(f"{path}/versions"))


def rows_of(where: str | os.PathLike[str]) -> list[Row]:
    """All datasets, by name; one that is damaged is in nobody's way."""
    return [_row(where, name) for name in datasets_in(where)]


def _row(where: str | os.PathLike[str], name: str) -> Row:
    dataset = _open(where, name)
    try:
        return Row(name, dataset.latest, dataset.tags)
    except DatasetError as error:
        return Row(name, None, {}, str(error))


def dataset_named(where: str | os.PathLike[str], name: str) -> Dataset:
    """A dataset of the folder.

    Raises:
        HTTPException: 404 when there is none: a name is never taken for a path.
    """
    if name not in datasets_in(where):
        raise HTTPException(404, f"There is no dataset {name!r}.")
    return _open(where, name)


def _open(where: str | os.PathLike[str], name: str) -> Dataset:
    text = os.fspath(where)
    if "://" in text:
        return Dataset.open(f"{text.rstrip('/')}/{name}")
    return Dataset.open(Path(text) / name)


def version_named(dataset: Dataset, name: str) -> Version:
    """A version, by its name or tag.

    Raises:
        HTTPException: 404 when there is none.
    """
    if len(name) > _LONGEST or not name.isprintable():
        raise HTTPException(404, "There is no such version.")
    try:
        return dataset.at(name)
    except VersionNotFound as error:
        raise HTTPException(404, f"{dataset.name} has no version {name!r}.") from error


def cases_of(version: Version, *, number: int = 1, tag: str = "", words: str = "") -> CasePage:
    """Some cases of a version.

    Args:
        version: whose.
        number: of the page, from 1.
        tag: as "locale=de": only cases with it.
        words: only cases that have these in their inputs, reference or id, whatever the case of
            letters.
    """
    start = (number - 1) * PAGE
    if not tag and not words:
        some = [placed.case() for placed in islice(version.placed(), start, start + PAGE)]
        return CasePage(some, number, start + PAGE < len(version))
    found = _matching(version, tag, words.casefold())
    some = list(islice(found, start, start + PAGE + 1))
    cut = _LOOKED_AT if len(version) > _LOOKED_AT else None
    return CasePage(some[:PAGE], number, len(some) > PAGE, cut)


def _matching(version: Version, tag: str, words: str) -> Iterator[Case]:
    name, _, value = tag.partition("=")
    for case in islice(version, _LOOKED_AT):
        if tag and case.tags.get(name) != value:
            continue
        if not words or words in _text_of(case):
            yield case


def _text_of(case: Case) -> str:
    expected = None if case.expected is MISSING else case.expected
    said = json.dumps([case.inputs, expected], ensure_ascii=False)
    return f"{case.key} {said}".casefold()


def case_of(version: Version, key: str) -> Case:
    """A case by its key.

    Raises:
        HTTPException: 404 when there is none.
    """
    if key not in version:
        raise HTTPException(404, f"{version.dataset} {version.name} has no case {key!r}.")
    return version.case(key)


def changes_of(change: Change) -> list[tuple[str, Any, Any]]:
    """What a case was and is, by path; what is not there is None."""
    return [
        (path, _or_none(was), _or_none(now)) for path, (was, now) in sorted(change.fields.items())
    ]


def _or_none(value: Any) -> Any:
    return None if value is MISSING else value
