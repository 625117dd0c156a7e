"""What the record of a call tells of its prompts, and one version for the whole call."""

from __future__ import annotations

import asyncio
import gc
import os
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.prompts import Prompt
from reliai.testing import ScriptedModel, virtual_clock
from tests.programs import printed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@pytest.fixture
def prompt(tmp_path: Path) -> Prompt:
    file = tmp_path / "answer.md"
    file.write_text('+++\nversion = "3"\nmodel = "gpt-x"\n+++\nAnswer {q}')
    return Prompt.load(file, reload=0)


def noted(record: reliai.CallRecord) -> list[dict[str, Any]]:
    return [dict(event.attributes) for event in record.events if event.kind == "prompt"]


def test_version_and_fingerprint_go_on_the_record(prompt: Prompt) -> None:
    @reliai.reliable()
    def answer(q: str) -> str:
        return prompt.format(q=q)

    out = reliai.execute(answer, "why")
    assert out.unwrap() == "Answer why"
    assert out.record is not None
    assert noted(out.record) == [
        {"name": "answer", "version": "3", "fingerprint": prompt.fingerprint, "served": "file"}
    ]
    assert out.record.values["prompt"] == prompt.current.reference


def test_an_asynchronous_call_notes_it(prompt: Prompt) -> None:
    @reliai.reliable()
    async def answer(q: str) -> str:
        await asyncio.sleep(0)
        return prompt.format(q=q)

    out = asyncio.run(reliai.aexecute(answer, "why"))
    assert out.record is not None
    assert len(noted(out.record)) == 1


def test_a_stream_notes_it(prompt: Prompt) -> None:
    @reliai.reliable()
    def answer(q: str) -> Iterator[str]:
        yield prompt.format(q=q)
        yield prompt.format(q="more")

    with reliai.collect() as calls:
        assert list(answer("why")) == ["Answer why", "Answer more"]
    assert len(noted(calls[0])) == 1


def test_an_asynchronous_stream_notes_it(prompt: Prompt) -> None:
    @reliai.reliable()
    async def answer(q: str) -> AsyncIterator[str]:
        yield prompt.format(q=q)

    async def main() -> list[str]:
        return [chunk async for chunk in answer("why")]

    with reliai.collect() as calls:
        assert asyncio.run(main()) == ["Answer why"]
    assert len(noted(calls[0])) == 1


def test_it_is_noted_once_for_all_attempts(prompt: Prompt) -> None:
    model = ScriptedModel([ConnectionError("down"), "fine"])

    @reliai.Retry(2, wait=None)
    def answer(q: str) -> str:
        return str(model(prompt.format(q=q)))

    with virtual_clock(), reliai.collect() as calls:
        answer("why")
    assert len(calls[0].attempts) == 2
    assert len(noted(calls[0])) == 1


def test_a_call_keeps_to_the_version_that_it_began_with(prompt: Prompt, tmp_path: Path) -> None:
    file = tmp_path / "answer.md"

    @reliai.reliable()
    def answer(q: str) -> tuple[str, str | None]:
        first = prompt.format(q=q)
        file.write_text('+++\nmodel = "gpt-y"\n+++\nOther {q}')
        os.utime(file, (1_700_000_000, 1_700_000_000))
        prompt.refresh()
        return first, prompt.model

    assert answer("why") == ("Answer why", "gpt-x")
    assert prompt.model == "gpt-y"
    assert answer("why")[0] == "Other why"


def test_all_prompts_of_a_call_are_in_its_value(prompt: Prompt, tmp_path: Path) -> None:
    (tmp_path / "system.md").write_text("Be kind.")
    system = Prompt.load(tmp_path / "system.md")

    @reliai.reliable()
    def answer(q: str) -> str:
        return system.format() + prompt.format(q=q)

    with reliai.collect() as calls:
        answer("why")
    references = f"{prompt.current.reference} {system.current.reference}"
    assert calls[0].values["prompt"] == references


def test_many_prompts_are_told_by_one_digest(tmp_path: Path) -> None:
    prompts: list[Prompt] = []
    for number in range(20):
        (tmp_path / f"{number}.md").write_text(f"Text {number}")
        prompts.append(Prompt.load(tmp_path / f"{number}.md"))

    @reliai.reliable()
    def answer() -> str:
        return "".join(each.format() for each in prompts)

    with reliai.collect() as calls:
        answer()
    assert calls[0].values["prompt"].startswith("20 prompts, ")
    assert len(noted(calls[0])) == 20


def test_a_call_inside_a_call_notes_its_own(prompt: Prompt) -> None:
    @reliai.reliable()
    def inner() -> str:
        return prompt.format(q="inner")

    @reliai.reliable()
    def outer() -> str:
        return inner()

    with reliai.collect() as calls:
        outer()
    assert [len(noted(call)) for call in calls] == [0, 1]


def test_a_version_that_the_program_holds_is_noted_too(prompt: Prompt) -> None:
    version = prompt.current

    @reliai.reliable()
    def answer() -> str:
        return version.format(q="why")

    with reliai.collect() as calls:
        answer()
    assert [each["served"] for each in noted(calls[0])] == ["version"]


def test_other_values_of_the_call_stay(prompt: Prompt) -> None:
    @reliai.reliable()
    def answer() -> str:
        reliai.measure(confidence=0.5)
        return prompt.format(q="why")

    with reliai.collect() as calls:
        answer()
    assert calls[0].values["confidence"] == 0.5


def test_the_record_has_neither_text_nor_values(prompt: Prompt) -> None:
    @reliai.reliable()
    def answer(q: str) -> int:
        return len(prompt.format(q=q))

    with reliai.collect() as calls:
        answer("my secret")
    told = str(calls[0].to_dict())
    assert "my secret" not in told
    assert "Answer" not in told


def test_a_mistake_in_the_values_is_neither_retried_nor_given_to_a_fallback(
    prompt: Prompt,
) -> None:
    asked: list[str] = []

    @reliai.Fallback("sorry")
    @reliai.Retry(3)
    def answer() -> str:
        asked.append("")
        return prompt.format(question="why")

    with pytest.raises(reliai.ConfigurationError, match=r"there is no placeholder \{question\}"):
        answer()
    assert len(asked) == 1


def test_outside_of_a_call_and_after_its_end_nothing_is_noted(prompt: Prompt) -> None:
    late: list[Any] = []

    @reliai.reliable()
    def answer() -> str:
        import contextvars

        late.append(contextvars.copy_context())
        return "done"

    with reliai.collect() as calls:
        answer()
    assert late[0].run(prompt.format, q="why") == "Answer why"
    assert noted(calls[0]) == []


def test_a_prompt_can_be_an_argument_of_a_cached_function(prompt: Prompt) -> None:
    asked: list[str] = []

    @reliai.Cache()
    def answer(prompt: object, q: str) -> str:
        asked.append(q)
        return q

    for _ in range(2):
        answer(prompt.current, "why")
    assert asked == ["why"]


def test_using_a_prompt_leaves_no_garbage(prompt: Prompt) -> None:
    @reliai.reliable()
    def answer() -> str:
        return prompt.format(q="why")

    answer()
    gc.collect()
    gc.disable()
    try:
        for _ in range(50):
            answer()
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_importing_prompts_loads_nothing_heavy() -> None:
    code = """
        import sys, reliai.prompts
        print([n for n in ("pydantic", "tomllib", "numpy", "sqlalchemy") if n in sys.modules])
    """
    assert printed(code) == ["[]"]
