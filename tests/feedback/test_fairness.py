"""Rates of bad feedback by slice, against numbers that were worked out apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import feedback

if TYPE_CHECKING:
    from reliai.records import RecordStore


COUNTS = {"en": (40, 1000), "de": (12, 200), "pt": (18, 150), "ar": (9, 60), "vi": (2, 9)}


@reliai.reliable(name="answer")
def answer() -> None:
    pass


@pytest.fixture
def store(local: RecordStore) -> RecordStore:
    return local


def judge(locale: str | None, value: Any) -> None:
    with reliai.context(tags={} if locale is None else {"locale": locale}):
        feedback.record(reliai.execute(answer).call_id, "thumbs", value)


def test_slices_are_compared_with_the_others_and_few_judgements_are_insufficient(
    store: RecordStore,
) -> None:
    for locale, (bad, n) in COUNTS.items():
        for number in range(n):
            judge(locale, int(number >= bad))
    judge(None, 0)
    found = feedback.bias("locale")
    rates = {one.value: one for one in found.slices}
    assert {value: (one.bad, one.n) for value, one in rates.items()} == COUNTS
    assert {value: one.ratio for value, one in rates.items()} == {
        "en": pytest.approx(0.41, abs=0.01),
        "de": pytest.approx(1.06, abs=0.01),
        "pt": pytest.approx(2.42, abs=0.01),
        "ar": pytest.approx(2.83, abs=0.01),
        "vi": pytest.approx(3.97, abs=0.01),
    }
    assert [rates[value].adjusted for value in ("en", "de", "pt", "ar")] == [
        pytest.approx(1.81e-4, rel=0.01),
        pytest.approx(0.869, rel=0.01),
        pytest.approx(2.66e-3, rel=0.01),
        pytest.approx(7.42e-3, rel=0.01),
    ]
    assert {value: one.verdict for value, one in rates.items()} == {
        "en": "better",
        "de": "no difference seen",
        "pt": "worse",
        "ar": "worse",
        "vi": "insufficient",
    }
    assert found.worse == ("pt", "ar")
    assert found.without == 1
    assert "vi" in str(found)
    assert "insufficient" in str(found)


def test_an_attribute_of_calls_can_be_the_slice(store: RecordStore) -> None:
    for value in (0, 1):
        judge(None, value)
    (found,) = feedback.bias("name").slices
    assert (found.value, found.bad, found.n, found.p_value) == ("answer", 1, 2, None)


def test_without_feedback_there_are_no_slices(store: RecordStore) -> None:
    assert feedback.bias("tag:locale").slices == ()


@pytest.mark.parametrize("settings", [{"min_n": 0}, {"alpha": 1.5}])
def test_settings_that_are_wrong_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(reliai.ConfigurationError, match=next(iter(settings))):
        feedback.bias("locale", **settings)
