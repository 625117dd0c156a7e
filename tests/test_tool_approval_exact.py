"""An approval is for these very arguments, also where two of them look alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, PrivateAttr, SecretStr

import reliai


class Account(BaseModel):
    """The owner is left out of what is sent and logged."""

    number: int
    owner: str = Field(default="ana", exclude=True)
    _desk: str = PrivateAttr(default="front")


@dataclass
class Transfer:
    amount: int
    to: str = field(default="ana", repr=False)


class Point:
    """A value that shows nothing of itself."""

    def __init__(self, x: int) -> None:
        self.x = x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and other.x == self.x

    def __hash__(self) -> int:
        return hash(self.x)

    def __repr__(self) -> str:
        return "<point>"


class Connection:
    def __repr__(self) -> str:
        return "<connection>"


class Size(StrEnum):
    ALL = "all"
    SOME = "some"


@reliai.tool(approval=True)
def act(what: Any) -> str:
    return "done"


def is_approved(approved: Any, called: Any) -> bool:
    token = reliai.tool.approve(act, {"what": approved}, by="ana")
    with reliai.tool.approved(token):
        return reliai.execute(act, called).ok


LOOSE = Account(number=1)
LOOSE._desk = "back"
ONE = Connection()


@pytest.mark.parametrize(
    ("approved", "called"),
    [
        (SecretStr("a"), SecretStr("b")),
        (Account(number=1), Account(number=1, owner="ben")),
        (Account(number=1), LOOSE),
        (Transfer(1), Transfer(1, "ben")),
        ([{"to": (Transfer(1),)}], [{"to": (Transfer(1, "ben"),)}]),
        (Point(1), Point(2)),
        (ONE, Connection()),
        (b"a", "a"),
        (1, True),
        (1, 1.0),
        (Decimal(1), "1"),
        (["a", "b"], ["b", "a"]),
        ({1: "a"}, {"1": "a"}),
        ({1, 2}, {1, 3}),
        (Path("a"), "a"),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)),
    ],
)
def test_what_looks_alike_is_not_the_same(approved: Any, called: Any) -> None:
    assert is_approved(called, called)
    assert not is_approved(approved, called)


@pytest.mark.parametrize(
    ("approved", "called"),
    [
        (SecretStr("a"), SecretStr("a")),
        (Account(number=1), Account(number=1, owner="ana")),
        (Point(1), Point(1)),
        (ONE, ONE),
        ({"b": 1, "a": [None, 0.5]}, {"a": [None, 0.5], "b": 1}),
        ({"x", "y", "z"}, {"z", "y", "x"}),
        (UUID(int=7), UUID(int=7)),
        (Decimal("1.50"), Decimal("1.50")),
        (Size.ALL, Size.ALL),
        (float("nan"), float("nan")),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_what_is_the_same_is_approved(approved: Any, called: Any) -> None:
    assert is_approved(approved, called)


def test_what_a_model_writes_is_compared_as_the_tool_gets_it() -> None:
    @reliai.tool(approval=True)
    def pay(account: Account, at: datetime, key: SecretStr) -> int:
        return account.number

    said = {"account": {"number": "1"}, "at": "2026-01-01T00:00:00Z", "key": "s"}
    token = reliai.tool.approve(
        pay,
        {"account": Account(number=1), "at": datetime(2026, 1, 1, tzinfo=UTC), "key": "s"},
        by="ana",
    )
    with reliai.tool.approved(token):
        with pytest.raises(reliai.GuardRejected):
            reliai.tool.call_json(pay, {**said, "key": "other"})
        assert reliai.tool.call_json(pay, said) == 1


def test_what_refers_to_itself_cannot_be_approved() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises((reliai.ConfigurationError, reliai.GuardRejected)):
        reliai.tool.approve(act, {"what": loop}, by="ana")
    assert not reliai.execute(act, loop).ok
