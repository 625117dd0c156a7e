"""Keys are equal if, and only if, the arguments are; what cannot be compared is named."""

from __future__ import annotations

import array
import collections
import copy
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import math
import pathlib
import types
import uuid
from collections.abc import Callable, Mapping  # noqa: TC003  looked at by the policy
from typing import Annotated, Any, Literal, NamedTuple

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reliai
from reliai.policies._cache_tokens import Opaque, token


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    ONE = 1


class Mode(enum.Flag):
    READ = 1
    WRITE = 2


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Question:
    text: str
    weights: list[float]


class Message(pydantic.BaseModel):
    role: str
    parts: list[str] = []


class Loose(pydantic.BaseModel, extra="allow"):
    role: str


class Word(str):
    __slots__ = ()


DISTINCT: list[Any] = [
    None,
    "",
    "a",
    "1",
    b"a",
    b"",
    bytearray(b"a"),
    memoryview(b"a"),
    Word("a"),
    0,
    1,
    -1,
    1.0,
    True,
    False,
    0.0,
    -0.0,
    math.nan,
    math.inf,
    1j,
    decimal.Decimal(1),
    decimal.Decimal("1.0"),
    fractions.Fraction(1),
    [],
    (),
    {},
    set(),
    frozenset(),
    [1],
    [1.0],
    [True],
    [[1]],
    [1, 1],
    (1,),
    {1},
    frozenset({1}),
    {"a": 1},
    {"a": 1.0},
    {"a": None},
    {"a": 1, "b": 2},
    {1: "a"},
    ["a", "b"],
    ["ab"],
    ["a", ["b"]],
    collections.OrderedDict(a=1, b=2),
    collections.OrderedDict(b=2, a=1),
    collections.defaultdict(int, a=1),
    types.MappingProxyType({"a": 1}),
    collections.deque([1]),
    range(1),
    range(2),
    Colour.RED,
    Colour.BLUE,
    Size.ONE,
    Mode.READ,
    Mode.READ | Mode.WRITE,
    Point(1, 2),
    Point(2, 1),
    (1, 2),
    Question("a", [1.0]),
    Question("a", [2.0]),
    Message(role="user"),
    Message(role="user", parts=["a"]),
    Loose(role="user"),
    Loose.model_validate({"role": "user", "extra": 1}),
    {"role": "user", "parts": []},
    Message,
    Loose,
    int,
    dt.date(2024, 1, 1),
    dt.datetime(2024, 1, 1),  # noqa: DTZ001
    dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    dt.datetime(2024, 1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))),
    dt.datetime(2024, 1, 1, fold=1),  # noqa: DTZ001
    dt.timedelta(seconds=1),
    pathlib.PurePosixPath("a"),
    pathlib.PurePosixPath("a/b"),
    pathlib.PureWindowsPath("a"),
    uuid.UUID(int=1),
    array.array("i", [1]),
    array.array("i", [2]),
    array.array("b", [1]),
    ...,
]


# --- tokens -------------------------------------------------------------------------------
def test_different_values_have_different_tokens() -> None:
    tokens = [token(value) for value in DISTINCT]
    twins = [
        (DISTINCT[i], DISTINCT[k])
        for i in range(len(tokens))
        for k in range(i)
        if tokens[i] == tokens[k]
    ]
    assert twins == []


@pytest.mark.parametrize("number", range(len(DISTINCT)))
def test_equal_values_have_equal_tokens(number: int) -> None:
    value = DISTINCT[number]
    if isinstance(value, memoryview):
        twin: Any = memoryview(bytes(value))
    elif isinstance(value, types.MappingProxyType):
        twin = types.MappingProxyType(dict(value))
    else:
        twin = copy.deepcopy(value)
    assert token(value) == token(twin)
    assert hash(token(value)) == hash(token(twin))


def test_the_order_of_a_dictionary_does_not_matter() -> None:
    """36"""
    assert token({"a": [{"x": 1, "y": 2}], "b": 2}) == token({"b": 2, "a": [{"y": 2, "x": 1}]})


