"""Reports: what they tell, and that nothing in the data is taken for markup."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai.evals import Gate, compare
from reliai.evals._columns import columns_of_trials
from reliai.evals.reports import Report, report
from reliai.evals.reports.markdown import code
from tests.evals.made_runs import discordant, passes, run_of, run_of_tries, trials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliai.evals.trial import Trial

EVIL = "<script>alert(1)</script> [x](http://evil) `a` | @team #12 ![i](j) $x^2$ \u202e%0A::error::"


class StoredRun:
    """A run whose trials can be read, with answers in them."""

    def __init__(self, made: list[Trial], label: str) -> None:
        self.id = label
        self.scorers = ("exact",)
        self.manifest = {"experiment": EVIL, "scorers": {"exact": "sha256:1"}, "root": "r"}
        self.made = made

    def trials(self) -> Iterator[Trial]:
        return iter(self.made)


def stored(worse: int, label: str, answer: str = "fine") -> StoredRun:
    values = [(case >= worse,) for case in range(120)]
    made = trials(
        values,
        tags=lambda case: {"locale": EVIL if case % 3 else "de"},
        duration=lambda case: 0.5 + case / 100,
        output=lambda case: f"{answer} {case}",
    )
    return StoredRun(made, label)


@pytest.fixture(scope="module")
def hostile() -> Report:
    comparison = compare(stored(30, "<b>cand</b>", EVIL), stored(0, "base", "old answer"))
    gate = (
        Gate("exact", non_inferior=0.02, slices="locale")
        & Gate("latency_p95", max=4)
        & Gate("cost_usd", max_ratio=1.1, blocking=False)
    )
    return report(gate.judge(comparison), comparison, content=True)


def made(gate: Gate, given: Any, **settings: Any) -> Report:
    return report(gate.judge(given), given, **settings)


# --- text -------------------------------------------------------------------------------------


def test_a_terminal_is_told_the_verdict_the_numbers_and_what_it_would_take() -> None:
    ours, theirs = discordant(40, 1, 1)
    text = made(Gate("exact", non_inferior=0.02), compare(run_of(ours), run_of(theirs))).text()
    assert text.startswith("Evaluation gate: INCONCLUSIVE: 40 cases, 40 compared")
    assert re.search(
        r"can detect ≥ [\d.]+ points; needs about [\d,]+ cases", " ".join(text.split())
    )
    assert "exact: 0.975 on 40/40 cases" in text
    assert max(map(len, text.splitlines())) <= 100


def test_signs_that_steer_a_terminal_are_not_printed(hostile: Report) -> None:
    assert "\u202e" not in hostile.text()
    assert all(sign.isprintable() or sign == "\n" for sign in hostile.text())


def test_what_is_missing_is_told_beside_every_score() -> None:
    text = made(Gate("exact", min=0.85), run_of(passes(80, 10, 10))).text()
    assert "exact: 0.8889 on 90/100 cases" in text
    assert "between 0.8 and 0.9" in text
    assert "90 ok" in text
    assert "10 error" in text


def test_the_estimate_for_production_stands_beside_the_challenge_score() -> None:
    chances = [1, 1, 0.01, 0.01, 0.01, 0.01]
    run = run_of([0, 0, 1, 1, 1, 0] * 2, chance=lambda case: chances[case % 6])
    shown = made(Gate("exact", min=0.1, min_cases=5), run)
    assert "on production traffic: 0.7463" in shown.text()
    assert "(challenge score 0.5)" in shown.text()
    assert "0.7463" in shown.markdown()
    assert "0.7463" in shown.html()


def test_a_case_that_passes_half_of_its_tries_has_a_section_of_its_own() -> None:
    run = run_of_tries([[True, False] * 5, [True] * 10, [False] * 10, ["error"] * 10], planned=3)
    shown = made(Gate("exact", min=0.1), run)
    assert shown.data()["flaky"] == {"exact": {"case-0": (5, 10)}}
    assert shown.data()["stability"]["exact"] == {
        "stable_pass": 1,
        "flaky": 1,
        "stable_fail": 1,
        "error": 1,
    }
    assert "### Flaky cases" in shown.markdown()
    assert "<code>case-0</code> (5/10)" in shown.markdown()
    assert "case-0" in shown.html()


# --- Markdown ---------------------------------------------------------------------------------


def test_nothing_of_the_data_is_markup_in_a_pull_request(hostile: Report) -> None:
    text = hostile.markdown()
    ours = re.sub(r"</?(code|details|summary)>|<!-- reliai gate [\w.-]* -->", "", text)
    assert "<" not in ours
    assert "@" not in ours
    assert "`" not in ours
    assert "](" not in ours
    assert "http:" not in ours
    assert "\u202e" not in ours
    assert not re.search(r"(?<!&)#\d", ours)


def test_rows_of_a_table_have_as_many_cells_as_its_head(hostile: Report) -> None:
    widths: set[int] = set()
    for line in [*hostile.markdown().splitlines(), ""]:
        if line.startswith("|"):
            widths.add(line.count("|"))
            continue
        assert len(widths) <= 1
        widths = set()


def test_a_comment_is_never_longer_than_it_may_be(hostile: Report) -> None:
    short = hostile.markdown(limit=1_500)
    assert len(short) <= 1_501
    assert "more lines were left out" in short
    assert short.startswith("<!-- reliai gate ")
    assert "FAIL" in short


def test_a_comment_can_be_found_again_by_its_first_line() -> None:
    text = made(Gate("exact", min=0.1), run_of([True] * 20), title="my gate").markdown()
    assert text.splitlines()[0] == "<!-- reliai gate my-gate -->"


def test_a_case_without_an_id_is_called_by_the_beginning_of_its_digest() -> None:
    digest = "sha256:" + "0123456789abcdef" * 4
    tried = [
        replace(each, case=digest if each.case == "case-0" else each.case)
        for each in trials([(True, False), *((True, True) for _ in range(30))])
    ]
    run = columns_of_trials(tried, "run", {}, ("exact",))
    shown = made(Gate("exact", case_min=0.9), run)
    for text in (shown.markdown(), shown.text()):
        assert "0123456789ab" in text
        assert "0123456789abc" not in text
    assert digest in shown.json()


def test_loud_notes_are_in_the_comment() -> None:
    ours = run_of([True] * 200, manifest={"root": "new"})
    theirs = run_of([True] * 190, manifest={"root": "old"})
    text = made(Gate("exact", non_inferior=0.05), compare(ours, theirs)).markdown()
    assert "DIFFERENT DATASETS&#58; 190 cases are the same and compared" in text


# --- GitHub -----------------------------------------------------------------------------------


def test_each_annotation_is_one_command_that_no_data_can_end(hostile: Report) -> None:
    lines = hostile.annotations().splitlines()
    for line in lines:
        assert re.match(r"::(error|warning|notice) title=[^:,]*::", line)
        assert "\u202e" not in line
    assert sum(line.startswith("::error") for line in lines) <= 10
    assert "%250A::error" in hostile.annotations()  # their percent sign is one


def test_a_gate_that_passes_is_a_notice_and_one_that_cannot_tell_a_warning() -> None:
    passing = made(Gate("exact", min=0.5), run_of([True] * 50)).annotations()
    unsure = made(Gate("exact", min=0.95), run_of([True] * 50)).annotations()
    assert passing.startswith("::notice title=Gate PASS::")
    assert unsure.startswith("::warning title=Gate INCONCLUSIVE::")


# --- JUnit ------------------------------------------------------------------------------------


def test_junit_has_a_case_for_each_rule_and_slice(hostile: Report) -> None:
    root = ET.fromstring(hostile.junit())  # noqa: S314  our own
    cases = root.findall(".//testcase")
    assert len(cases) == 5
    assert root.attrib["failures"] == str(len(root.findall(".//failure")))
    assert [case.find("failure") is not None for case in cases[:1]] == [True]
    names = [case.attrib["name"] for case in cases]
    assert any(name.endswith("[locale=de]") for name in names)


@pytest.mark.parametrize(
    ("values", "floor", "kind"),
    [
        (passes(99, 1), 0.9, None),
        (passes(50, 50), 0.9, "failure"),
        (passes(90, 10), 0.9, "failure"),
        (passes(80, 0, 20), 0.9, "error"),
    ],
)
def test_verdicts_have_their_counterpart_in_junit(
    values: list[Any], floor: float, kind: str | None
) -> None:
    text = made(Gate("exact", min=floor), run_of(values)).junit()
    (case,) = ET.fromstring(text).findall(".//testcase")  # noqa: S314  our own
    found = {child.tag for child in case} & {"failure", "error", "skipped"}
    assert found == ({kind} if kind else set())


def test_a_rule_that_does_not_block_is_skipped_in_junit() -> None:
    text = made(Gate("exact", min=0.9, blocking=False), run_of(passes(50, 50))).junit()
    assert 'skipped="1"' in text


def test_a_slice_that_is_too_small_to_tell_is_skipped_in_junit_unless_it_must_pass() -> None:
    run = run_of([True] * 100, tags=lambda case: {"locale": "de" if case < 12 else "en"})
    loose = made(Gate("exact", min=0.9, slices="locale"), run).junit()
    strict = made(Gate("exact", min=0.9, slices="locale", slices_must="pass"), run).junit()
    assert 'tests="3" failures="0" errors="0" skipped="1"' in loose
    assert 'tests="3" failures="2" errors="0" skipped="0"' in strict


def test_no_case_at_all_is_an_error_in_junit() -> None:
    text = made(Gate("exact", min=0.9), run_of([])).junit()
    assert "no case was evaluated" in text
    assert ET.fromstring(text).attrib["errors"] == "1"  # noqa: S314  our own


def test_signs_that_xml_cannot_hold_are_replaced() -> None:
    run = run_of([True] * 20, tags=lambda case: {"locale": "a\x00\x1b[31m\ud800"})
    text = made(Gate("exact", min=0.1, slices="locale"), run).junit()
    ET.fromstring(text)  # noqa: S314  our own


# --- HTML -------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: dict[str, set[str]] = {}
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_page_shows_answers_as_text_and_runs_nothing(hostile: Report) -> None:
    page = Page(hostile.html())
    assert not page.tags & {"script", "img", "iframe", "link", "object", "a", "form", "b"}
    assert not [name for name in page.attributes if name.startswith("on")]
    assert "<script>alert(1)</script> [x](http://evil)" in page.text
    assert "old answer 0" in page.text
    assert "\u202e" not in page.text


def test_a_page_loads_nothing(hostile: Report) -> None:
    text = hostile.html()
    assert "default-src 'none'" in text
    assert not re.search(r"\b(src|href)\s*=\s*(?![\"']?#)", text)
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


@given(text=st.text(max_size=60))
def test_no_text_is_markup_in_a_comment(text: str) -> None:
    shown = code(text)
    inner = re.sub(r"&#\d+;", "", shown.removeprefix("<code>").removesuffix("</code>"))
    assert not set(inner) & set("<>&#@`*_~[]{}|\\!$:/\"'=\n\r")


@given(text=st.text(max_size=60))
def test_no_text_ends_a_command_or_a_document(text: str) -> None:
    result = Gate("exact", min=0.5).judge(run_of([True] * 20))
    shown = report(replace(result, notes=(text,)), title=text or None)
    lines = shown.annotations().split("\n")
    assert all(line.startswith("::") for line in lines[:-1])
    assert len(lines) == 3
    ET.fromstring(shown.junit())  # noqa: S314  our own
    assert not Page(shown.html()).tags & {"script", "img", "iframe"}


def test_a_page_has_its_plots_in_it_as_text(hostile: Report) -> None:
    page = Page(hostile.html())
    assert "svg" in page.tags
    assert "exact: candidate less baseline, with 95 % bounds" in page.text
    assert "seconds of the target's call" in page.text
    assert "$x^2$" in page.text  # a name of a slice, and no formula


def test_the_same_result_gives_the_same_page(hostile: Report) -> None:
    assert hostile.html() == hostile.html()


def test_half_an_emoji_in_an_answer_stops_no_report(tmp_path: Path) -> None:
    comparison = compare(stored(30, "cand", "\ud83d"), stored(0, "base"))
    result = Gate("exact", non_inferior=0.02).judge(comparison)
    written = report(result, comparison, content=True).write(tmp_path)
    assert len(written) == 5
    assert report(result, comparison, content=True).json().encode()


def test_answers_are_shown_to_those_who_ask_only() -> None:
    comparison = compare(stored(30, "cand", "confidential"), stored(0, "base", "confidential"))
    result = Gate("exact", non_inferior=0.02).judge(comparison)
    shown = report(result, comparison)
    for text in (shown.html(), shown.json(), shown.markdown(), shown.text(), shown.junit()):
        assert "confidential" not in text
    assert "confidential 29" in report(result, comparison, content=True).json()


# --- all --------------------------------------------------------------------------------------


def test_all_formats_are_written_into_a_folder(hostile: Report, tmp_path: Path) -> None:
    written = hostile.write(tmp_path / "reports")
    assert sorted(path.name for path in written) == [
        *("gate.html", "gate.json", "gate.md", "gate.txt", "gate.xml")
    ]
    data = json.loads((tmp_path / "reports" / "gate.json").read_text())
    assert data["result"]["verdict"] == "FAIL"
    assert data["comparison"]["compared"] == 120


def test_a_result_alone_has_a_report() -> None:
    result = Gate("exact", min=0.5).judge(run_of([True] * 50))
    for text in (report(result).html(), report(result).markdown(), report(result).text()):
        assert "PASS" in text


def test_p_values_of_slices_are_adjusted_for_reading_and_for_blocking(hostile: Report) -> None:
    worst = min(hostile.facts.slices, key=lambda each: each.p_reported or 1.0)
    assert worst.p_reported is not None
    assert worst.result.p_adjusted is not None
    assert {"p (Holm)", "p (BH)"} <= set(re.findall(r"p \(\w+\)", hostile.markdown()))
