"""The form of the tables of errors: what the server answers, and what that is to be called."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import pytest

from reliai.providers import Failure, classify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reliai.errors import ErrorKind
    from tests.providers.wire import Reply

__all__ = ["STREAM", "Row", "WithStatus", "caught", "check", "table"]

STREAM = {"content-type": "text/event-stream"}


class WithStatus(Exception):
    """An error of a library nobody knows."""

    def __init__(self, status_code: object, **more: object) -> None:
        super().__init__("m")
        self.status_code = status_code
        vars(self).update(more)


class Row(NamedTuple):
    """One cell of the table of errors."""

    name: str
    reply: Reply
    kind: ErrorKind
    expected: Mapping[str, object] = MappingProxyType({})
    """Other fields of the failure."""
    stream: bool = False


def table(*rows: Row) -> pytest.MarkDecorator:
    """Run a test for each row."""
    return pytest.mark.parametrize("row", rows, ids=[row.name for row in rows])


def caught(do: Callable[[], object]) -> Exception:
    """What `do` raises."""
    try:
        answer = do()
    except Exception as error:
        return error
    raise AssertionError(f"nothing was raised, but {answer!r} returned")


def check(error: BaseException, row: Row) -> None:
    """The error is what its row says."""
    failure = classify(error)
    expected = {"kind": row.kind, "status": _status(row), **row.expected}
    assert {name: getattr(failure, name) for name in expected} == expected, repr(error)
    assert isinstance(failure, Failure)


def _status(row: Row) -> int | None:
    return row.reply.status if row.reply.status >= 400 else None
