"""Texts that name a version, such as `support-refunds@v3`, and all that cases can be. Floor 5."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from reliai.datasets.dataset import Dataset
from reliai.datasets.failures import DatasetError
from reliai.datasets.version import Version
from reliai.datasets.views import Listed, View, listed

if TYPE_CHECKING:
    from reliai.datasets.version import Cases

__all__ = ["cases_of", "resolve"]


def resolve(text: str, **options: Any) -> Version:
    """The version that a text refers to.

    Args:
        text: a name, path or URL of a dataset, `@`, and what `Dataset.at` takes; without `@` the
            newest version. For example `support-refunds@v3`.
        options: of the filesystem.

    Raises:
        DatasetError: when there is no such version.
    """
    where, at, name = text.rpartition("@")
    if not at or "/" in name:
        where, name = text, "latest"
    return Dataset.open(where, **options).at(name or "latest")


def cases_of(given: Any, **options: Any) -> Cases:
    """What an experiment is given as its dataset, with the interface of a version.

    Args:
        given: a version, a view, a list of cases, or the text of a reference.
        options: of the filesystem, for a reference.

    Raises:
        DatasetError: when it is none of these.
    """
    if isinstance(given, Version | View | Listed):
        return given
    if isinstance(given, str):
        return resolve(given, **options)
    if isinstance(given, Dataset):
        raise DatasetError(f"{given.name} has many versions: give one, such as {given.name}@v1")
    if isinstance(given, Iterable):
        return listed(given)
    raise DatasetError(f"cases are a version, a view or a list, and not a {type(given).__name__}")
