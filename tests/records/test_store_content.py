"""What a store keeps of content: nothing unless asked, and then no personal data or secrets."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.records import RecordStore, _contents
from reliai.testing import sdk_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reliai.records import StoredCall

CANARY = "zwitscherkanarie"
EMAIL = f"{CANARY}@example.org"
KEY = "sk-proj-Zx81kQpLw03nVbTyAq7RsDfGhJ29mXcE"
SSN = "078-05-1120"
TEXT = f"I am {EMAIL}, my SSN is {SSN}, the key is {KEY}"


@reliai.tool
def send_mail(to: str, body: dict[str, Any]) -> str:
    """A tool."""
    return f"sent to {to}: {body}"


def chat(prompt: str, *, system: str = "", messages: Any = (), fails: str = "") -> str:
    send_mail(prompt, {prompt: [prompt]})
    if fails:
        raise ConnectionError(fails)
    return f"You said {prompt}"


def streamed(prompt: str, *, fails: str = "") -> Iterator[str]:
    yield from ("You ", "said ", prompt)
    if fails:
        raise ConnectionError(fails)


@pytest.fixture
def storing(opened: Callable[..., RecordStore]) -> Callable[..., RecordStore]:
    """Makes a store that all calls go to."""

    def start(**settings: Any) -> RecordStore:
        store = opened(**settings)
        reliai.configure(observers=[], records=store)
        return store

    return start


def converse(text: str) -> None:
    """Calls of every kind, with a text in every place of them."""
    retried = reliai.reliable(
        reliai.Retry(2, wait=0, budget=None), reliai.Guard(reliai.MaxLength(10_000))
    )(chat)
    messages = [{"role": "user", "content": text}]
    reliai.execute(retried, text, system=text, messages=messages)
    reliai.execute(retried, text, system=text, fails=text)
    stream = reliai.reliable()(streamed)
    list(stream(text))
    with pytest.raises(ConnectionError):
        list(stream(text, fails=text))
    reliai.reliable(reliai.Fallback(text))(chat)(text, fails=text)
    reliai.reliable()(lambda prompt: sdk_answer(prompt, "chat", prompt=prompt))(text)
    with reliai.context(subject="u1"):
        reliai.execute(reliai.reliable(reliai.Validate(reliai.OneOf("a")))(chat), text)


def bytes_of(url: str) -> bytes:
    """Every byte of a database of SQLite, its log included."""
    path = Path(url.removeprefix("sqlite:///"))
    files = sorted(path.parent.glob(path.name + "*"))
    assert files
    return b"".join(each.read_bytes() for each in files)


class TestNone:
    @pytest.mark.parametrize("url", ["sqlite"], indirect=True)
    @pytest.mark.parametrize("closed", [True, False])
    def test_no_byte_of_the_database_is_of_content(
        self, storing: Callable[..., RecordStore], url: str, *, closed: bool
    ) -> None:
        store = storing()
        converse(TEXT)
        reliai.flush()
        assert len(store.calls(limit=None)) >= 7
        if closed:
            store.close()
        written = bytes_of(url)
        for secret in (CANARY, KEY, SSN, "You said"):
            assert secret.encode() not in written

    def test_is_the_default(self, storing: Callable[..., RecordStore]) -> None:
        store = storing()
        converse(TEXT)
        for call in store.calls(limit=None):
            assert (call.inputs, call.output) == (None, None)
            assert CANARY not in str(call.to_dict())

    def test_messages_of_reliai_are_kept(self, storing: Callable[..., RecordStore]) -> None:
        store = storing()
        reliai.execute(reliai.reliable(reliai.Guard(reliai.MaxLength(3)))(chat), TEXT)
        (call,) = store.calls()
        assert call.error is not None
        assert "MaxLength" in call.error.message


class TestRedacted:
    @pytest.mark.parametrize("url", ["sqlite"], indirect=True)
    def test_no_byte_of_the_database_is_of_personal_data(
        self, storing: Callable[..., RecordStore], url: str
    ) -> None:
        store = storing(content="redacted")
        converse(TEXT)
        reliai.flush()
        assert store.calls()
        written = bytes_of(url)
        for secret in (CANARY, KEY, SSN):
            assert secret.encode() not in written
        assert b"You said I am [EMAIL], my SSN is [US_SSN], the key is [OPENAI_KEY]" in written

    def test_calls_come_back_with_what_went_in_and_out(
        self, storing: Callable[..., RecordStore]
    ) -> None:
        store = storing(content="redacted")
        call_id = reliai.execute(reliai.reliable()(chat), EMAIL, messages=[{EMAIL: "x"}]).call_id
        found = store.get(call_id)
        assert found is not None
        assert found.inputs == {
            "prompt": "[EMAIL]",
            "system": "",
            "messages": [{"[EMAIL]": "x"}],
            "fails": "",
        }
        assert found.output == "You said [EMAIL]"
        assert found.to_dict()["inputs"] == found.inputs

    def test_replacements_are_counted(self, storing: Callable[..., RecordStore]) -> None:
        store = storing(content="redacted")
        reliai.reliable()(lambda prompt: prompt)(TEXT)
        reliai.flush()
        assert (store.counts.redactions, store.counts.redaction_failures) == (6, 0)

    def test_an_own_function_takes_the_place_of_the_rules(
        self, storing: Callable[..., RecordStore]
    ) -> None:
        store = storing(content="redacted", redact=lambda text: text.replace("Acme", "[US]"))
        reliai.reliable()(lambda prompt: prompt)("Acme")
        assert store.calls()[0].output == "[US]"

    def test_content_that_cannot_be_redacted_is_dropped_and_counted(
        self, storing: Callable[..., RecordStore]
    ) -> None:
        def redact(text: str) -> str:
            raise SystemExit(text)

        store = storing(content="redacted", redact=redact)
        outcome = reliai.execute(reliai.reliable()(chat), TEXT)
        assert outcome.ok
        found = store.get(outcome.call_id)
        assert found is not None, "the record is kept"
        assert (found.inputs, found.output) == (None, None)
        assert store.counts.redaction_failures == 4, "two of the call, two of its tool"
        assert store.counts.contents_dropped == 2
        assert store.counts.dropped == 0

    def test_redaction_happens_on_the_thread_that_writes(
        self, storing: Callable[..., RecordStore]
    ) -> None:
        seen: set[str] = set()

        def redact(text: str) -> str:
            seen.add(threading.current_thread().name)
            return text

        store = storing(content="redacted", redact=redact)
        reliai.reliable()(lambda prompt: prompt)(TEXT)
        assert store.calls()
        assert seen == {"reliai-records"}


class TestFull:
    def test_content_is_kept_as_it_was(self, storing: Callable[..., RecordStore]) -> None:
        store = storing(content="full")
        reliai.execute(reliai.reliable()(chat), TEXT, fails=TEXT)
        call = store.calls(where={"name": chat.__module__ + ".chat"})[0]
        assert call.inputs["prompt"] == TEXT
        assert call.error is not None
        assert call.error.message == TEXT

    def test_what_is_cut_says_how_long_it_was(self, storing: Callable[..., RecordStore]) -> None:
        store = storing(content="full")
        reliai.reliable()(lambda prompt: prompt)("ä" * 500_000)
        (call,) = store.calls()
        assert len(call.output.encode()) <= 8192
        assert set(call.output) == {"ä"}
        assert (call.inputs_bytes, call.output_bytes) == (1_000_000 + len("prompt"), 1_000_000)
        assert call.to_dict()["output_bytes"] == 1_000_000

    def test_texts_that_databases_refuse_are_kept_changed(
        self, storing: Callable[..., RecordStore]
    ) -> None:
        store = storing(content="full")
        reliai.reliable()(lambda prompt: prompt)("a\0b\ud83d")
        (call,) = store.calls()
        assert call.output.startswith("a")

    def test_a_forgotten_subject_has_no_content(
        self, storing: Callable[..., RecordStore], url: str
    ) -> None:
        store = storing(content="full")
        with reliai.context(subject="u1"):
            reliai.reliable()(lambda prompt: prompt)(TEXT)
        assert store.forget(subject="u1") == 1
        if url.startswith("sqlite"):
            store.close()
            assert CANARY.encode() not in bytes_of(url)


class TestWaiting:
    def test_much_content_that_waits_is_cut_and_the_rest_dropped(
        self, storing: Callable[..., RecordStore], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(_contents, "MOST_BYTES", 40_000)
        monkeypatch.setattr(_contents, "MOST_RAW", 16)
        store = storing(content="full")
        call = reliai.reliable()(lambda prompt: prompt)
        with store._writer.turn.taken():
            for _ in range(36):
                call("a" * 100_000)
                reliai.flush(0.05)
        calls = store.calls(limit=None)
        assert len(calls) == 36, "the records are all kept"
        dropped = store.counts.contents_dropped
        assert 10 <= dropped < 20
        assert sum(each.output is None for each in calls) == dropped

    def test_what_is_written_waits_no_more(self, storing: Callable[..., RecordStore]) -> None:
        store = storing(content="full")
        for _ in range(5):
            reliai.reliable()(lambda prompt: prompt)(TEXT)
        assert store.calls()
        contents = store._writer._contents
        assert (contents._raw, contents._made, contents._bytes) == ({}, {}, 0)

    def test_a_forked_child_counts_for_itself(self, storing: Callable[..., RecordStore]) -> None:
        store = storing(content="redacted")
        reliai.reliable()(lambda prompt: prompt)(TEXT)
        assert store.calls()
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.write(writing, bytes([store.counts.redactions]))
            os._exit(0)
        os.wait()
        assert os.read(reading, 1) == b"\0"
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"content": "some"}, "'some'"), ({"redact": str.upper}, "redact"), ({"redact": 3}, "redact")],
    ids=str,
)
def test_what_cannot_be_is_refused(settings: Any, told: str, tmp_path: Path) -> None:
    with pytest.raises(reliai.ConfigurationError, match=f"RecordStore.*{told}"):
        RecordStore(f"sqlite:///{tmp_path}/records.db", **settings)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_an_older_database_gets_the_columns_of_content(
    storing: Callable[..., RecordStore], url: str
) -> None:
    from sqlalchemy import create_engine

    from reliai.records._schema import _migrate

    engine = create_engine(url)
    with engine.begin() as connection:
        _migrate(connection, to="0002")
    engine.dispose()
    newer = storing(content="full")
    reliai.reliable()(lambda prompt: prompt)("hello")
    found: StoredCall = newer.calls()[0]
    assert found.output == "hello"
