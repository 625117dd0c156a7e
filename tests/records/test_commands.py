"""`reliai calls`, `show` and `tail` on both databases."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

import reliai
from reliai.cli.app import app
from reliai.cli.calls_views import short_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.records import RecordStore

_LONG = "summarise_the_conversation_of_a_customer"


@reliai.reliable(reliai.Retry(2, wait=lambda state: 0.0, budget=None), name=_LONG)
def answer(prompt: str, failures: list[Exception] | None = None) -> str:
    reliai.usage(model="model-a", input_tokens=12, output_tokens=3, cost_usd=0.0125)
    if failures:
        raise failures.pop()
    return prompt


def run(*arguments: str, columns: int | None = None) -> tuple[int, str]:
    environment = {"COLUMNS": None if columns is None else str(columns)}
    done = CliRunner(env=environment).invoke(app, list(arguments))
    return done.exit_code, done.output


@pytest.fixture
def identifier(store: RecordStore) -> str:
    """The id of a call that needed two attempts."""
    with reliai.context(subject="u1"):
        outcome = reliai.execute(answer, "hello", [ConnectionError("down")])
    store.flush(20)
    assert outcome.call_id is not None
    return outcome.call_id


def test_calls_and_show_read_the_store(url: str, identifier: str) -> None:
    code, said = run("calls", "--store", url, "--subject", "u1")
    assert code == 0
    assert short_id(identifier) in said
    code, said = run("show", short_id(identifier), "--store", url)
    assert code == 0
    assert identifier in said
    assert "retry" in said


def test_calls_fit_into_80_columns(url: str, identifier: str) -> None:
    _, said = run("calls", "--store", url, columns=80)
    heading, row = said.splitlines()
    assert len(row) <= 80
    assert heading.split()[:7] == ["when", "call", "name", "status", "took", "tries", "cost"]
    when, call, name, status, _, unit, tries, cost, *happened = row.split()
    assert len(when) == len("12:00:00")
    assert call == short_id(identifier)
    assert name == "summari…stomer"
    assert (status, unit, tries, cost) == ("success", "ms", "2", "$0.0250")
    assert happened[0].startswith("retry")


@pytest.mark.usefixtures("identifier")
def test_calls_are_not_cut_where_there_is_no_terminal(url: str) -> None:
    assert _LONG in run("calls", "--store", url)[1]


def test_show_fits_into_80_columns(url: str, identifier: str) -> None:
    _, said = run("show", identifier, "--store", url, columns=80)
    assert max(map(len, said.splitlines())) <= 80
    assert "$0.0125" in said


@pytest.fixture
def tail(url: str, identifier: str) -> Iterator[subprocess.Popen[str]]:
    """`reliai tail` after its first line, which is the call that was there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "reliai", "tail", "--store", url, "--every", "0.05"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    assert short_id(identifier) in process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def test_tail_shows_calls_as_they_are_written_until_it_is_interrupted(
    store: RecordStore, tail: subprocess.Popen[str]
) -> None:
    ids = [reliai.execute(answer, "hello").call_id or "" for _ in range(3)]
    store.flush(20)
    assert tail.stdout is not None
    shown = [tail.stdout.readline() for _ in ids]
    assert [short_id(one) in line for one, line in zip(ids, shown, strict=True)] == [True] * 3
    tail.send_signal(signal.SIGINT)
    assert tail.wait(30) == 0
    assert tail.stdout.read() == ""


def test_tail_shows_only_what_is_asked_for(store: RecordStore, url: str) -> None:
    with reliai.context(subject="u1"):
        answer("hello")
    _, seq = store.latest(10)
    with reliai.context(subject="u2"):
        answer("hello")
    store.flush(20)
    assert store.after(seq, subject="u1") == ([], seq + 1)
    new, last = store.after(seq, subject="u2")
    assert (len(new), last) == (1, seq + 1)


@pytest.mark.parametrize(
    ("module", "extra"),
    [("sqlalchemy", "records"), ("alembic", "records"), ("psycopg", "postgres"), ("rich", "cli")],
)
def test_a_missing_package_is_named_with_its_extra(module: str, extra: str) -> None:
    from reliai.cli.missing import explain

    said = explain(ModuleNotFoundError(name=f"{module}.part"), "cli")
    assert said == f'{module} is not installed; it comes with: pip install "reliai[{extra}]"'


def test_calls_without_the_extra_say_what_to_install(
    tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.path.join(tmp_path, "records.db")  # noqa: PTH118  a URL's part
    open(path, "w").close()  # noqa: PTH123  it only has to be there
    for name in [name for name in sys.modules if name.startswith("reliai.records.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    code, said = run("calls", "--store", path)
    assert code == 2
    assert 'pip install "reliai[records]"' in said
