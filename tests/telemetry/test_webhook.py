"""Webhook posts records in signed batches, waits for a backend that is away, and loses nothing."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai._core.hub import hub
from reliai.telemetry import Webhook, health, verify
from reliai.telemetry import webhook as module
from tests.servers import free_port
from tests.telemetry._receiving import Receiver, receiver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def backend() -> Iterator[Receiver]:
    """A backend that takes what it is given."""
    with receiver() as state:
        yield state


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between attempts, so that no test waits."""
    monkeypatch.setattr(module, "PATIENCE", (0.0, 0.0))


def asking(observer: object, count: int) -> list[str]:
    """Make calls; their ids."""
    ask = reliai.reliable(observers=[observer], name="ask")(lambda: "a")
    with reliai.collect() as calls:
        for _ in range(count):
            ask()
    return [call.id for call in calls]


def flushed(observer: Webhook) -> bool:
    """Flush it on its worker, as `reliai.flush` does; say whether nothing waits."""
    said: list[bool] = []
    done = hub.lane(observer).run(observer, lambda: said.append(observer.flush(60)))
    assert done is not None
    assert done.wait(60)
    return said == [True]


def conserved(observer: Webhook) -> bool:
    """Whether nothing was lost uncounted."""
    sent = observer.counts
    return sent.taken == sent.written + sent.dropped + sent.pending


# --- what is sent ---------------------------------------------------------------------------------
def test_records_are_posted_in_batches_each_with_an_id(backend: Receiver) -> None:
    observer = Webhook(backend.url, max_records=4)
    ids = asking(observer, 10)
    assert flushed(observer)
    assert [record["id"] for record in backend.taken] == ids
    sizes = [len(request.data["records"]) for request in backend.requests]
    assert max(sizes) <= 4
    batches = [request.headers["Reliai-Batch"] for request in backend.requests]
    assert batches == [request.data["batch"] for request in backend.requests]
    assert len(set(batches)) == len(batches)
    assert {request.path for request in backend.requests} == {"/hook"}
    assert observer.counts[:4] == (10, 10, 0, 0)


def test_batch_is_signed_with_the_secret(backend: Receiver) -> None:
    shared = "s3cret"
    observer = Webhook(backend.url, secret=shared, headers={"Authorization": "Bearer x"})
    asking(observer, 1)
    assert flushed(observer)
    (request,) = backend.requests
    header = request.headers["Reliai-Signature"]
    moment, digest = (part.partition("=")[2] for part in header.split(","))
    signed = hmac.new(b"s3cret", moment.encode() + b"." + request.body, hashlib.sha256)
    assert digest == signed.hexdigest()
    assert request.headers["Authorization"] == "Bearer x"
    assert verify("s3cret", header, request.body)
    assert not verify("other", header, request.body)
    assert not verify("s3cret", header, request.body + b" ")
    assert not verify("s3cret", header, request.body, now=int(moment) + 301)
    assert not verify("s3cret", "t=soon,v1=", request.body)


def test_content_is_not_sent_unless_asked_for_and_then_redacted(backend: Receiver) -> None:
    def ask(prompt: str) -> str:
        return f"hello {prompt}"

    plain, redacting = Webhook(backend.url), Webhook(backend.url, content="redacted")
    for observer in (plain, redacting):
        reliai.reliable(observers=[observer])(ask)("ana@example.org")
    assert flushed(plain)
    assert flushed(redacting)
    assert all(b"ana@example.org" not in request.body for request in backend.requests)
    inputs = [record["inputs"] for record in backend.taken]
    assert sorted(value is None for value in inputs) == [False, True]
    assert (plain.redactions, redacting.redactions) == (0, 2)


def test_record_that_is_too_large_is_cut_or_dropped_and_counted(backend: Receiver) -> None:
    observer, many = Webhook(backend.url, max_bytes=2500), {f"x{n}": n for n in range(500)}
    large = reliai.reliable(observers=[observer], measure=lambda _a, _o: many)
    large(lambda: "a")()
    larger = reliai.reliable(observers=[observer], tags={"x": "y" * 3000})
    larger(lambda: "a")()
    asking(observer, 1)
    assert flushed(observer)
    cut, whole = backend.taken
    assert (cut["cut"], cut["values"]) == (["values"], {})
    assert "cut" not in whole
    sent = observer.counts
    assert (sent.taken, sent.written, sent.dropped, sent.cut) == (3, 2, 1, 1)
    assert all(len(request.body) < 2700 for request in backend.requests)


