"""What other parts of reliai make of a prompt: changes, slices, spans, experiments."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import reliai
from reliai.decisions.choice import Choice
from reliai.evals._fingerprints import code_of, digest_of
from reliai.prompts import Prompt
from reliai.records import RecordStore
from tests.telemetry._collected import Collected, told

if TYPE_CHECKING:
    from pathlib import Path

prompt: Prompt


@pytest.fixture(autouse=True)
def file(tmp_path: Path) -> Path:
    global prompt  # noqa: PLW0603  as a program has one
    file = tmp_path / "answer.md"
    file.write_text('+++\nversion = "3"\n+++\nOld {q}')
    prompt = Prompt.load(file)
    return file


def test_a_store_tells_when_the_prompt_changed(file: Path, tmp_path: Path) -> None:
    with closing(RecordStore(f"sqlite:///{tmp_path}/records.db")) as store:

        @reliai.reliable(name="answer", observers=[store])
        def answer(q: str) -> str:
            return prompt.format(q=q)

        answer("why")
        old = prompt.current.reference
        file.write_text("New {q}")
        prompt.refresh()
        answer("why")
        changes = [each for each in store.changes() if each.kind == "prompt"]
        kept = [call.values["prompt"] for call in store.calls(name="answer")]
    new = prompt.current.reference
    assert {(each.before, each.after) for each in changes} == {(None, old), (old, new)}
    assert sorted(kept) == sorted([old, new])


def asks(q: str, model: str = "gpt-x") -> str:
    reliai.usage(model="gpt-x-1", input_tokens=10)
    return prompt.format(q=q)


def test_the_span_of_a_call_names_its_prompt() -> None:
    seen = Collected()
    reliai.reliable(name="ask", observers=[seen.observer])(asks)("why")
    attributes = told(seen.only("chat gpt-x"))
    assert attributes["gen_ai.prompt.name"] == "answer"
    assert attributes["gen_ai.prompt.version"] == "3"


def test_the_span_of_a_call_with_two_prompts_names_none(tmp_path: Path) -> None:
    (tmp_path / "system.md").write_text("Be kind.")
    system = Prompt.load(tmp_path / "system.md")
    seen = Collected()

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask(q: str, model: str = "gpt-x") -> str:
        return system.format() + asks(q)

    ask("why")
    assert "gen_ai.prompt.name" not in told(seen.only("chat gpt-x"))


def test_an_experiment_takes_a_target_with_another_prompt_for_another(file: Path) -> None:
    before = digest_of(code_of(asks))
    assert digest_of(code_of(asks)) == before
    file.write_text("New {q}")
    prompt.refresh()
    assert digest_of(code_of(asks)) != before


def test_so_it_does_with_a_prompt_that_is_closed_over(file: Path) -> None:
    held = prompt

    def target(q: str) -> str:
        return held.format(q=q)

    before = digest_of(code_of(target))
    file.write_text("New {q}")
    held.refresh()
    assert digest_of(code_of(target)) != before


def test_of_two_prompts_a_call_has_the_one_that_is_chosen_for_it(tmp_path: Path) -> None:
    (tmp_path / "kinder.md").write_text("Kindly: {q}")
    kinder = Prompt.load(tmp_path / "kinder.md")

    class Halves:
        variants: ClassVar = {"control": prompt, "kinder": kinder}

        def choose(self, unit: Any = None) -> Choice:
            name = "kinder" if unit == "ana" else "control"
            return Choice(name, self.variants[name])

    @reliai.Route(Halves(), into="text")
    def answer(q: str, text: Prompt = prompt) -> str:
        return text.format(q=q)

    with reliai.collect() as calls:
        for user in ("ana", "bob"):
            with reliai.context(subject=user):
                answer("why")
    told = [(call.variant, call.values["prompt"].partition("@")[0]) for call in calls]
    assert told == [("kinder", "kinder"), ("control", "answer")]
