"""Looking into values of unknown make."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from types import MappingProxyType, SimpleNamespace

import pydantic
import pytest

from reliai.providers.reading import amount, attribute, count, dig, text, word


class Plain(Enum):
    """An enumeration that is no string."""

    STOP = 1


class Worded(str, Enum):  # noqa: UP042  as google-genai has them
    """An enumeration that is a string."""

    STOP = "Stop Now"


class Lie(str):
    """A string that breaks when it is asked whether it is empty."""

    __slots__ = ()

    def __len__(self) -> int:
        raise RuntimeError


class Loud:
    """An object whose attributes raise."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)


class Broken(list[int]):
    """A list that breaks when it is read."""

    def __getitem__(self, _: object) -> int:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        raise RuntimeError


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (("a", 0, "b"), 1),
        (("a", 1, "b"), 2),
        (("a", -1, "c"), 3),
        (("a", 9), None),
        (("a", "b"), None),
        (("x", "y", "z"), None),
        (("o", 0), None),
        (("loud", "x"), None),
        (("broken", 0), None),
        ((), "all"),
    ],
)
def test_a_path_leads_through_mappings_sequences_and_attributes(
    path: tuple[str | int, ...], found: object
) -> None:
    inner = [{"b": 1}, SimpleNamespace(b=2), MappingProxyType({"c": 3})]
    value = {"a": inner, "o": object(), "loud": Loud(), "broken": Broken([1])}
    assert dig(value, *path) == (value if found == "all" else found)


def test_an_attribute_that_raises_is_none() -> None:
    assert attribute(Loud(), "x") is None
    assert attribute(SimpleNamespace(x=1), "x") == 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("STOP", "stop"),
        (Plain.STOP, "stop"),
        (Worded.STOP, "stop now"),
        ("", None),
        (Lie("x"), None),
        (None, None),
        (7, None),
        (b"stop", None),
    ],
    ids=[str(number) for number in range(8)],
)
def test_a_word_is_lower_cased_whatever_holds_it(value: object, expected: str | None) -> None:
    assert word(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, 3), (0, 0), (3.0, 3), (3.5, None), (-1, None), (-1.0, None), (True, None), ("3", None),
     (float("inf"), None), (float("nan"), None), (None, None)],
)  # fmt: skip
def test_a_count_is_a_whole_number_from_zero(value: object, expected: int | None) -> None:
    assert count(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, 3.0), (Decimal("0.25"), 0.25), (0, 0.0), (-1, None), (float("nan"), None),
     (float("inf"), None), ("3", None), (b"3", None), (True, None), (None, None), (object, None),
     (10**400, None)],
    ids=[str(number) for number in range(12)],
)  # fmt: skip
def test_an_amount_is_a_finite_number_from_zero(value: object, expected: float | None) -> None:
    assert amount(value) == expected


def test_text_is_a_string_or_nothing() -> None:
    assert (text("x"), text(b"x"), text(None)) == ("x", None, None)


class _Tagged(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    model: str
    _hidden: str = pydantic.PrivateAttr("within")

    @property
    def doubled(self) -> str:
        return self.model * 2


@pytest.mark.parametrize("times", [1, 2])
def test_a_model_s_fields_extras_private_values_and_properties_are_found(times: int) -> None:
    value = _Tagged.model_validate({"model": "m", "cost": 2})
    for _ in range(times):  # the second time what its class has not is known
        assert dig(value, "model") == "m"
        assert dig(value, "cost") == 2
        assert dig(value, "_hidden") == "within"
        assert dig(value, "doubled") == "mm"
        assert dig(value, "nothing") is None


def test_a_field_that_one_object_has_not_is_found_in_the_next() -> None:
    assert dig(_Tagged(model="m"), "late") is None
    assert dig(_Tagged.model_validate({"model": "m", "late": 1}), "late") == 1


def test_a_mapping_that_is_no_dict_is_read_by_key() -> None:
    assert dig(MappingProxyType({"model": "m"}), "model") == "m"
