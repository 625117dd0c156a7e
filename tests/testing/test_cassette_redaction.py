"""What never gets into a cassette, and how calls are matched all the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reliai
from reliai.checks import MaxLength, Pii
from reliai.errors import ConfigurationError
from reliai.testing import CassetteError, CassetteMismatch, ScriptedModel, cassette
from reliai.testing._cassette.redaction import MASK, Redactor

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-" + "a1B2c3D4e5F6" * 4
MAIL = "ana.lopez@example.org"
PII = Pii(action="redact")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers.json"


def entries(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text())["calls"]
    return found


@reliai.reliable(name="echo")
def echo(prompt: str, **more: object) -> str:
    return f"you said {prompt}"


# --- secrets, always ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        {"api_key": "hunter2"},
        {"openai_api_key": "hunter2"},
        {"headers": {"Authorization": "Basic hunter2", "x-api-key": "hunter2"}},
        {"config": [{"password": "hunter2", "client_secret": "hunter2"}]},
        {"token": "hunter2"},
        {"cookie": "hunter2", "Set-Cookie": "hunter2"},
        {"access_token": "hunter2", "refresh-token": "hunter2", "credentials": "hunter2"},
    ],
    ids=str,
)
def test_what_is_named_as_a_secret_is_not_written(more: dict[str, Any], path: Path) -> None:
    with cassette(path):
        echo("hi", **more)
    assert "hunter2" not in path.read_text()
    assert MASK in path.read_text()


def test_what_looks_like_a_key_is_not_written_wherever_it_stands(path: Path) -> None:
    @reliai.reliable(name="leak")
    def leak(prompt: str) -> dict[str, Any]:
        return {"text": [f"your key is {KEY}"], KEY: 1}

    with cassette(path):
        leak(f"my key is {KEY}")
    assert KEY not in path.read_text()


def test_another_secret_in_its_place_matches(path: Path) -> None:
    with cassette(path):
        echo("hi", api_key="hunter2")
    with cassette(path):
        assert echo("hi", api_key="another one") == "you said hi"


def test_words_that_only_resemble_secrets_are_left_alone(path: Path) -> None:
    more: dict[str, Any] = {
        "max_tokens": 10,
        "logprobs": [{"token": "hello", "bytes": [1]}],
        "author": "me",
        "keyboard": "qwerty",
    }
    with cassette(path):
        echo("hi", **more)
    assert entries(path)[0]["arguments"] == {"prompt": "hi", **more}


def test_a_key_in_an_error_is_not_written(path: Path) -> None:
    @reliai.reliable(name="fail")
    def fail(prompt: str) -> str:
        raise ValueError(f"bad key {KEY}") from OSError(5, KEY)

    with cassette(path), pytest.raises(ValueError, match="bad key"):
        fail("hi")
    assert KEY not in path.read_text()
    with cassette(path), pytest.raises(ValueError, match="bad key") as caught:
        fail("hi")
    assert isinstance(caught.value.__cause__, OSError)


# --- redact= --------------------------------------------------------------------------------


def test_a_check_takes_out_what_it_finds(path: Path) -> None:
    with cassette(path, redact=PII):
        assert echo(f"write to {MAIL}") == f"you said write to {MAIL}"
    assert MAIL not in path.read_text()
    with cassette(path, redact=PII):
        assert echo(f"write to {MAIL}") == "you said write to [EMAIL]"


def test_a_function_from_text_to_text_takes_out_what_it_wants(path: Path) -> None:
    def no_names(text: str) -> str:
        return text.replace("Ana", "NAME")

    for _ in range(2):
        with cassette(path, redact=[no_names, PII]):
            echo(f"I am Ana, {MAIL}")
    assert entries(path)[0]["answer"] == "you said I am NAME, [EMAIL]"


def test_a_check_that_only_refuses_takes_out_the_whole_text(path: Path) -> None:
    with cassette(path, redact=MaxLength(12)):
        echo("hi")
        echo("far too long a prompt")
    assert [entry["arguments"]["prompt"] for entry in entries(path)] == ["hi", MASK]


def test_a_check_that_refuses_parts_takes_out_these(path: Path) -> None:
    with cassette(path, redact=Pii(action="raise")):
        echo(f"write to {MAIL}!")
    assert entries(path)[0]["arguments"] == {"prompt": f"write to {MASK}!"}


def test_what_is_spread_over_chunks_is_taken_out(path: Path) -> None:
    model = ScriptedModel([["write ", "to ana.", "lopez@exa", "mple.org", " today"]])
    ask = reliai.reliable(name="ask")(model.streaming)
    with cassette(path, redact=PII):
        assert "".join(ask("hi")) == f"write to {MAIL} today"
    chunks = entries(path)[0]["stream"]
    assert "".join(chunks) == "write to [EMAIL] today"
    assert len(chunks) == 5
    assert "".join(chunks[:2]) == "write to [EMAIL]"


def test_what_is_spread_over_the_events_of_an_sdk_is_taken_out(path: Path) -> None:
    def event(text: str | None, finish: str | None = None) -> dict[str, Any]:
        delta = {} if text is None else {"content": text}
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {"id": "c1", "object": "chat.completion.chunk", "choices": [choice]}

    pieces = ["call ana.", "lopez@exa", "mple.org", " now"]
    model = ScriptedModel([[*(event(text) for text in pieces), event(None, "stop")]])
    ask = reliai.reliable(name="ask")(model.streaming)
    with cassette(path, redact=PII):
        list(ask("hi"))
    text = path.read_text()
    assert "lopez" not in text
    assert "mple.org" not in text
    with cassette(path, redact=PII):
        replayed = list(ask("hi"))
    assert "".join(e["choices"][0]["delta"].get("content", "") for e in replayed) == (
        "call [EMAIL] now"
    )
    assert [e["id"] for e in replayed] == ["c1"] * 5


def test_an_asynchronous_check_is_refused(path: Path) -> None:
    @reliai.check
    async def slow(text: str) -> None:
        """Pass."""

    with (
        pytest.raises(ConfigurationError, match="must not be asynchronous"),
        cassette(path, redact=slow),
    ):
        pass


def test_an_answer_that_cannot_be_built_from_what_is_left_is_an_error(path: Path) -> None:
    from uuid import UUID

    @reliai.reliable(name="ask")
    def ask() -> UUID:
        return UUID(int=7)

    with (
        cassette(path, redact=lambda text: text.replace("7", "x")),
        pytest.raises(CassetteError, match="redact= left of the answer of ask"),
    ):
        ask()


# --- calls that look the same once redacted ---------------------------------------------------


def test_without_a_key_they_are_replayed_in_order(path: Path) -> None:
    def ask_both() -> list[str]:
        with cassette(path, redact=PII):
            return [echo(f"mail {name}@example.org") for name in ("ana", "bob")]

    ask_both()
    answers = ask_both()
    assert answers == ["you said mail [EMAIL]"] * 2
    assert "digest" not in entries(path)[0]


@pytest.mark.parametrize("given_as", ["argument", "environment"])
def test_with_a_key_each_gets_its_own(
    given_as: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"redact": PII}
    if given_as == "argument":
        settings["key"] = "kept elsewhere"
    else:
        monkeypatch.setenv("RELIAI_CASSETTE_KEY", "kept elsewhere")
    model = ScriptedModel(["for ana", "for bob"])
    ask = reliai.reliable(name="ask")(model)
    with cassette(path, **settings):
        ask("mail ana@example.org")
        ask("mail bob@example.org")
    with cassette(path, **settings):
        assert ask("mail bob@example.org") == "for bob"
        assert ask("mail ana@example.org") == "for ana"
    with cassette(path, **settings), pytest.raises(CassetteMismatch, match="only in what was red"):
        ask("mail eve@example.org")


def test_who_has_no_key_can_replay_all_the_same(path: Path) -> None:
    with cassette(path, redact=PII, key="kept elsewhere"):
        echo(f"mail {MAIL}")
    with cassette(path, redact=PII):
        assert echo(f"mail {MAIL}") == "you said mail [EMAIL]"


def test_the_digest_is_no_plain_hash_and_depends_on_the_key() -> None:
    arguments = {"prompt": f"mail {MAIL}"}
    digests = {Redactor(PII, key).arguments(arguments)[1] for key in ("a", "b", b"c")}
    assert len(digests) == 3
    assert Redactor(PII, None).arguments(arguments)[1] is None
    assert Redactor(PII, "a").arguments({"prompt": "hi"})[1] is None


def test_a_named_secret_is_no_part_of_the_digest() -> None:
    redactor = Redactor(PII, "a")
    digests = {
        redactor.arguments({"prompt": MAIL, "api_key": key})[1] for key in ("one", "another")
    }
    assert len(digests) == 1


# --- the rules by themselves ------------------------------------------------------------------


@given(
    st.lists(st.text("ab@. ", max_size=8), max_size=12),
    st.sampled_from(["ab", "a", "@.", "bb@"]),
    st.text("xyz", max_size=4),
)
def test_cut_pieces_join_to_the_redacted_text(pieces: list[str], part: str, instead: str) -> None:
    redactor = Redactor(lambda text: text.replace(part, instead))
    cut = redactor._cut(pieces)
    assert len(cut) == len(pieces)
    assert "".join(cut) == "".join(pieces).replace(part, instead)


@given(st.lists(st.sampled_from(["write to ", "ana@", "example", ".org", " or "]), max_size=12))
def test_no_address_survives_however_it_is_cut(pieces: list[str]) -> None:
    redactor = Redactor(PII)
    assert "ana@example.org" not in "".join(redactor.stream(list(pieces)))
