"""Health says what a dataset covers of the live traffic, what has moved, and how old it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import clock
from reliai.datasets import Case, Dataset, DatasetError, Source, add_suggested
from reliai.datasets.health import health_of
from reliai.records import RecordStore
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliai.datasets import Health, Version

DAY = 86_400.0


class Live:
    """A store, and calls in it."""

    def __init__(self, path: Path, content: Any = "redacted") -> None:
        self.store = RecordStore(f"sqlite:///{path}/calls.db", content=content)
        self.ask = reliai.reliable(observers=[self.store], name="ask")(self._ask)
        self.made = 0

    @staticmethod
    def _ask(prompt: str, confidence: float) -> str:
        reliai.measure(confidence=confidence)
        return f"answer to {prompt}"

    def calls(self, count: int, confidence: float = 0.5, **tags: str) -> None:
        with reliai.context(tags=tags):
            for _ in range(count):
                self.made += 1
                spread = (self.made % 10) / 20
                self.ask(f"question {self.made} {tags}", confidence=confidence + spread)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with virtual_clock():
        made = Live(tmp_path)
        yield made
        made.store.close()


def case(number: int, locale: str | None, chance: float | None = None, at: float = 0.0) -> Case:
    detail = {} if chance is None else {"inclusion_probability": chance}
    return Case(
        inputs={"prompt": f"case {number}"},
        tags={} if locale is None else {"locale": locale},
        sources=(Source(kind="call", id=str(number), at=at, detail=detail),),
        inclusion_probability=chance,
        metadata={"values": {"confidence": 0.5 + number % 10 / 20}},
    )


def dataset(tmp_path: Path, cases: list[Case]) -> tuple[Dataset, Version]:
    made = Dataset.open(tmp_path / "faq")
    made.add(cases)
    return made, made.commit("cases")


def now() -> float:
    return clock.active().time()


def test_a_dataset_like_the_traffic_is_healthy(tmp_path: Path, live: Live) -> None:
    live.calls(100, locale="de")
    live.calls(50, locale="fr")
    _, version = dataset(
        tmp_path, [case(n, "de" if n % 3 else "fr", at=now() - DAY) for n in range(60)]
    )
    health = version_health(version, live)
    assert health.ok, health.warnings
    assert health.calls == 150
    assert not any(drift.moved for drift in health.drifts)
    assert {each.covered for each in health.coverage} == {True}
    assert "nothing to look at" in str(health)


def version_health(version: Version, live: Live, **settings: Any) -> Health:
    return health_of(version, live.store, **settings)


def test_traffic_that_moved_is_a_warning_with_its_slice_and_calls_to_add(
    tmp_path: Path, live: Live
) -> None:
    live.calls(100, locale="de")
    live.calls(100, locale="fr")
    made, version = dataset(tmp_path, [case(n, "de", at=now()) for n in range(100)])
    health = made.health(live.store)
    moved = [drift for drift in health.drifts if drift.moved]
    assert [(drift.slice, drift.rose, drift.fell) for drift in moved] == [
        ("tag:locale", "fr", "de")
    ]
    assert any(text.startswith("tag:locale: the traffic has moved") for text in health.warnings)
    (suggestion,) = health.suggestions
    assert (suggestion.slice, suggestion.value, suggestion.wanted) == ("locale", "fr", 10)
    call = live.store.get(suggestion.call_ids[0])
    assert call is not None
    assert call.tags["locale"] == "fr"
    assert version.reference == health.version
    assert json.loads(json.dumps(health.to_dict()))["ok"] is False


def test_what_was_suggested_is_added_with_its_chance(tmp_path: Path, live: Live) -> None:
    live.calls(60, locale="de")
    live.calls(60, locale="fr")
    made, _ = dataset(tmp_path, [case(n, "de", at=now()) for n in range(20)])
    health = made.health(live.store)
    added = add_suggested(health, made, live.store)
    after = made.commit("more of fr")
    french = [each for each in after if each.tags.get("locale") == "fr"]
    assert len(french) == added == 10
    (chance,) = {each.inclusion_probability for each in french}
    assert chance is not None
    assert 0.05 < chance < 0.5  # the eleventh place of sixty, by chance
    assert not made.health(live.store).suggestions


def test_cases_count_with_the_calls_they_stand_for(tmp_path: Path, live: Live) -> None:
    """Half of the cases are errors of one locale, each of them captured; the traffic is not so."""
    live.calls(20, locale="de")
    live.calls(180, locale="fr")
    _, version = dataset(
        tmp_path,
        [case(n, "de", 1.0, now()) for n in range(20)]
        + [case(100 + n, "fr", 20 / 180, now()) for n in range(20)],
    )
    health = version_health(version, live)
    (share,) = [each.case_share for each in health.coverage if each.value == "fr"]
    assert share == pytest.approx(0.9)
    assert not any(drift.moved for drift in health.drifts)


def test_measured_values_are_compared_too(tmp_path: Path, live: Live) -> None:
    live.calls(200, confidence=0.9)
    _, version = dataset(tmp_path, [case(n, None, at=now()) for n in range(200)])
    health = version_health(version, live)
    (drift,) = [drift for drift in health.drifts if drift.slice == "value:confidence"]
    assert drift.moved
    figures = f"(PSI {drift.psi:.2f}, above {drift.threshold:.2f})"
    assert health.warnings == (f"value:confidence: the traffic has moved {figures}",)


def test_a_dataset_with_nothing_new_is_stale(tmp_path: Path, live: Live) -> None:
    live.calls(5)
    ages = [40, 50, 60, 100]
    _, version = dataset(
        tmp_path, [case(n, None, at=now() - days * DAY) for n, days in enumerate(ages)]
    )
    staleness = version_health(version, live).staleness
    assert staleness.stale
    assert staleness.median_days == pytest.approx(55)
    assert (staleness.old_share, staleness.dated) == (1.0, 4)
    assert not version_health(version, live, stale_days=41).staleness.stale
    assert "the newest case is 40 days old" in version_health(version, live).warnings


def test_rare_slices_need_no_cases(tmp_path: Path, live: Live) -> None:
    live.calls(120, locale="de")
    live.calls(1, locale="nl")
    _, version = dataset(tmp_path, [case(n, "de", at=now()) for n in range(20)])
    assert not version_health(version, live).suggestions
    assert version_health(version, live, rare=0.001).suggestions[0].value == "nl"


def test_calls_before_the_time_asked_for_do_not_count(tmp_path: Path, live: Live) -> None:
    live.calls(30, locale="fr")
    later = now() + DAY
    _, version = dataset(tmp_path, [case(n, "de", at=now()) for n in range(20)])
    health = version_health(version, live, since=later)
    assert health.calls == 0
    assert health.warnings[0].startswith("no calls to compare with")


def test_evaluations_are_no_traffic(tmp_path: Path, live: Live) -> None:
    live.calls(20, locale="de")
    reliai.configure(environment="eval")
    live.calls(30, locale="fr")
    _, version = dataset(tmp_path, [case(n, "de", at=now()) for n in range(20)])
    health = version_health(version, live, limit=25)
    assert (health.calls, health.suggestions) == (20, ())


def test_a_tag_with_a_value_for_everybody_is_no_slice(tmp_path: Path, live: Live) -> None:
    for number in range(60):
        live.calls(1, user=f"u{number}")
    _, version = dataset(tmp_path, [case(n, None, at=now()) for n in range(20)])
    assert version_health(version, live).coverage == ()
    assert len(version_health(version, live, slices=["tag:user"]).coverage) == 60


def test_a_store_without_content_has_nothing_to_add(tmp_path: Path) -> None:
    with virtual_clock():
        bare = Live(tmp_path, content="none")
        bare.calls(30, locale="fr")
        made, _ = dataset(tmp_path, [case(n, "de", at=now()) for n in range(20)])
        health = made.health(bare.store)
        with pytest.raises(DatasetError, match="has the whole content of none"):
            add_suggested(health, made, bare.store)
        bare.store.close()


def test_a_dataset_without_a_version_has_no_health(tmp_path: Path, live: Live) -> None:
    with pytest.raises(DatasetError, match="no version yet"):
        Dataset.open(tmp_path / "none").health(live.store)


@pytest.mark.parametrize(
    "settings", [{"minimum": 0}, {"rare": 1.0}, {"stale_days": 0}, {"limit": True}]
)
def test_a_setting_out_of_its_range_is_refused(
    tmp_path: Path, live: Live, settings: dict[str, Any]
) -> None:
    _, version = dataset(tmp_path, [case(1, "de")])
    (name,) = settings
    with pytest.raises(DatasetError, match=rf"{name}="):
        version_health(version, live, **settings)
