"""When models are retired: dates of others, never our own."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from reliai.errors import ConfigurationError
from reliai.providers import retirements
from reliai.providers.retirements import (
    Retirement,
    installed_retirements,
    read_retirements,
    retiring,
)
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from pathlib import Path

TODAY = date(2027, 1, 1)


def known(**days: int) -> dict[str, Retirement]:
    """Models that are retired so many days from today."""
    return {
        name.replace("_", "-"): Retirement(
            name.replace("_", "-"), date.fromordinal(TODAY.toordinal() + ahead), "a test"
        )
        for name, ahead in days.items()
    }


def written(folder: Path, content: Any) -> Path:
    path = folder / "models.json"
    path.write_text(json.dumps(content))
    return path


def names(models: list[str], within: int = 60, **days: int) -> list[str]:
    found = retiring(models, known(**days), today=TODAY, within=within)
    return [each.model for each in found]


def test_what_goes_soon_or_is_gone_is_told_soonest_first() -> None:
    models = ["old-1", "new-2", "gone-3", "none-4"]
    assert names(models, old_1=60, new_2=61, gone_3=-5) == ["gone-3", "old-1"]


@pytest.mark.parametrize("spelt", ["old-1", "openai:old-1", "openai/old-1"])
def test_a_model_is_known_with_its_provider_in_front(spelt: str) -> None:
    assert names([spelt], old_1=3) == ["old-1"]


def test_a_model_that_is_named_twice_is_told_once() -> None:
    assert names(["old-1", "openai:old-1"], old_1=3) == ["old-1"]


def test_without_a_day_it_is_today() -> None:
    with virtual_clock():
        assert retiring(["old-1"], known(old_1=0), within=36_500)


@pytest.mark.parametrize(
    ("ahead", "told"),
    [
        (31, "is retired on 2027-02-01 (in 31 days)"),
        (1, "is retired on 2027-01-02 (in 1 day)"),
        (0, "was to be retired on 2027-01-01"),
    ],
)
def test_it_is_told_in_a_sentence(ahead: int, told: str) -> None:
    (found,) = known(old_1=ahead).values()
    assert found.told(TODAY) == f"the model 'old-1' {told}, says a test"
    assert found._replace(replacement="new").told(TODAY).endswith("says a test; use 'new'")


# --- a file of one's own


def test_dates_are_read_from_a_file(tmp_path: Path) -> None:
    content = {"a-1": "2027-01-31", "b-2": {"date": "2027-02-01", "replacement": "c-3"}}
    assert read_retirements(written(tmp_path, content)) == {
        "a-1": Retirement("a-1", date(2027, 1, 31), "models.json"),
        "b-2": Retirement("b-2", date(2027, 2, 1), "models.json", "c-3"),
    }


def test_a_providers_list_of_models_will_do(tmp_path: Path) -> None:
    listed = [{"id": "a-1", "shutdown_date": "2027-01-31"}, {"id": "b-2", "shutdown_date": None}]
    found = read_retirements(written(tmp_path, {"object": "list", "data": listed}))
    assert list(found) == ["a-1"]
    assert found["a-1"].on == date(2027, 1, 31)


@pytest.mark.parametrize("given", ["soon", 20270131, None, {"date": "31.1.2027"}, ["2027-01-31"]])
def test_what_is_no_date_is_refused_by_name(tmp_path: Path, given: object) -> None:
    with pytest.raises(ConfigurationError, match=r"'a-1' has .* write it as YYYY-MM-DD"):
        read_retirements(written(tmp_path, {"a-1": given}))


def test_what_is_no_mapping_or_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="must be"):
        read_retirements(written(tmp_path, ["a-1"]))
    with pytest.raises(ConfigurationError, match="nowhere"):
        read_retirements(tmp_path / "nowhere.json")


# --- what is installed


def test_the_sdk_of_anthropic_tells_its_own_dates() -> None:
    from anthropic.resources.messages.messages import DEPRECATED_MODELS

    found = installed_retirements()
    assert DEPRECATED_MODELS
    for model, told in DEPRECATED_MODELS.items():
        assert found[model].source == "the installed anthropic"
        assert f"{found[model].on:%B} {found[model].on.day}" == told.partition(",")[0][:-2]


def test_litellm_tells_those_it_knows_of() -> None:
    found = [each for each in installed_retirements().values() if "litellm" in each.source]
    assert len(found) > 100
    assert all(each.on.year > 2020 for each in found)


def test_words_that_any_program_may_have_are_no_models() -> None:
    assert not {"ada", "davinci", "sample_spec"} & installed_retirements().keys()


def test_nothing_is_known_where_neither_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retirements, "find_spec", lambda _: None)
    assert installed_retirements() == {}


@pytest.mark.parametrize("content", ["", "{", "OTHER = 1", "DEPRECATED_MODELS = f()", "[1]"])
def test_a_package_that_has_changed_tells_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    for name in (retirements._ANTHROPIC[1], retirements._LITELLM[1]):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(
        retirements, "find_spec", lambda _: type("Spec", (), {"origin": str(tmp_path / "x.py")})
    )
    assert installed_retirements() == {}
