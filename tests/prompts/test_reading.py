"""Files of prompts: what they say, what their fingerprint is of, and what is wrong with them."""

from __future__ import annotations

import copy
import hashlib
import pickle
from typing import TYPE_CHECKING

import pytest

from reliai import ConfigurationError
from reliai.prompts import Prompt, PromptVersion

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = """+++
version = "3"
model = "gpt-x"
description = "Answers questions."

[parameters]
temperature = 0.2
stop = ["END"]
+++

You answer in {language}.

{question}
"""


def load(folder: Path, content: str | bytes, name: str = "answer.md") -> Prompt:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Prompt.load(path)


def test_a_file_says_what_is_sent_and_how(tmp_path: Path) -> None:
    prompt = load(tmp_path, WHOLE)
    assert prompt.name == "answer"
    assert prompt.version == "3"
    assert prompt.model == "gpt-x"
    assert prompt.parameters == {"temperature": 0.2, "stop": ["END"]}
    assert prompt.placeholders == ("language", "question")
    assert prompt.current.description == "Answers questions."
    assert prompt.format(language="French", question="Why?") == "You answer in French.\n\nWhy?"


def test_a_file_without_settings_is_all_text(tmp_path: Path) -> None:
    prompt = load(tmp_path, "\nHello {name}\n\n")
    assert prompt.format(name="Ann") == "Hello Ann"
    assert prompt.model is None
    assert prompt.parameters == {}


def test_without_a_version_of_its_own_it_is_known_by_its_fingerprint(tmp_path: Path) -> None:
    prompt = load(tmp_path, "Hello")
    assert prompt.version == prompt.fingerprint.removeprefix("sha256:")[:12]
    assert prompt.current.reference == f"answer@{prompt.version}"


def test_the_reference_tells_an_edit_that_kept_its_version(tmp_path: Path) -> None:
    one = load(tmp_path, WHOLE).current.reference
    other = load(tmp_path, WHOLE.replace("answer in", "speak")).current.reference
    assert one.startswith("answer@3+")
    assert other.startswith("answer@3+")
    assert one != other


def test_parameters_cannot_be_changed_for_others(tmp_path: Path) -> None:
    prompt = load(tmp_path, WHOLE)
    prompt.parameters["stop"].append("x")
    assert prompt.parameters["stop"] == ["END"]


@pytest.mark.parametrize(
    ("old", "new"),
    [("0.2", "0.3"), ("gpt-x", "gpt-y"), ("You answer", "You  answer"), ('["END"]', '["end"]')],
)
def test_the_fingerprint_changes_with_what_is_sent(tmp_path: Path, old: str, new: str) -> None:
    before = load(tmp_path, WHOLE).fingerprint
    assert load(tmp_path, WHOLE.replace(old, new)).fingerprint != before


@pytest.mark.parametrize(
    "same",
    [
        WHOLE.replace('version = "3"', 'version = "4"'),
        WHOLE.replace("Answers questions.", "Answers."),
        WHOLE.replace("\n", "\r\n"),
        f"\ufeff{WHOLE}",
        f"{WHOLE}\n\n",
        WHOLE.replace("temperature = 0.2\n", "").replace('["END"]', '["END"]\ntemperature = 0.2'),
    ],
    ids=["version", "description", "line ends", "byte order mark", "blank lines", "order"],
)
def test_the_fingerprint_stays_where_the_same_is_sent(tmp_path: Path, same: str) -> None:
    before = load(tmp_path, WHOLE).fingerprint
    assert load(tmp_path, same).fingerprint == before


