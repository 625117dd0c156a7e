"""`reliai feedback`, as its users run it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

import reliai
from reliai import feedback
from reliai.cli.app import app
from reliai.cli.data_staging import Staged
from reliai.datasets import Case, Dataset, Source
from reliai.feedback import ReviewQueue
from reliai.records import RecordStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@reliai.reliable(name="answer")
def answer(prompt: str, said: str = "no") -> str:
    return said


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordStore]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("RELIAI_RECORDS", raising=False)
    made = RecordStore("sqlite:///reliai.db", content="full")
    reliai.configure(observers=[], records=made)
    yield made
    reliai.configure(observers=[])
    made.close()


def asked(prompt: str, said: str = "no", **context: Any) -> str:
    with reliai.context(**context):
        return str(reliai.execute(answer, prompt, said).call_id)


def run(*arguments: str, answers: str | None = None) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["feedback", *arguments], input=answers)
    return done.exit_code, done.output


def data(*arguments: str) -> Any:
    code, output = run(*arguments, "--json")
    assert code == 0, output
    return json.loads(output)


# --- what was said --------------------------------------------------------------------------------
def test_list_shows_what_holds_now() -> None:
    first, second = asked("a"), asked("b")
    feedback.record(first, "thumbs", 0, by="u1", comment="not what I asked")
    feedback.record(second, "stars", 4, by="u2")
    feedback.record(second, "stars", 5, by="u2")
    feedback.prefer(better=first, worse=second, by="u1")
    feedback.record(None, "solved", True, session="s1", durable=True)
    code, output = run("list")
    assert code == 0
    for part in ("thumbs", "not what I asked", "stars", "5", "better:", "session s1", "solved"):
        assert part in output
    assert [one["name"] for one in data("list", "--by", "u2")] == ["stars"]
    assert [one["value"] for one in data("list", "--name", "stars")] == [5]
    assert data("list", "--since", "1h", "--session", "s1")[0]["value"] is True
    assert "1 before these; -n shows more" in run("list", "-n", "3")[1]


def test_show_has_the_history_of_a_call() -> None:
    call_id = asked("a")
    feedback.record(call_id, "thumbs", 1, by="u1")
    feedback.retract(call_id, "thumbs", by="u1", durable=True)
    code, output = run("show", call_id[-8:])
    assert code == 0
    assert "retraction" in output
    assert "taken back" in output
    assert [one["kind"] for one in data("show", call_id)] == ["value", "retraction"]
    assert "nothing was said" in run("show", asked("b"))[1]


def test_a_store_that_there_is_not_is_said() -> None:
    code, output = run("list", "--store", "none.db")
    assert code == 2
    assert "there is no record store none.db" in output


# --- training data --------------------------------------------------------------------------------
def test_export_writes_rows_and_says_what_is_left_out() -> None:
    feedback.correct(asked("I am ana@example.com"), output="yes")
    feedback.record(asked("b"), "thumbs", 1, durable=True)
    reliai.flush()
    code, output = run("export", "sft", "--out", "rows.jsonl")
    assert code == 0
    assert "2 rows in rows.jsonl" in output
    assert "1 pieces of personal data" in output
    made = data("export", "dpo", "--out", "pairs.jsonl", "--no-redact")
    assert (made["rows"], made["path"]) == (1, "pairs.jsonl")
    listed = data("exports")
    assert [(one["format"], one["calls"]) for one in listed] == [("sft", 2), ("dpo", 1)]
    assert "rows.jsonl" in "".join(run("exports")[1].split())  # a long path goes over lines


def test_export_holds_out_what_evaluations_are_judged_by() -> None:
    dataset = Dataset.open("golden")
    dataset.add(Case(inputs={"prompt": "held", "said": "no"}))
    dataset.commit()
    for prompt in ("held", "free"):
        feedback.correct(asked(prompt), output="yes", durable=True)
    reliai.flush()
    code, output = run("export", "sft", "-o", "rows.jsonl", "--held-out", "golden@v1")
    assert code == 0
    assert "1 rows" in output
    assert "left out: 1 held out" in output
    assert run("export", "sft", "-o", "x.jsonl", "--held-out", "none@v1")[0] == 2
    assert run("export", "csv", "-o", "x.jsonl")[0] == 2


def test_export_takes_some_of_the_calls() -> None:
    for tenant in ("t1", "t2"):
        feedback.correct(asked(tenant, tenant=tenant), output="yes", durable=True)
    made = data("export", "sft", "-o", "rows.jsonl", "--where", "tenant=t1", "--since", "1h")
    assert made["rows"] == 1


# --- bias -----------------------------------------------------------------------------------------
def _unfair() -> None:
    for locale, bad, count in (("en", 2, 50), ("pt", 15, 30)):
        for number in range(count):
            call_id = asked("x", tags={"locale": locale})
            feedback.record(call_id, "thumbs", int(number >= bad))


def test_bias_says_who_is_served_worse_and_writes_rules(tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    _unfair()
    reliai.flush()
    code, output = run("bias", "locale", "--rules", "slices.json", "--to", "large")
    assert code == 0
    assert "worse" in output
    assert "1 rules found, 1 in slices.json" in output
    rules = json.loads((tmp_path / "slices.json").read_text())
    assert [(rule["value"], rule["to"]) for rule in rules["rules"]] == [("pt", "large")]
    assert run("bias", "locale", "--rules", "slices.json", "--to", "other")[0] == 0
    rules = json.loads((tmp_path / "slices.json").read_text())
    assert [(rule["value"], rule["to"]) for rule in rules["rules"]] == [("pt", "other")]
    assert run("bias", "locale", "--fail")[0] == 1
    shown = {one["value"]: one["verdict"] for one in data("bias", "locale")["slices"]}
    assert shown == {"en": "better", "pt": "worse"}
    assert run("bias", "locale", "--alpha", "2.0")[0] == 2
    assert run("bias", "status", "--rules", "slices.json")[0] == 2


def test_a_slice_that_no_call_has_does_not_pass() -> None:
    feedback.record(asked("a", tags={"locale": "pt"}), "thumbs", 1)
    reliai.flush()
    code, output = run("bias", "local")
    assert (code, "no judged call has 'local'" in output) == (0, True)
    assert run("bias", "local", "--fail")[0] == 2
    assert run("bias", "locale", "--fail")[0] == 0


def test_calls_are_put_into_a_queue_that_is_named() -> None:
    for option in (["--add", asked("a")], ["--shadows", "0.2"], ["--pair", "a", "b"]):
        code, output = run("queue", *option)
        assert (code, "say which QUEUE" in output) == (2, True)


# --- reviews --------------------------------------------------------------------------------------
def test_queues_are_listed_and_one_is_looked_at() -> None:
    pytest.importorskip("scipy")
    calls = [asked(f"q{number}") for number in range(4)]
    queue = ReviewQueue("quality", reviews_per_item=2, labels=("right", "wrong"))
    queue.add(*calls)
    for reviewer in ("ana", "ben"):
        for number in range(3):
            with queue.claim(reviewer) as item:
                assert item is not None
                item.submit("wrong" if (reviewer, number) == ("ana", 0) else "right")
    code, output = run("queue")
    assert code == 0
    assert "quality" in output
    assert "ana 3, ben 3" in output
    code, output = run("queue", "quality")
    assert code == 0
    assert "3 of 4 done" in output
    assert "alpha" in output
    assert f"to talk about: {calls[0]}" in output
    found = data("queue", "quality")
    assert (found["items"], found["done"], found["conflicts"]) == (4, 3, [calls[0]])
    assert data("queue")[0]["name"] == "quality"
    code, output = run("queue", "none")
    assert code == 2
    assert "there are: quality" in output


def test_calls_and_pairs_are_put_into_a_queue() -> None:
    first, second, third = asked("a"), asked("b"), asked("c")
    code, output = run("queue", "new", "--add", first[-10:], "--add", second, "--reviews", "2")
    assert code == 0
    assert "2 new" in output
    assert "2 for each item" in output
    assert "1 new" in run("queue", "new", "--pair", first, third)[1]
    assert "0 new" in run("queue", "new", "--shadows", "1.0")[1]
    assert data("queue", "new")["items"] == 3
    assert run("queue", "new", "--shadows", "7")[0] == 2


# --- forgetting -----------------------------------------------------------------------------------
@pytest.fixture
def theirs(tmp_path: Path) -> str:
    call_id = asked("canary-1", subject="u1")
    feedback.correct(call_id, output="yes", durable=True)
    feedback.export("sft", out=tmp_path / "rows.jsonl")
    dataset = Dataset.open("golden")
    case = Case(inputs={"prompt": "canary-1"}, sources=(Source(kind="call", id=call_id),))
    dataset.add([case, Case(inputs={"prompt": "other"})])
    dataset.commit()
    Staged(dataset).add([case, Case(inputs={"prompt": "third"})])
    run_folder = tmp_path / ".reliai" / "runs" / "e" / "r1"
    run_folder.mkdir(parents=True)
    (run_folder / "trials-0.jsonl").write_text(json.dumps({"case": case.key}) + "\n")
    return call_id


def test_forget_reaches_calls_cases_and_what_waits_and_names_the_rest(
    theirs: str, store: RecordStore, tmp_path: Path
) -> None:
    code, output = run("forget", "u1", "--yes")
    assert code == 0
    assert "1 calls" in output
    assert "golden: 1 cases removed" in output
    assert "1 cases that waited" in output
    assert f"{tmp_path}/rows.jsonl still has something of theirs" in output.replace("\n", "")
    assert ".reliai/runs/e/r1 has outputs of such cases" in output
    assert not store.calls(subject="u1")
    assert [case.inputs["prompt"] for case in Dataset.open("golden").at("v1")] == ["other"]
    dataset = Dataset.open("golden")
    assert Staged(dataset).apply() == 1
    files = (path for path in (tmp_path / ".reliai").rglob("*") if path.is_file())
    assert b"canary" not in b"".join(path.read_bytes() for path in files)
    again = data("forget", "u1", "--yes")
    assert (again["calls"], again["staged"], again["exports"], again["runs"]) == (0, 0, [], [])
    assert "forgotten since" in run("exports")[1]


def test_forget_asks_first(theirs: str, store: RecordStore) -> None:
    code, output = run("forget", "u1", answers="n\n")
    assert code == 1
    assert "delete all of 'u1'" in output
    assert len(store.calls(subject="u1")) == 1
    assert run("forget", "u1", answers="y\n")[0] == 0
    assert not store.calls(subject="u1")


def test_forget_reaches_a_dataset_elsewhere(tmp_path: Path) -> None:
    call_id = asked("canary", subject="u1")
    dataset = Dataset.open(tmp_path / "elsewhere")
    case = Case(inputs={"prompt": "canary"}, sources=(Source(kind="call", id=call_id),))
    dataset.add(case)
    dataset.commit()
    done = data("forget", "u1", "--yes", "--dataset", str(tmp_path / "elsewhere"))
    assert done["datasets"][0]["removed"] == [case.key]