def test_fields_left_at_their_default_are_as_good_as_given() -> None:
    """36"""
    assert token(Message(role="user")) == token(Message(role="user", parts=[]))


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.sampled_from([Colour.RED, Colour.BLUE, Size.ONE]),
    st.dates(),
    st.decimals(allow_nan=False),
)
KEYS = st.one_of(st.text(max_size=2), st.integers(-2, 2), st.booleans())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(KEYS, inner, max_size=3),
    ),
    max_leaves=8,
)


def same(one: Any, other: Any) -> bool:  # noqa: PLR0911  a case each
    """Equal in content and in type, all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return repr(one) == repr(other)
    if isinstance(one, decimal.Decimal):
        return repr(one) == repr(other)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        if len(one) != len(other):
            return False
        return all(
            any(same(key, k) and same(value, v) for k, v in other.items())
            for key, value in one.items()
        )
    return bool(one == other)


@given(VALUES, VALUES)
@settings(deadline=None, max_examples=400)
def test_tokens_are_equal_exactly_when_the_values_are(one: Any, other: Any) -> None:
    assert (token(one) == token(other)) == same(one, other)


@given(VALUES)
@settings(deadline=None)
def test_a_value_has_the_token_of_its_copy(value: Any) -> None:
    assert token(value) == token(copy.deepcopy(value))


@given(st.dictionaries(KEYS, VALUES, max_size=5))
@settings(deadline=None)
def test_a_reordered_dictionary_has_the_same_token(value: dict[Any, Any]) -> None:
    assert token(value) == token(dict(reversed(value.items())))


class Client:
    """As an SDK's: nothing of it can be compared."""