# --- a backend that does not take it --------------------------------------------------------------
def test_backend_that_fails_is_asked_again_with_the_same_batch(backend: Receiver) -> None:
    answers = iter([503, 500, 429])
    backend.answer = lambda _: next(answers, 200)
    observer = Webhook(backend.url)
    ids = asking(observer, 3)
    assert [flushed(observer) for _ in range(4)] == [False, False, False, True]
    assert [record["id"] for record in backend.taken] == ids
    batches = [request.headers["Reliai-Batch"] for request in backend.requests]
    assert len(set(batches)) == 1
    assert len(batches) == 4
    assert observer.counts[:4] == (3, 3, 0, 0)


def test_attempts_are_bounded_and_what_is_given_up_is_counted(backend: Receiver) -> None:
    backend.answer = lambda _: 503
    observer = Webhook(backend.url, attempts=3)
    asking(observer, 2)
    assert [flushed(observer) for _ in range(3)] == [False, False, True]
    assert observer.counts[:4] == (2, 0, 2, 0)
    assert len(backend.requests) == 3
    assert conserved(observer)


def test_backend_that_asks_to_wait_is_left_alone(backend: Receiver) -> None:
    backend.answer = lambda _: (429, {"Retry-After": "120"})
    observer = Webhook(backend.url, linger=0)
    asking(observer, 1)
    flushed(observer)
    made = len(backend.requests)
    for _ in range(5):
        observer.on_idle()
    assert len(backend.requests) == made
    assert observer.counts.pending == 1


