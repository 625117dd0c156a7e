"""What a store and an application show of the ML Test Score."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.evals._isolation import isolated
from reliai.evals.ml_test_score.collecting import allow_list, of_functions, of_store
from reliai.records import RecordStore
from tests.evals.ml_test_score.projects import Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliai.evals.ml_test_score.collecting import AllowList


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RecordStore]:
    store = RecordStore(f"sqlite:///{tmp_path}/records.db", content="full")
    reliai.configure(observers=[store])
    yield store
    store.close()


@reliai.reliable(name="answer")
def answer(prompt: str, model: str = "gpt-x") -> str:
    reliai.usage(model=model, input_tokens=3, output_tokens=2, cost_usd=0.1)
    return prompt


def look(
    store: RecordStore, root: Path, allowed: AllowList | None = None
) -> dict[str, dict[str, Any]]:
    return of_store(store, root, allowed or {}, since=time.time() - 3600)


def test_without_calls_nothing_is_shown(store: RecordStore, tmp_path: Path) -> None:
    assert look(store, tmp_path) == {}


def test_calls_of_evaluations_and_shadows_show_nothing(store: RecordStore, tmp_path: Path) -> None:
    isolated(answer).call({"prompt": "a"})
    with reliai.context(tags={"shadow": "new"}):
        answer("a")
    assert look(store, tmp_path) == {}


def test_clean_content_is_private(store: RecordStore, tmp_path: Path) -> None:
    answer("Where is my parcel?")
    said = look(store, tmp_path)["DT5"]
    assert said == {"passed": True, "why": "neither personal data nor secrets in 1 stored calls"}


@pytest.mark.parametrize("text", ["Write to ana@example.com", "sk-proj-" + "a1B2c3D4e5F6g7H8" * 3])
def test_personal_data_and_secrets_in_the_store_are_found(
    text: str, store: RecordStore, tmp_path: Path
) -> None:
    answer("fine")
    answer(text)
    said = look(store, tmp_path)["DT5"]
    assert said["passed"] is False
    assert said["why"] == "1 of 2 stored calls hold personal data or secrets"


def test_what_was_redacted_is_private(tmp_path: Path) -> None:
    store = RecordStore(f"sqlite:///{tmp_path}/records.db", content="redacted")
    reliai.configure(observers=[store])
    answer("Write to ana@example.com")
    assert look(store, tmp_path)["DT5"]["passed"] is True
    store.close()


def test_the_latest_call_can_be_explained(store: RecordStore, tmp_path: Path) -> None:
    answer("a")
    assert look(store, tmp_path)["IN5"]["passed"] is True


def test_a_call_that_says_neither_model_nor_usage_cannot(
    store: RecordStore, tmp_path: Path
) -> None:
    reliai.reliable()(lambda: "a")()
    said = look(store, tmp_path)["IN5"]
    assert said["passed"] is False
    assert said["why"].endswith("no model and no usage")


def test_releases_that_are_commits_are_checked_in(store: RecordStore, tmp_path: Path) -> None:
    project = Project(tmp_path)
    reliai.configure(release=project.commit())
    answer("a")
    assert look(store, tmp_path)["MO1"]["passed"] is True


@pytest.mark.parametrize("release", ["v1", "0" * 40, "--help"])
def test_other_releases_are_not(release: str, store: RecordStore, tmp_path: Path) -> None:
    Project(tmp_path).commit()
    reliai.configure(release=release)
    answer("a")
    said = look(store, tmp_path)["MO1"]
    assert said["passed"] is False
    assert said["why"] == "0 of 1 calls were of a release that is a commit here"


def test_without_a_list_nothing_is_shown_of_models(store: RecordStore, tmp_path: Path) -> None:
    answer("a")
    assert "DT4" not in look(store, tmp_path)


def test_models_that_are_allowed_pass(store: RecordStore, tmp_path: Path) -> None:
    answer("a")
    assert look(store, tmp_path, {"models": ("gpt-*",)})["DT4"]["passed"] is True


def test_a_model_that_is_not_allowed_is_named(store: RecordStore, tmp_path: Path) -> None:
    answer("a")
    answer("a", model="other-1")
    said = look(store, tmp_path, {"models": ("gpt-*",)})["DT4"]
    assert (said["passed"], said["why"]) == (False, "used although not allowed: other-1")


# What may be used


def test_what_may_be_used_is_read_from_the_project(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.reliai.score]\nmodels = ["gpt-*"]\n')
    assert allow_list(tmp_path) == {"models": ("gpt-*",)}


def test_a_project_that_says_nothing_has_no_list(tmp_path: Path) -> None:
    assert allow_list(tmp_path) == {}
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert allow_list(tmp_path) == {}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("[tool.reliai.score]\nmodel = []", "model: is unknown; there are: models, providers"),
        ("[tool.reliai.score]\nmodels = 'gpt'", "must be a list of texts"),
        ("[tool.", "cannot be read"),
    ],
)
def test_a_list_that_is_none_is_refused(said: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(said)
    with pytest.raises(reliai.ConfigurationError, match=why):
        allow_list(tmp_path)


# Functions


def test_functions_with_guards_have_a_contract() -> None:
    guarded = {"a": {"policies": [{"policy": "Guard"}]}}
    assert of_functions(guarded)["DT1"]["passed"] is True


def test_one_without_is_named() -> None:
    found = of_functions({"a": {"policies": [{"policy": "Guard"}]}, "b": {"policies": []}})
    assert found["DT1"]["passed"] is False
    assert found["DT1"]["why"] == "1 of 2 guarded functions have a Guard; not b"


def test_without_functions_nothing_is_shown() -> None:
    assert of_functions({}) == {}