@pytest.mark.parametrize(
    "value",
    [object(), Client(), len, lambda: 1, iter(()), [Client()], {"a": Client()}],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_content_has_no_token(value: Any) -> None:
    with pytest.raises(Opaque):
        token(value)


def test_a_value_that_contains_itself_has_no_token() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(Opaque, match="deep"):
        token(value)


# --- arrays and frames --------------------------------------------------------------------
def test_arrays_are_compared_by_content_type_and_shape() -> None:
    np = pytest.importorskip("numpy")
    base = np.arange(6)
    others = [
        base.astype("int32"),
        base.reshape(2, 3),
        base + 1,
        base.astype(float),
        np.arange(6).astype("datetime64[s]"),
        np.ma.masked_array(base, mask=[1, 0, 0, 0, 0, 0]),
        np.ma.masked_array(base, mask=[0, 1, 0, 0, 0, 0]),
        base.astype(object),
        np.float64(1.0),
        np.float32(1.0),
        np.int64(1),
        np.array(1),
    ]
    tokens = [token(value) for value in (base, *others)]
    assert len(set(tokens)) == len(tokens)
    assert token(base) == token(base.copy()) == token(np.arange(12)[::2] // 2)
    assert token(others[7]) == token(others[7].copy())


def test_frames_are_compared_by_content_labels_and_types() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    others = [
        frame.rename(columns={"a": "c"}),
        frame.set_index(pd.Index([5, 6])),
        frame.astype({"a": "float64"}),
        frame.assign(b=["x", "y"]),
        frame[["b", "a"]],
        frame.head(1),
        frame["a"],
        frame["a"].rename("z"),
        frame.index,
        pd.Timestamp("2024-01-01"),
        pd.Timestamp("2024-01-01", tz="UTC"),
        pd.NA,
    ]
    tokens = [token(value) for value in (frame, *others)]
    assert len(set(tokens)) == len(tokens)
    assert token(frame) == token(frame.copy())


def test_other_frames_are_compared_by_content_names_and_types() -> None:
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", None]})
    others = [
        frame.rename({"a": "c"}),
        frame.cast({"a": pl.Float64}),
        frame.head(1),
        frame.select("b", "a"),
        frame["a"],
    ]
    assert len({token(value) for value in (frame, *others)}) == 6
    assert token(frame) == token(frame.clone())


def test_images_are_compared_by_content_mode_and_size() -> None:
    image = pytest.importorskip("PIL.Image")
    red = image.new("RGB", (2, 2), (255, 0, 0))
    others = [
        image.new("RGB", (2, 2), (0, 255, 0)),
        image.new("RGB", (1, 4), (255, 0, 0)),
        red.convert("L"),
        red.convert("P"),
    ]
    assert len({token(value) for value in (red, *others)}) == 5
    assert token(red) == token(red.copy())


class FakeTensor:
    """What torch's tensors look like from outside; torch is too large for this suite."""

    shape: tuple[int, ...] = ()

    def __init__(self, *numbers: float, dtype: str = "float32", grad: bool = False) -> None:
        self._array = array.array("f", numbers)
        self.dtype = f"torch.{dtype}"
        self.shape = (len(numbers),)
        self.layout = "torch.strided"
        self._grad = grad

    def detach(self) -> FakeTensor:
        return FakeTensor(*self._array, dtype=self.dtype.partition(".")[2])

    def cpu(self) -> FakeTensor:
        return self

    def numpy(self) -> array.array[float]:
        if self._grad:
            raise RuntimeError("call detach() first")
        if self.dtype == "torch.bfloat16":
            raise TypeError("unsupported")
        return self._array

    def __array__(self) -> Any:
        raise NotImplementedError

    def tolist(self) -> list[float]:
        return list(self._array)


FakeTensor.__module__ = "torch"


def test_tensors_are_compared_by_content() -> None:
    assert token(FakeTensor(1, 2)) == token(FakeTensor(1, 2, grad=True))
    assert token(FakeTensor(1, 2)) != token(FakeTensor(2, 1))
    assert token(FakeTensor(1, dtype="bfloat16")) != token(FakeTensor(1))
    assert token(FakeTensor(1, dtype="bfloat16")) == token(FakeTensor(1, dtype="bfloat16"))


# --- calls --------------------------------------------------------------------------------
class Counted:
    """A cached function of any signature that counts its calls."""

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        self.calls = 0

        @functools.wraps(function)
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            return function(*args, **kwargs)

        self.ask = reliai.Cache(**options)(counted)


def one(prompt: str, temperature: float | None = None, **rest: Any) -> None:
    return None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((("a",), {}), ((), {"prompt": "a"})),
        ((("a",), {}), (("a", None), {})),
        ((("a",), {}), (("a",), {"temperature": None})),
        ((("a",), {}), (("a",), {"top_p": None})),
        ((("a",), {"x": 1, "y": 2}), (("a",), {"y": 2, "x": 1})),
    ],
)
def test_it_does_not_matter_how_an_argument_was_passed(first: Any, second: Any) -> None:
    """36"""
    counted = Counted(one)
    counted.ask(*first[0], **first[1])
    counted.ask(*second[0], **second[1])
    assert counted.calls == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"num_ctx": 1}, {"num_ctx": 2}),
        ({"num_ctx": 1}, {}),
        ({"tool_choice": "auto"}, {"tool_choice": "none"}),
        ({"response_model": Message}, {"response_model": Loose}),
        ({"base_url": "https://a"}, {"base_url": "https://b"}),
        ({"temperature": None}, {"temperature": 0}),
        ({"temperature": 0}, {"temperature": 0.0}),
        ({"stream": False}, {}),
        ({"unheard_of": {"a": [1]}}, {"unheard_of": {"a": [2]}}),
    ],
)
def test_whatever_else_is_passed_tells_calls_apart(first: Any, second: Any) -> None:
    """36"""
    counted = Counted(one)
    counted.ask("a", **first)
    counted.ask("a", **second)
    counted.ask("a", **first)
    assert counted.calls == 2


def positional(a: str, /, b: str = "b", *more: str, c: str = "c") -> None:
    return None


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [(("a",), {}), (("a", "b"), {}), (("a",), {"b": "b"}), (("a", "b"), {"c": "c"})],
)
def test_defaults_are_as_good_as_given(args: tuple[str, ...], kwargs: dict[str, str]) -> None:
    counted = Counted(positional)
    counted.ask("a")
    counted.ask(*args, **kwargs)
    assert counted.calls == 1