def test_the_fingerprint_is_the_same_in_every_process_and_release() -> None:
    version = PromptVersion(name="p", text="Hé {x}", model="m", settings='{"b": 1, "a": 2}')
    said = rb'["H\u00e9 {x}","m",{"a":2,"b":1}]'
    assert version.fingerprint == f"sha256:{hashlib.sha256(said).hexdigest()}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "it has no text"),
        ("+++\n+++\n \n", "it has no text"),
        ("+++\nversion = '1'\nHello", "line 1 have no end: a line of"),
        ("+++\nversion = '1'\nmodel\n+++\nHello", "no TOML: .*line 3"),
        ("---\nversion: 1\n---\nHello", "begins with ---, but settings are TOML"),
        ("+++\ntemperature = 1\n+++\nHello", "unknown setting 'temperature'.*\\[parameters\\]"),
        ("+++\nversion = '1 2'\n+++\nHello", "version = '1 2': give 1 to 64 letters"),
        ("+++\nversion = true\n+++\nHello", "version = True"),
        ("+++\nmodel = 3\n+++\nHello", "model = 3: give a text"),
        ("+++\nparameters = 3\n+++\nHello", "parameters is no table"),
        ("+++\n[parameters]\nx = inf\n+++\nHello", "a parameter is something that JSON cannot"),
        ("+++\n[parameters]\nx = 2026-01-01\n+++\nHello", "a parameter is something that JSON"),
        (f"+++\n[parameters]\nx = {'[' * 9_999}\n+++\nHello", "settings cannot be read .Recursion"),
        (f"+++\n[parameters]\nx = {'9' * 9_999}\n+++\nHello", "settings cannot be read .ValueE"),
        (b"Hello \xff", "byte 6 is no UTF-8"),
        ("x" * 1_000_001, "more than 1,000,000 bytes"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_name(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message) as raised:
        load(tmp_path, content)
    assert str(tmp_path / "answer.md") in str(raised.value)
    assert "Hello" not in str(raised.value)


def test_a_version_can_be_made_of_a_text_in_the_program() -> None:
    version = Prompt.parse(WHOLE, name="inline")
    assert version.reference.startswith("inline@3+")
    assert version.format(language="a", question="b") == "You answer in a.\n\nb"
    with pytest.raises(ConfigurationError, match="prompt inline: it has no text"):
        Prompt.parse("", name="inline")


def test_a_version_may_be_a_number(tmp_path: Path) -> None:
    assert load(tmp_path, "+++\nversion = 12\n+++\nHello").version == "12"


def test_a_file_that_is_not_there_is_named_with_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=r"no/answer\.md: it cannot be read") as raised:
        Prompt.load("no/answer.md")
    assert str(tmp_path / "no" / "answer.md") in str(raised.value)


def test_a_relative_path_means_the_same_file_wherever_the_program_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "answer.md").write_text("Hello")
    prompt = Prompt.load("answer.md")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert prompt.refresh() is False


def test_a_name_is_the_files_or_is_given(tmp_path: Path) -> None:
    path = tmp_path / "my answer.md"
    path.write_text("Hello")
    assert Prompt.load(path, name="de/answer").name == "de/answer"
    with pytest.raises(ConfigurationError, match="cannot be named 'my answer': give name="):
        Prompt.load(path)


@pytest.mark.parametrize("reload", [-1, True, "1", float("inf"), float("nan")])
def test_the_seconds_between_two_looks_must_be_some(tmp_path: Path, reload: object) -> None:
    (tmp_path / "answer.md").write_text("Hello")
    with pytest.raises(ConfigurationError, match=r"reload=.*: give seconds from 0, or None"):
        Prompt.load(tmp_path / "answer.md", reload=reload)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_what_differs_between_two_versions_can_be_read(tmp_path: Path) -> None:
    old = load(tmp_path, WHOLE).current
    new = load(tmp_path, WHOLE.replace("0.2", "0.7").replace('"3"', '"4"')).current
    lines = new.diff(old).split("\n")
    assert "-temperature = 0.2" in lines
    assert "+temperature = 0.7" in lines
    assert not old.diff(old)


def test_neither_a_prompt_nor_a_version_shows_its_text(tmp_path: Path) -> None:
    prompt = load(tmp_path, WHOLE)
    assert "You answer" not in f"{prompt!r} {prompt.current!r}"
    assert repr(prompt.current) == f"<PromptVersion {prompt.current.reference}>"


def test_a_prompt_can_be_sent_to_another_process_and_copied(tmp_path: Path) -> None:
    prompt = load(tmp_path, WHOLE)
    for other in (pickle.loads(pickle.dumps(prompt)), copy.deepcopy(prompt)):  # noqa: S301  our own
        assert other.current == prompt.current
        assert other.refresh() is False
        assert other.format(language="a", question="b") == "You answer in a.\n\nb"
