"""`reliai calls` and `show`: what a person sees of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

import reliai
from reliai.cli.app import app
from reliai.errors import ReliaiError
from reliai.records import RecordStore
from tests.programs import run_program

if TYPE_CHECKING:
    from pathlib import Path


@reliai.reliable(
    reliai.Validate(reliai.NotEmpty()),
    reliai.Retry(3, wait=lambda state: 0.0, budget=None),
    name="answer",
    tags={"team": "support"},
)
def answer(prompt: str, failures: list[Exception] | None = None) -> str:
    reliai.usage(model="model-a", input_tokens=12, output_tokens=3, cost_usd=0.0125)
    reliai.measure(confidence=0.83)
    if failures:
        raise failures.pop()
    return prompt


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store with a good and a failed call, named by the environment."""
    store = RecordStore(f"sqlite:///{tmp_path}/records.db", content="full")
    reliai.configure(observers=[], records=store)
    with reliai.context(subject="u1", call_id="aa01"):
        answer("hello", [ConnectionError("line down")])
    with reliai.context(subject="u2", call_id="aa02"):
        reliai.execute(answer, "hello", [ValueError("odd [bold]")] * 3)
    reliai.flush()
    store.close()
    monkeypatch.setenv("RELIAI_RECORDS", f"sqlite:///{tmp_path}/records.db")
    monkeypatch.setenv("COLUMNS", "160")
    return f"{tmp_path}/records.db"


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(arguments))
    return done.exit_code, done.output


@pytest.mark.usefixtures("url")
def test_calls_shows_a_row_for_each_call_with_what_happened() -> None:
    code, said = run("calls")
    assert code == 0
    rows = [row.split() for row in said.splitlines()[1:]]
    assert [(row[1], row[2], row[3]) for row in rows] == [
        ("aa01", "answer", "success"),
        ("aa02", "answer", "error"),
    ]
    assert "ValueError" not in rows[0]
    assert "unknown: odd [bold]" in said


@pytest.mark.parametrize("columns", [80, 100, 160])
def test_a_narrow_terminal_cuts_the_story_and_nothing_one_looks_a_call_up_by(
    columns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RecordStore(f"sqlite:///{tmp_path}/narrow.db")

    @reliai.reliable(name="shop.support.answering.answer", observers=[store])
    def long_named(prompt: str) -> str:
        reliai.usage(model="model-a", input_tokens=12, output_tokens=3, cost_usd=0.0125)
        raise ReliaiError(prompt * 99)

    with reliai.context(call_id="0123456789abcdef" * 2):
        reliai.execute(long_named, "too long ")
    store.close()
    monkeypatch.setenv("COLUMNS", str(columns))
    heading, row = run("calls", "--store", f"{tmp_path}/narrow.db")[1].splitlines()
    assert heading.split()[:7] == ["when", "call", "name", "status", "took", "tries", "cost"]
    when, call, _, status, _, unit, tries, cost = row.split()[:8]
    assert (len(when), call, status) == (8, "89abcdef", "error")
    assert (unit, tries, cost) == ("ms", "1", "$0.0125")
    assert row.rstrip().endswith("…")
    assert len(row) <= columns


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--status", "error"), {"aa02"}),
        (("--subject", "u1"), {"aa01"}),
        (("--name", "other"), set()),
        (("--since", "1h"), {"aa01", "aa02"}),
        (("--since", "2999-01-01"), set()),
        (("--where", "value:confidence<0.5"), set()),
        (("--where", "tag:team=support", "--where", "status!=error"), {"aa01"}),
        (("-n", "1"), {"aa02"}),
    ],
    ids=lambda part: " ".join(sorted(part) if isinstance(part, set) else part) or "none",
)
def test_calls_can_be_chosen(arguments: tuple[str, ...], expected: set[str]) -> None:
    code, said = run("calls", *arguments)
    assert code == 0
    assert {word for word in said.split() if word.startswith("aa0")} == expected


def test_the_store_can_be_a_path(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RELIAI_RECORDS")
    assert "aa01" in run("calls", "--store", url)[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--store", "nowhere.db"),
        ("--store", __file__),
        ("--store", "postgresql+psycopg://nobody@127.0.0.1:1/none"),
        ("--since", "yesterday"),
        ("--where", "?"),
        ("--where", "no=1"),
        ("--status", "fine"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("url")
def test_what_cannot_be_answered_is_2(arguments: tuple[str, ...]) -> None:
    assert run("calls", *arguments)[0] == 2


@pytest.mark.parametrize("command", ["calls", "show", "tail"])
def test_a_file_that_is_no_store_is_told_without_a_traceback(command: str) -> None:
    code, said = run(command, *(("x",) if command == "show" else ()), "--store", __file__)
    assert code == 2
    assert "cannot be read: file is not a database; look at --store or RELIAI_RECORDS" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("command", ["calls", "show x", "tail", "monitor"])
def test_without_the_extra_of_the_store_it_is_named(command: str) -> None:
    done = run_program(f"""
        import sys
        sys.modules["sqlalchemy"] = None  # as if it were not installed
        from reliai.cli import main
        sys.argv = ["reliai", *"{command}".split(), "--store", {__file__!r}]
        main()
    """)
    assert done.returncode == 2
    assert done.stderr == (
        'sqlalchemy is not installed; it comes with: pip install "reliai[records]"\n'
    )


def test_a_name_without_its_module_is_told_the_whole_one(url: str) -> None:
    store = RecordStore(f"sqlite:///{url}")
    reliai.reliable(name="shop.support.reply", observers=[store])(lambda: "x")()
    store.close()
    said = run("calls", "--name", "reply")[1]
    assert said == (
        "no calls\n--name 'reply' is no whole name; there are calls of shop.support.reply\n"
    )
    assert run("calls", "--name", "nothing")[1] == "no calls\n"
    assert run("calls", "--name", "answer", "--status", "rejected")[1] == "no calls\n"


def test_digits_are_a_text_where_a_column_holds_texts(url: str) -> None:
    store = RecordStore(f"sqlite:///{url}")
    reliai.configure(observers=[], records=store)
    with reliai.context(subject="007", call_id="aa03"):
        answer("hello")
    store.close()
    assert "aa03" in run("calls", "--where", "subject=007")[1]
    assert "aa03" not in run("calls", "--where", "subject=none")[1]


@pytest.mark.usefixtures("url")
def test_show_explains_a_call() -> None:
    code, said = run("show", "aa01")
    assert code == 0
    words = " ".join(said.split())
    for part in (
        "answer success aa01",
        "subject u1",
        "model model-a",
        "cost $0.025",
        "connection: line down",
        "confidence 0.83",
        "retry",
    ):
        assert part in words, said


@pytest.mark.usefixtures("url")
def test_show_takes_how_an_id_begins_and_says_when_several_do() -> None:
    assert run("show", "aa02")[0] == 0
    code, said = run("show", "aa")
    assert code == 2
    assert "aa01" in said


@pytest.mark.usefixtures("url")
def test_show_of_no_call_is_2() -> None:
    code, said = run("show", "ff")
    assert code == 2
    assert "no call" in said