def with_defaults(a: str, b: str = "b", c: float = 0.2, d: str | None = None) -> None:
    return None


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        (("a", "b"), {}),
        (("a", "b", 0.2), {}),
        (("a", "b", 0.2, None), {}),
        ((), {"a": "a", "c": 0.2}),
    ],
)
def test_defaults_that_are_no_text_are_as_good_as_given(args: Any, kwargs: Any) -> None:
    counted = Counted(with_defaults)
    counted.ask("a")
    counted.ask(*args, **kwargs)
    assert counted.calls == 1
    counted.ask("a", "c")
    counted.ask("a", "b", 0)
    assert counted.calls == 3


def test_a_default_that_was_changed_is_another_argument() -> None:
    given: list[int] = []
    counted = Counted(lambda a, b=given: list(b))
    assert counted.ask("a") == []
    given.append(1)
    assert counted.ask("a") == [1]


def test_arguments_that_star_args_took_in_tell_calls_apart() -> None:
    counted = Counted(positional)
    for args in (("a", "b"), ("a", "b", "c"), ("a", "b", "c", "d"), ("a", "b", "c")):
        counted.ask(*args)
    counted.ask("a", c="d")
    assert counted.calls == 4


@pytest.mark.parametrize(
    ("args", "kwargs"), [((), {}), (("a", "b", "c"), {}), (("a",), {"prompt": "b"})]
)
def test_arguments_that_do_not_fit_are_the_functions_own_error(args: Any, kwargs: Any) -> None:
    counted = Counted(one)
    with pytest.raises(TypeError, match="one"):
        counted.ask(*args, **kwargs)


TEXTS = st.lists(st.sampled_from(["", "a", "b", "ab"]), min_size=2, max_size=2)


@given(TEXTS, TEXTS)
@settings(deadline=None)
def test_calls_are_equal_exactly_when_their_arguments_are(one: list[str], two: list[str]) -> None:
    calls: list[tuple[str, str]] = []

    @reliai.Cache()
    def ask(x: str, y: str) -> None:
        calls.append((x, y))

    ask(*one)
    ask(x=two[0], y=two[1])
    assert len(calls) == (1 if one == two else 2)


def test_a_caller_who_changes_an_argument_afterwards_changes_no_key() -> None:
    counted = Counted(lambda messages: [*messages])
    messages = [{"role": "user", "content": "a"}]
    counted.ask(messages)
    messages[0]["content"] = "b"
    assert counted.ask(messages) == [{"role": "user", "content": "b"}]
    assert counted.calls == 2


# --- what cannot be compared --------------------------------------------------------------
def test_a_method_needs_a_key() -> None:
    with pytest.raises(reliai.ConfigurationError, match="'self' can be no part of a key"):

        class Service:  # pyright: ignore[reportUnusedClass]
            @reliai.Cache()
            def ask(self, prompt: str) -> str:
                return prompt


def test_a_class_method_needs_a_key() -> None:
    with pytest.raises(reliai.ConfigurationError, match="'cls' can be no part of a key"):

        class Service:  # pyright: ignore[reportUnusedClass]
            @reliai.Cache()
            @classmethod
            def ask(cls, prompt: str) -> str:
                return prompt


def test_a_static_method_is_a_function() -> None:
    class Service:
        calls = 0

        @reliai.Cache()
        @staticmethod
        def ask(prompt: str) -> str:
            Service.calls += 1
            return prompt

    assert [Service.ask("a"), Service().ask("a")] == ["a", "a"]
    assert Service.calls == 1


def test_a_method_with_a_key_is_cached_by_that() -> None:
    class Service:
        calls = 0

        @reliai.Cache(key="arg:prompt")
        def ask(self, prompt: str, client: Client) -> str:
            Service.calls += 1
            return prompt

    assert [Service().ask("a", Client()), Service().ask("a", Client())] == ["a", "a"]
    assert Service.calls == 1


