"""Values of all kinds, as JSON and back."""

from __future__ import annotations

import collections
import dataclasses
import enum
import json
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import numpy as np
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reliai
from reliai.testing import CassetteError, cassette
from reliai.testing._cassette.codec import Codec
from reliai.testing._cassette.kinds import find, path_of

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"


class Mark(enum.IntFlag):
    A = 1
    B = 2


class Pair(NamedTuple):
    left: int
    right: str


@dataclasses.dataclass
class Part:
    name: str
    size: tuple[int, ...] = (1,)


@dataclasses.dataclass(frozen=True)
class Frozen:
    part: Part
    derived: str = dataclasses.field(init=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "derived", f"of {self.part.name}")


class Answer(pydantic.BaseModel):
    text: str
    at: datetime = pydantic.Field(default_factory=lambda: datetime.now(UTC))
    number: float = pydantic.Field(default=1.0, alias="theNumber")


class Shout(Answer):
    volume: int = 11


class Holder(pydantic.BaseModel):
    answer: Answer
    anything: Any = None


class Open(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    _private: str | None = pydantic.PrivateAttr(default=None)


class Picky(pydantic.BaseModel):
    word: str

    @pydantic.field_validator("word")
    @classmethod
    def once(cls, word: str) -> str:
        if word.startswith("seen "):
            raise ValueError("validated already")
        return f"seen {word}"


class Box(pydantic.BaseModel, Generic[T]):
    content: T


class Tagged(pydantic.BaseModel):
    kind: Literal["tagged"] = "tagged"


@pydantic.dataclasses.dataclass
class Checked:
    number: int


class Plain:
    """A class that says nothing of itself."""

    def __init__(self, word: str) -> None:
        self.word = word


def there_and_back(value: Any, codec: Codec | None = None) -> Any:
    codec = codec or Codec()
    return codec.decode(json.loads(json.dumps(codec.encode(value))))


VALUES = [
    None,
    True,
    3,
    2.5,
    10**30,
    "text",
    ["a", 1, None],
    {"a": {"b": [1]}},
    {},
    {1: "one", None: 2},
    {"$tuple": "a key of the user's own"},
    {"$a": 1, "b": 2},
    (1, (2, "x")),
    {1, 2, 3},
    frozenset({"a"}),
    b"\x00bytes",
    bytearray(b"more"),
    datetime(2026, 8, 1, 12, 30, tzinfo=UTC),
    date(2026, 8, 1),
    time(12, 30),
    timedelta(days=1, microseconds=5),
    Decimal("1.10"),
    uuid.UUID(int=5),
    1 + 2j,
    Path("a/b"),
    Colour.RED,
    Mark.A | Mark.B,
    Pair(1, "x"),
    Part("wheel", (1, 2)),
    Frozen(Part("axle")),
    Checked(5),
    Answer(text="yes", theNumber=2),
    Shout(text="yes"),
    Holder(answer=Shout(text="x", volume=3)),
    Holder(answer=Answer(text="x"), anything={"n": [1, (2,)]}),
    Open.model_validate({"more": [1]}),
    Picky(word="hello"),
    Box[Answer](content=Answer(text="in")),
    Box[Box[Tagged]](content=Box(content=Tagged())),
    Tagged(),
    int,
    Answer,
]


@pytest.mark.parametrize(
    "value", VALUES, ids=[f"{type(value).__name__}{place}" for place, value in enumerate(VALUES)]
)
def test_a_value_comes_back_equal_and_of_its_type(value: Any) -> None:
    back = there_and_back(value)
    assert back == value
    assert type(back) is type(value)
    if isinstance(value, dict):
        assert list(back) == list(value)


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_numbers_that_json_does_not_know_come_back(value: float) -> None:
    assert str(there_and_back({"n": [value]})["n"][0]) == str(value)


@pytest.mark.parametrize(
    "array",
    [
        np.array([[1.5, 2.5]], dtype=np.float32),
        np.arange(5000),
        np.array([True, False]),
        np.array(["a", "bc"]),
        np.array([np.nan, 1.0]),
        np.array(["2026-08-01"], dtype="datetime64[D]"),
        np.float64(0.1),
        np.int8(3),
        np.bool_(True),
        np.zeros((0, 3)),
    ],
    ids=repr,
)
def test_arrays_come_back_to_the_bit(array: Any) -> None:
    back = there_and_back(array)
    assert type(back) is type(array)
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert np.asarray(back).tobytes() == np.asarray(array).tobytes()


def test_an_array_that_came_back_can_be_written_to() -> None:
    back = there_and_back(np.arange(5000))
    back[0] = 9
    assert back[0] == 9


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text()
        | st.binary(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.text() | st.integers(), inner)
            | st.lists(inner).map(tuple)
        ),
        max_leaves=20,
    )
)
def test_any_plain_value_comes_back(value: Any) -> None:
    assert there_and_back(value) == value


def test_a_model_is_stored_as_people_write_it() -> None:
    stored = Codec().encode(Answer(text="x", at=datetime(2026, 8, 1, tzinfo=UTC), theNumber=3))
    assert stored["data"] == {"text": "x", "at": "2026-08-01T00:00:00Z", "theNumber": 3.0}
    assert Codec().encode(Box[int](content=1))["data"] == {"content": 1}


def test_what_a_default_made_up_stays_what_it_was() -> None:
    answer = Answer(text="x")
    assert there_and_back(answer).at == answer.at


