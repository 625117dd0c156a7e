"""`reliai data`: from cases in a file to versions, and what is said of mistakes."""

from __future__ import annotations

import json
import sys
from io import StringIO
from typing import TYPE_CHECKING

import pytest

import reliai
from reliai.cli.evals_common import progress
from reliai.datasets import Case, Dataset, resolve
from reliai.records import RecordStore
from tests.cli.evaluating import cases, run, told

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.fixture
def refunds() -> Dataset:
    dataset = Dataset.open("refunds")
    dataset.add(cases(6))
    dataset.commit("first")
    return dataset


# --- adding and committing --------------------------------------------------------------------


def test_a_case_waits_for_a_commit() -> None:
    added = run("data", "add", "refunds", "--inputs", '{"prompt": "a"}', "--expected", "A")
    assert added == (0, "1 case, 1 changes wait for a commit\n")
    code, said = run("data", "commit", "refunds", "-m", "week 1")
    assert code == 0
    assert said.startswith("refunds@v1  1 cases  +1 ~0 -0  sha256:")
    (case,) = resolve("refunds@v1")
    assert (case.inputs, case.expected) == ({"prompt": "a"}, "A")
    assert run("data", "commit", "refunds")[0] == 2


def test_a_case_has_all_that_was_said_of_it() -> None:
    run(
        *("data", "add", "refunds", "--inputs", '{"n": 1}', "--expected", '{"total": 3}'),
        *("--id", "one", "--group", "s1", "--tag", "locale=de", "-m", "at once"),
    )
    case = resolve("refunds@v1").case("one")
    assert case == Case(
        inputs={"n": 1}, expected={"total": 3}, id="one", group="s1", tags={"locale": "de"}
    )


def test_cases_come_from_the_standard_input() -> None:
    lines = "\n".join(json.dumps(case.to_dict()) for case in cases(3))
    assert run("data", "add", "refunds", "-m", "piped", text=lines)[0] == 0
    assert len(resolve("refunds@v1")) == 3


def test_cases_come_from_a_table(folder: Path) -> None:
    (folder / "t.csv").write_text("question,answer,lang\na,A,de\nb,B,en\n")
    code, _ = run(
        *("data", "import", "refunds", "t.csv", "--inputs", "question", "--expected", "answer"),
        *("--tag", "lang", "-m", "table"),
    )
    assert code == 0
    assert {case.expected for case in resolve("refunds")} == {"A", "B"}
    assert {case.tags["lang"] for case in resolve("refunds")} == {"de", "en"}


def test_a_line_that_is_no_case_is_named_and_nothing_is_added(folder: Path) -> None:
    (folder / "bad.jsonl").write_text('{"inputs": {"a": 1}}\n{"inputs": 7}\n')
    code, said = run("data", "import", "refunds", "bad.jsonl")
    assert code == 2
    assert "bad.jsonl:2" in said
    assert not (folder / ".reliai").exists()


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.parquet"])
def test_what_is_exported_comes_back_the_same(refunds: Dataset, name: str) -> None:
    assert run("data", "export", "refunds@v1", name)[0] == 0
    run("data", "import", "copy", name, "-m", "again")
    assert {case.digest for case in resolve("copy")} == {case.digest for case in refunds.at("v1")}
    assert resolve("copy").case("case-001").tags == {"locale": "de"}


def test_a_case_that_is_removed_stays_in_the_version_before(refunds: Dataset) -> None:
    run("data", "remove", "refunds", "case-001")
    run("data", "commit", "refunds", "-m", "less")
    assert "case-001" not in resolve("refunds@v2")
    assert "case-001" in resolve("refunds@v1")
    code, said = run("data", "remove", "refunds", "case-099")
    assert (code, "case-099" in said) == (2, True)


# --- looking ----------------------------------------------------------------------------------


def test_datasets_are_listed_with_what_waits(refunds: Dataset) -> None:
    run("data", "add", "refunds", "--inputs", "{}")
    code, rows = told("data", "list", "--json")
    assert code == 0
    assert rows == [
        {"name": "refunds", "version": "v1", "cases": 6, "staged": 1, "message": "first"}
    ]
    assert "refunds v1      6     first" in run("data", "list")[1]


def test_a_version_is_shown_in_80_columns_and_a_case_as_a_whole(refunds: Dataset) -> None:
    refunds.add(Case(inputs={"prompt": "long " * 100}, id="long"))
    refunds.commit("longer")
    code, said = run("data", "show", "refunds")
    assert code == 0
    assert max(map(len, said.splitlines()[1:])) <= 80
    assert json.loads(run("data", "show", "refunds", "case-001")[1])["expected"] == "Q1"
    digest = resolve("refunds").case("case-001").digest
    assert json.loads(run("data", "show", "refunds", digest[7:15])[1])["id"] == "case-001"
    assert run("data", "show", "refunds@v9") == (2, run("data", "show", "refunds@v9")[1])
    assert "v9" in run("data", "show", "refunds@v9")[1]


def test_two_versions_differ_by_exactly_what_was_changed(refunds: Dataset) -> None:
    refunds.add([Case(inputs={"prompt": "new"}, id=name) for name in ("n1",)])
    refunds.edit("case-002", expected="other")
    refunds.remove("case-003")
    refunds.commit("second")
    code, found = told("data", "diff", "refunds@v1", "v2", "--json")
    assert code == 0
    assert (found["added"], found["removed"]) == (["n1"], ["case-003"])
    assert found["changed"] == [{"key": "case-002", "fields": ["expected"]}]
    assert "~ case-002  expected" in run("data", "diff", "refunds@v1", "refunds@v2")[1]
    assert run("data", "diff", "refunds", "v2")[0] == 2