def with_client(prompt: str, client: Client) -> None: ...
def with_optional_client(prompt: str, client: Client | None = None) -> None: ...
def with_clients(prompt: str, clients: dict[str, list[Client]]) -> None: ...
def with_annotated_client(prompt: str, client: Annotated[Client, "x"]) -> None: ...
def with_function(prompt: str, client: Callable[[str], str]) -> None: ...
def with_more_clients(prompt: str, *client: Client) -> None: ...


@pytest.mark.parametrize(
    "function",
    [
        with_client,
        with_optional_client,
        with_clients,
        with_annotated_client,
        with_function,
        with_more_clients,
    ],
)
def test_a_parameter_that_can_be_no_part_of_a_key_is_named_when_decorating(
    function: Any,
) -> None:
    with pytest.raises(reliai.ConfigurationError, match=r"'clients?' of .* key="):
        reliai.Cache()(function)


def test_a_real_client_is_named_when_decorating() -> None:
    httpx = pytest.importorskip("httpx")

    def ask(prompt: str, client: Any) -> None: ...

    ask.__annotations__["client"] = httpx.Client
    with pytest.raises(reliai.ConfigurationError, match="'client'"):
        reliai.Cache()(ask)


def fits(  # noqa: PLR0917  one of each
    a: str,
    b: int | None,
    c: Literal["x", "y"],
    d: list[dict[str, Any]],
    e: Question,
    f: Message | Client,
    g: type[Message],
    h: tuple[int, ...],
    i: object,
    j: Mapping[str, Any],
    k: Colour,
    l: dt.datetime,  # noqa: E741
    m: pathlib.Path,
    n: array.array[int],
    o: bytes,
) -> None: ...


def test_annotations_of_what_can_be_compared_are_fine() -> None:
    reliai.Cache()(fits)


def test_annotations_that_cannot_be_resolved_wait_for_the_first_call() -> None:
    def ask(a: Any) -> None: ...

    ask.__annotations__["a"] = "NotThereYet"
    reliai.Cache()(ask)("a")


def test_an_argument_that_cannot_be_compared_is_named_in_the_first_call() -> None:
    counted = Counted(lambda prompt, client=None: None)
    counted.ask("a")
    outcome = reliai.execute(counted.ask, "a", client=Client())
    assert isinstance(outcome.error, reliai.ConfigurationError)
    assert "argument 'client'" in str(outcome.error)
    assert 'key="arg:NAME"' in str(outcome.error)
    assert "prompt" not in str(outcome.error)
    assert counted.calls == 1


# --- key= ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("key", "calls"),
    [
        ("arg:prompt", 1),
        ("arg:client", 2),
        (("arg:prompt", "arg:client"), 2),
        ("subject", 1),
        (lambda call: call.arguments["prompt"].lower(), 1),
        (lambda call: {"a": [call.arguments["prompt"]]}, 1),
    ],
    ids=["prompt", "client", "both", "subject", "function", "function of containers"],
)
def test_a_key_tells_calls_apart_in_place_of_the_arguments(key: Any, calls: int) -> None:
    counted = Counted(lambda prompt, client: None, key=key)
    counted.ask("a", 1)
    counted.ask("a", 2)
    assert counted.calls == calls


def test_keys_of_different_types_are_different() -> None:
    counted = Counted(lambda number: number, key="arg:number")
    assert [counted.ask(1), counted.ask(1.0), counted.ask(True)] == [1, 1.0, True]
    assert counted.calls == 3


def test_a_key_of_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(reliai.ConfigurationError, match="no parameter 'promt'"):
        reliai.Cache(key="arg:promt")(one_argument)


def one_argument(prompt: str) -> str:
    return prompt


def test_a_key_function_that_fails_fails_the_call() -> None:
    counted = Counted(one_argument, key=lambda call: call.arguments["x"])
    with pytest.raises(KeyError):
        counted.ask("a")


def test_a_key_that_cannot_be_compared_fails_the_call() -> None:
    counted = Counted(one_argument, key=lambda call: Client())
    with pytest.raises(reliai.ConfigurationError, match=r"key=….* gave Client"):
        counted.ask("a")