def test_what_was_not_set_stays_unset() -> None:
    assert there_and_back(Tagged()).model_fields_set == set()


def test_private_attributes_stay() -> None:
    value = Open()
    value._private = "kept"
    assert there_and_back(value)._private == "kept"


def test_dictionaries_of_other_kinds_become_plain_ones() -> None:
    assert there_and_back(collections.OrderedDict(a=1)) == {"a": 1}
    assert there_and_back(collections.Counter("aab")) == {"a": 2, "b": 1}


def test_subclasses_of_text_and_numbers_become_plain_ones() -> None:
    class Word(str):
        __slots__ = ()

    assert type(there_and_back(Word("x"))) is str


# --- what cannot be stored --------------------------------------------------------------------


def local_model() -> Any:
    class Local(pydantic.BaseModel):
        x: int = 1

    return Local()


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (Plain("x"), r"a tests?.*Plain cannot be recorded; pass encode=\{Plain: "),
        (iter([1]), "list_iterator cannot be recorded; return a list"),
        (object(), "a object cannot be recorded"),
        (open, "builtin_function_or_method"),
        (local_model(), "Local cannot be recorded: the class cannot be imported again"),
        (np.array([object()]), "an array of objects"),
        (memoryview(b"x"), "memoryview"),
    ],
    ids=["plain", "iterator", "object", "function", "local", "objects", "memoryview"],
)
def test_what_cannot_be_recorded_says_so_and_how_it_can(value: Any, says: str) -> None:
    with pytest.raises(CassetteError, match=says):
        Codec().encode([value])


def test_a_list_in_itself_cannot_be_recorded() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(CassetteError, match="contains itself"):
        Codec().encode(value)


def test_the_call_that_gave_it_raises_it_at_once_and_is_not_retried(tmp_path: Path) -> None:
    calls = 0

    @reliai.Retry(3)
    def ask() -> object:
        nonlocal calls
        calls += 1
        return Plain("x")

    with cassette(tmp_path / "a.json"), pytest.raises(CassetteError, match="encode="):
        ask()
    assert calls == 1
    assert not (tmp_path / "a.json").exists()


def test_a_context_manager_is_told_how_to_be_entered() -> None:
    with pytest.raises(CassetteError, match="make the guarded function a generator that enters"):
        Codec().encode(pytest.MonkeyPatch.context())


def test_encode_stores_types_of_ones_own(tmp_path: Path) -> None:
    @reliai.reliable()
    def ask() -> list[Plain]:
        return [Plain("x")]

    encode: Any = {Plain: (lambda plain: {"word": plain.word}, lambda data: Plain(data["word"]))}
    for _ in range(2):
        with cassette(tmp_path / "a.json", encode=encode):
            (back,) = ask()
        assert back.word == "x"
    with cassette(tmp_path / "a.json"), pytest.raises(CassetteError, match="pass the same encode"):
        ask()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"$model": "no_such_package:Thing", "data": {}}, "cannot be imported"),
        ({"$model": "json:loads", "data": {}}, "is no class"),
        ({"$model": "json:nothing", "data": {}}, "cannot be imported"),
        ({"$novelty": 1}, "does not know"),
        ({"$enum": "subprocess:Popen", "value": ["true"]}, "as enum, which it is not"),
        ({"$namedtuple": "subprocess:Popen", "items": ["true"]}, "as namedtuple, which"),
        ({"$model": "subprocess:Popen", "data": {"args": ["true"]}}, "as model, which it is not"),
        ({"$record": "subprocess:Popen", "fields": {"args": ["true"]}}, "as record, which"),
        ({"$model": f"{__name__}:Holder", "data": {"answer": 3}}, "is no Holder any more"),
    ],
    ids=str,
)
def test_a_file_that_no_longer_fits_says_so(data: Any, says: str) -> None:
    with pytest.raises(CassetteError, match=says):
        Codec().decode(data)


# --- names of classes ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [int, Answer, Box[int], Box[Box[Answer]], Pair])
def test_a_class_is_found_again_under_its_path(kind: type[Any]) -> None:
    path = path_of(kind)
    assert path is not None
    assert find(path) is kind


def test_a_class_with_two_parameters_is_found_again() -> None:
    K = TypeVar("K")
    V = TypeVar("V")

    class Two(pydantic.BaseModel, Generic[K, V]):
        pass

    globals()["Two"] = Two
    Two.__qualname__ = "Two"
    try:
        path = path_of(Two[int, Box[str]])
        assert path is not None
        assert find(path) is Two[int, Box[str]]
    finally:
        del globals()["Two"]


# --- arguments, which are only compared ---------------------------------------------------------


def test_arguments_may_be_anything() -> None:
    lenient = Codec(lenient=True)
    assert lenient.encode(Plain("x")) == lenient.encode(Plain("y"))
    assert lenient.encode(open) != lenient.encode(print)
    assert lenient.encode(local_model())["data"] == {"x": 1}
    assert "items" in lenient.encode(np.zeros(3))


def test_large_arguments_count_by_their_content_and_are_not_written_down() -> None:
    lenient = Codec(lenient=True)
    big, other = np.arange(100_000), np.arange(100_000) + 1
    assert lenient.encode(big) != lenient.encode(other)
    assert len(json.dumps(lenient.encode(big))) < 200
    assert lenient.encode(b"x" * 9999) != lenient.encode(b"y" * 9999)
    assert len(json.dumps(lenient.encode(b"x" * 9999))) < 100