def test_the_log_names_versions_and_tags(refunds: Dataset) -> None:
    run("data", "tag", "golden", "refunds@v1")
    refunds.add(Case(inputs={}))
    refunds.commit("more")
    code, rows = told("data", "log", "refunds", "--json")
    assert code == 0
    assert [(row["version"], row["tags"]) for row in rows] == [("v2", []), ("v1", ["golden"])]
    assert "[golden] first" in run("data", "log", "refunds")[1]
    assert resolve("refunds@golden").name == "v1"
    assert run("data", "tag", "golden", "refunds@v2")[0] == 2
    assert run("data", "tag", "golden", "refunds@v2", "--move")[0] == 0


def test_one_byte_that_is_flipped_is_found_and_its_case_named(
    refunds: Dataset, folder: Path
) -> None:
    assert run("data", "verify", "refunds")[0] == 0
    part = next(
        path
        for path in (folder / ".reliai" / "datasets" / "refunds").rglob("*")
        if path.is_file() and b'"Q3"' in path.read_bytes()
    )
    part.chmod(0o644)
    part.write_bytes(part.read_bytes().replace(b'"Q3"', b'"Q4"'))
    code, said = run("data", "verify", "refunds")
    assert code == 1
    assert refunds.at("v1").dataset == "refunds"
    assert cases(6)[3].digest in said
    assert run("data", "verify", "nothing")[0] == 5


def test_a_split_keeps_groups_together_and_writes_keys(refunds: Dataset, folder: Path) -> None:
    arguments = ("data", "split", "refunds", "train=.5", "test=.5", "--seed", "3", "--out", "keys")
    code, rows = told(*arguments, "--json")
    assert code == 0
    assert sum(row["cases"] for row in rows) == 6
    parts = [
        set((folder / "keys" / f"{name}.txt").read_text().split()) for name in ("train", "test")
    ]
    sessions = [{int(key[-3:]) // 2 for key in part} for part in parts]
    assert not sessions[0] & sessions[1]
    assert run("data", "split", "refunds", "train=.5")[0] == 2
    assert run("data", "split", "refunds", "train")[0] == 2


# --- making -----------------------------------------------------------------------------------


@pytest.fixture
def store(folder: Path) -> str:
    url = f"sqlite:///{folder}/calls.db"
    opened = RecordStore(url, content="full")

    @reliai.reliable(name="answer", observers=[opened])
    def answer(prompt: str) -> str:
        if prompt == "bad":
            raise ValueError
        return prompt

    for prompt in ("good", "better", "bad"):
        reliai.execute(answer, prompt)
    reliai.flush(30)
    opened.close()
    return url


def test_errors_of_stored_calls_become_cases(refunds: Dataset, store: str) -> None:
    code, counts = told(
        *("data", "capture", "refunds", "--store", store, "--rule", "on_error", "--json")
    )
    assert code == 0
    assert (counts["version"], counts["seen"]) == ("v2", 3)
    added = [case for case in resolve("refunds@v2") if case.key not in refunds.at("v1")]
    assert [case.inputs for case in added] == [{"prompt": "bad"}]
    assert added[0].sources[0].kind == "call"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("on_eror", "use one of on_error"),
        ("below(confidence", "as in below(confidence, .6)"),
        ("below(confidence, high)", "below"),
        ("uniform(7)", "uniform"),
        ("__import__(os)", "use one of"),
    ],
)
def test_a_rule_that_is_none_is_refused(store: str, rule: str, said: str) -> None:
    code, output = run("data", "capture", "refunds", "--store", store, "--rule", rule)
    assert code == 2
    assert said in output


def test_a_capture_of_no_call_says_so(store: str) -> None:
    rule = "below(confidence, .6)"
    code, said = run("data", "capture", "refunds", "--store", store, "--rule", rule)
    assert code == 5
    assert "3 calls were seen" in said


def test_near_duplicates_are_collapsed_and_put_back() -> None:
    words = " ".join(f"word{number}" for number in range(60))
    dataset = Dataset.open("refunds")
    dataset.add([Case(inputs={"prompt": words}, id="a"), Case(inputs={"prompt": f"{words} x"})])
    dataset.add(Case(inputs={"prompt": "something else entirely"}))
    dataset.commit("first")
    code, found = told("data", "dedup", "refunds", "--json")
    assert code == 0
    assert (found["cases"], found["redundant"]) == (3, 1)
    assert "1 of 3 cases are like another one" in run("data", "dedup", "refunds")[1]
    assert run("data", "dedup", "refunds", "--collapse")[0] == 0
    assert len(resolve("refunds")) == 2
    assert run("data", "dedup", "refunds", "--put-back")[0] == 0
    assert len(resolve("refunds")) == 3


def test_health_warns_of_traffic_without_cases(refunds: Dataset, store: str) -> None:
    code, found = told("data", "health", "refunds", "--store", store, "--json")
    assert (found["cases"], found["calls"]) == (6, 3)
    assert code == (0 if found["ok"] else 1)
    code, said = run("data", "health", "refunds", "--store", store)
    assert said.startswith("refunds@v1: 6 cases beside 3 calls")


# --- progress ---------------------------------------------------------------------------------


def test_long_work_has_a_bar_on_a_terminal_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    with progress("verifying") as tell:
        assert tell is None
    assert not shown.getvalue()
    monkeypatch.setattr(shown, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with progress("verifying") as tell:
        assert tell is not None
        tell(3, 7)
    assert "verifying" in shown.getvalue()
    assert "3/7" in shown.getvalue()