@pytest.mark.parametrize("status", [301, 400, 401, 404])
def test_refused_batch_is_dropped_and_said(
    backend: Receiver, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    backend.answer = lambda _: status
    observer = Webhook(backend.url + "?key=SECRET")
    asking(observer, 2)
    assert flushed(observer)
    assert len(backend.requests) == 1
    assert observer.counts[:4] == (2, 0, 2, 0)
    (said,) = caplog.messages
    assert said.endswith(f"refused 2 records with status {status}; they are dropped")
    assert "SECRET" not in said


def test_batch_that_is_too_much_is_halved(backend: Receiver) -> None:
    backend.answer = lambda request: 413 if len(request.data["records"]) > 2 else 200
    observer = Webhook(backend.url, linger=1000)
    ids = asking(observer, 7)
    assert flushed(observer)
    assert [record["id"] for record in backend.taken] == ids
    assert observer.counts[:4] == (7, 7, 0, 0)


def test_memory_is_bounded_while_the_backend_is_away() -> None:
    observer = Webhook(
        f"http://127.0.0.1:{free_port()}", max_bytes=10_000, waiting_bytes=20_000, attempts=1000
    )
    asking(observer, 200)
    flushed(observer)
    sent = observer.counts
    assert sent.taken == 200
    assert sent.written == 0
    assert 0 < sent.pending < 60
    assert conserved(observer)
    told = next(told for told in health().values() if told.drops.get("given_up") == sent.dropped)
    assert told.produced == told.exported + told.dropped + told.pending


def test_connection_that_was_closed_over_there_is_made_anew(backend: Receiver) -> None:
    observer = Webhook(backend.url)
    asking(observer, 1)
    assert flushed(observer)
    connection = observer._poster._connection
    assert connection is not None
    assert connection.sock is not None
    connection.sock.shutdown(2)
    asking(observer, 1)
    assert flushed(observer)
    assert len(backend.taken) == 2


# --- the disk -------------------------------------------------------------------------------------
def test_what_a_dead_backend_does_not_take_is_spilled_and_sent_once_when_it_is_back(
    tmp_path: Path,
) -> None:
    port, folder = free_port(), tmp_path / "spill"
    observer = Webhook(f"http://127.0.0.1:{port}/hook", spill=folder, max_records=3)
    ids = asking(observer, 10)
    assert flushed(observer), "what is on the disk is safe"
    assert observer.counts.spilled == observer.counts.written == 10
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
    with receiver(port) as backend:
        observer.on_idle()
        assert [record["id"] for record in backend.taken] == ids
        assert observer.counts.replayed == 10
        assert list(folder.iterdir()) == []
        more = asking(observer, 1)
        assert flushed(observer)
        assert [record["id"] for record in backend.taken] == [*ids, *more]
    assert conserved(observer)


def test_another_process_replays_what_this_one_spilled_and_two_never_the_same(
    tmp_path: Path,
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/hook"
    dead = Webhook(url, spill=tmp_path, max_records=1)
    ids = asking(dead, 5)
    assert flushed(dead)
    with receiver(port) as backend:
        first, second = Webhook(url, spill=tmp_path), Webhook(url, spill=tmp_path)

        def meanwhile(_: object) -> int:
            if len(backend.requests) == 0:
                backend.answer = lambda _: 200
                second.on_idle()  # it leaves alone what the first one is sending
            return 200

        backend.answer = meanwhile
        first.on_idle()
        assert sorted(record["id"] for record in backend.taken) == sorted(ids)
        assert first.counts.replayed + second.counts.replayed == 5


def test_full_spill_folder_drops_and_counts(tmp_path: Path) -> None:
    observer = Webhook(
        f"http://127.0.0.1:{free_port()}", spill=tmp_path, spill_bytes=3000, max_records=1
    )
    asking(observer, 20)
    flushed(observer)
    sent = observer.counts
    assert sent.pending == 0
    assert sent.spilled > 0
    assert sent.dropped > 0
    assert conserved(observer)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 3000


def test_program_that_ends_spills_what_it_has_or_says_what_is_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    spilling, losing = Webhook(url, spill=tmp_path, linger=1000), Webhook(url, linger=1000)
    for observer in (spilling, losing):
        asking(observer, 3)
    assert hub.flush(60)
    for observer in (spilling, losing):
        observer.give_up()
    assert (spilling.counts.spilled, spilling.counts.dropped) == (3, 0)
    assert (losing.counts.written, losing.counts.dropped) == (0, 3)
    assert caplog.messages[-1].endswith(": 3 records were lost at the end of the program")


def test_closed_with_a_dead_backend_it_says_what_is_lost_and_can_be_used_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    port = free_port()
    observer = Webhook(f"http://127.0.0.1:{port}")
    reliai.configure(observers=[observer])
    ask = reliai.reliable(observers=[observer])(lambda: "a")
    ask()
    assert reliai.shutdown(60) is False
    assert observer.counts[:4] == (1, 0, 1, 0)
    assert any(
        said.endswith(": 1 records were lost when it was closed") for said in caplog.messages
    )
    with receiver(port) as backend:
        ask()
        assert flushed(observer)
        assert len(backend.taken) == 1


# --- settings -------------------------------------------------------------------------------------
BAD: list[tuple[dict[str, Any], str]] = [
    ({"url": "ftp://host"}, "must be a URL with http"),
    ({"url": "nothing"}, "must be a URL with http"),
    ({"url": "http://host:port"}, "must be a URL with http"),
    ({"secret": ""}, "secret=…"),
    ({"headers": {"A": "b\nc"}}, "strings of one line"),
    ({"max_records": 0}, "max_records=0"),
    ({"max_bytes": 10}, "at least 1000"),
    ({"linger": -1}, "linger=-1"),
    ({"timeout": 0}, "timeout=0"),
    ({"attempts": 0}, "attempts=0"),
    ({"waiting_bytes": 5}, "waiting_bytes=5"),
    ({"content": "all"}, "content='all'"),
    ({"spill": "pyproject.toml"}, "is a file"),
]


@pytest.mark.parametrize(("wrong", "message"), BAD, ids=[str(wrong) for wrong, _ in BAD])
def test_wrong_setting_is_refused_and_named(wrong: dict[str, Any], message: str) -> None:
    settings: dict[str, Any] = {"url": "http://localhost", **wrong}
    with pytest.raises(reliai.ConfigurationError) as caught:
        Webhook(**settings)
    assert message in str(caught.value)
