"""What is handed out as it is, what is copied, and how one error becomes several."""

from __future__ import annotations

import dataclasses
import enum
import threading
from typing import Any, NamedTuple, Self

import pydantic
import pytest

import reliai
from reliai.policies._cache_values import Uncopyable, copied, is_immutable
from reliai.policies._duplicates import duplicate


@dataclasses.dataclass(frozen=True)
class Frozen:
    items: Any = ()


@dataclasses.dataclass
class Loose:
    items: Any = ()


class FrozenModel(pydantic.BaseModel, frozen=True, extra="allow"):
    items: Any = ()


class LooseModel(pydantic.BaseModel):
    items: Any = ()


class Pair(NamedTuple):
    items: Any = ()


class Colour(enum.Enum):
    RED = 1


def deep(levels: int) -> Any:
    value: Any = ()
    for _ in range(levels):
        value = (value,)
    return value


@pytest.mark.parametrize(
    "value",
    [
        "a",
        None,
        Colour.RED,
        int,
        (1, ("a", frozenset({b"x"}))),
        Frozen(),
        Frozen((1, 2)),
        FrozenModel(),
        FrozenModel.model_validate({"more": 1}),
        Pair(),
        len,
    ],
    ids=lambda value: f"{type(value).__name__} {str(value)[-8:]}",
)
def test_what_never_changes_need_not_be_copied(value: Any) -> None:
    assert is_immutable(value)


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        set(),
        bytearray(),
        ([],),
        Frozen([]),
        Loose(),
        FrozenModel(items=[]),
        FrozenModel.model_validate({"more": [1]}),
        LooseModel(),
        Pair([]),
        deep(30),
    ],
    ids=lambda value: f"{type(value).__name__} {str(value)[:20]}",
)
def test_what_may_change_is_copied(value: Any) -> None:
    assert not is_immutable(value)


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, (2, [3])]},
        [Loose([1])],
        (LooseModel(items=[1]),),
        {"a": {1, 2}},
        deep(30),
    ],
    ids=["plain", "dataclass", "model", "set", "deep"],
)
def test_a_copy_is_equal(value: Any) -> None:
    assert copied(value) == value


def test_a_copy_shares_nothing_that_could_change() -> None:
    value = {"a": [1, ([2],)], "b": Loose([3])}
    copy = copied(value)
    copy["a"][1][0].append(9)
    copy["b"].items.append(9)
    assert value == {"a": [1, ([2],)], "b": Loose([3])}


def test_a_value_that_contains_itself_is_copied() -> None:
    value: list[Any] = []
    value.append(value)
    copy = copied(value)
    assert copy[0] is copy
    assert copy is not value


def test_what_cannot_be_copied_says_so() -> None:
    with pytest.raises(Uncopyable):
        copied({"lock": threading.Lock()})


# --- errors -------------------------------------------------------------------------------
class Demanding(Exception):
    """Cannot be made from its args, as the errors of many SDKs."""

    __slots__ = ("code", "never")

    def __init__(self, *, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code


class Stubborn(Exception):
    """Cannot be made a second time in any way."""

    made = 0

    def __new__(cls, *args: object) -> Self:
        if cls.made:
            raise TypeError("only once")
        cls.made += 1
        return super().__new__(cls, *args)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a", 1),
        OSError(2, "no", "file"),
        UnicodeDecodeError("utf-8", b"a", 0, 1, "bad"),
        KeyError("a"),
        Demanding(code=5),
        reliai.CircuitOpen("c", 5.0),
        reliai.CallTimeout("total", 5.0, "f"),
        reliai.OutputInvalid("no", errors=("x",), raw="raw"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_duplicate_is_another_error_with_the_same_content(error: Exception) -> None:
    error.add_note("a note")
    error.__cause__ = RuntimeError("why")
    made = duplicate(error)
    assert made is not error
    assert type(made) is type(error)
    assert (str(made), made.args, vars(made)) == (str(error), error.args, vars(error))
    assert made.__cause__ is error.__cause__
    made.add_note("another")
    assert error.__notes__ == ["a note"]
    for name in ("errno", "filename", "reason", "code", "retry_after", "seconds", "raw"):
        assert getattr(made, name, None) == getattr(error, name, None)


def test_an_error_that_cannot_be_made_again_is_given_as_it_is() -> None:
    error = Stubborn("a")
    assert duplicate(error) is error
