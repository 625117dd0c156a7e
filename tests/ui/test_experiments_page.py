"""Experiments in Chromium: runs, their cases, and two runs with intervals and a verdict."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from reliai.datasets import Case, Dataset
from reliai.evals import Experiment, Gate, Run, scorer
from reliai.ui import create_app
from tests.integrations._web import served
from tests.ui._plain import get
from tests.ui.conftest import left

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page


@scorer
def right(output: str, case: Case) -> bool:
    return bool(output == case.expected)


@scorer
def length(output: str, case: Case) -> float:
    del case
    return len(output) / 4


def before(number: int) -> str:
    if number == 13:
        raise ValueError("no answer to 13")
    return "odd" if number % 2 else "even"


def after(number: int) -> str:
    return "dunno" if number % 4 == 0 else before(number)


class Made:
    """A dataset with two runs on it."""

    def __init__(self, folder: Path) -> None:
        self.datasets, self.runs = folder / "datasets", folder / "runs"
        numbers = Dataset.open(self.datasets / "numbers")
        numbers.add(
            Case(
                inputs={"number": number},
                expected="odd" if number % 2 else "even",
                id=f"n{number}",
                tags={"size": "small" if number < 50 else "large"},
            )
            for number in range(100)
        )
        self.version = numbers.commit("all")
        self.baseline = self.run(before)
        self.candidate = self.run(after)

    def run(self, target: Callable[[int], str], name: str = "parity") -> Run:
        made = Experiment(
            target,
            self.version,
            [right, length],
            name=name,
            runs=self.runs,
            repeats=1,
            cache=False,
            retries=0,
        )
        return made.run()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("evals"))


@pytest.fixture(scope="module")
def address(made: Made) -> Iterator[str]:
    with served(create_app(datasets=made.datasets, runs=made.runs)) as address:
        yield address


@pytest.fixture
def page(one_page: Page) -> Iterator[Page]:
    """The page of this module, as new for each test."""
    yield one_page
    left(one_page)


def compared(made: Made, address: str, gate: str | None = None) -> str:
    asked = f"candidate={made.candidate.id}&baseline={made.baseline.id}"
    rest = "" if gate is None else f"&gate={quote(gate)}"
    return f"{address}/experiments/compare?{asked}{rest}"


def test_from_the_list_the_keyboard_leads_to_the_two_latest_runs_compared(
    page: Page, address: str, made: Made
) -> None:
    page.goto(f"{address}/experiments")
    page.keyboard.press("c")
    page.wait_for_url("**/compare**")
    assert made.candidate.id in page.url.partition("baseline")[0]
    assert "FAIL" in page.locator("h1 + .badge").inner_text()


def test_runs_of_two_experiments_on_the_same_cases_are_compared_too(
    page: Page, serve: Callable[..., str], tmp_path: Path
) -> None:
    made = Made(tmp_path)
    other = made.run(before, name="another name")
    address = serve(datasets=made.datasets, runs=made.runs)
    page.goto(f"{address}/experiments/runs/{other.id}")
    page.get_by_label("Compare with").select_option(made.candidate.id)
    page.keyboard.press("c")
    page.wait_for_url("**/compare**")
    assert "100 cases in common" in page.inner_text("main")
    page.goto(f"{address}/experiments")
    page.get_by_label(f"{other.id[:12]} is the baseline").check()
    page.get_by_label(f"{made.candidate.id[:12]} is the candidate").check()
    page.keyboard.press("c")
    page.wait_for_url(f"**/compare?*{other.id}**")
    assert "another name" in page.inner_text(".crumbs")


def test_the_numbers_of_a_comparison_are_those_of_the_library(
    page: Page, address: str, made: Made
) -> None:
    comparison = made.candidate.compare(made.baseline)
    difference = comparison.difference("right")
    page.goto(compared(made, address))
    row = page.get_by_role("row").filter(has_text="right").first.inner_text()
    assert f"{difference.estimate:+.4g}" in row
    assert f"[{difference.low:+.3g}, {difference.high:+.3g}]" in row
    assert f"{difference.p_value:.3g}" in row


def test_the_verdict_is_that_of_the_gate_that_is_asked_for(
    page: Page, address: str, made: Made
) -> None:
    gate = "length non_inferior .5 AND right >= .5"
    comparison = made.candidate.compare(made.baseline)
    page.goto(compared(made, address))
    page.keyboard.press("/")
    page.keyboard.press("Control+A")
    page.keyboard.type(gate)
    page.keyboard.press("Enter")
    page.wait_for_url("**gate=length**")
    expected = Gate.parse(gate).judge(comparison)
    assert page.locator("h1 + .badge").inner_text() == str(expected.verdict)
    rules = page.locator(".rules > li").all_inner_texts()
    assert [rule.partition(" ")[0] for rule in rules] == [str(r.verdict) for r in expected.rules]
    assert all(r.reason in said for r, said in zip(expected.rules, rules, strict=True))


def test_a_gate_that_is_none_says_what_is_wrong_with_it(
    page: Page, address: str, made: Made
) -> None:
    page.goto(compared(made, address, "rightt >= .5"))
    assert "rightt" in page.get_by_role("alert").inner_text()
    assert page.locator("h1 + .badge").count() == 0


def test_cases_that_became_worse_lead_to_both_outputs_beside_each_other(
    page: Page, address: str, made: Made
) -> None:
    worse = made.candidate.compare(made.baseline).changed("right")[0]
    page.goto(compared(made, address))
    said = page.inner_text("main")
    assert f"{len(worse)} worse" in said
    page.get_by_role("link", name="n0", exact=True).first.click()
    page.wait_for_url("**/case**")
    columns = page.locator(".columns").last.locator("pre").all_inner_texts()
    assert columns == ["dunno", "even"]
    assert "even" in page.locator(".columns").first.inner_text()


def test_slices_are_shown_by_a_tag(page: Page, address: str, made: Made) -> None:
    page.goto(compared(made, address))
    page.get_by_label("Tag").select_option("size")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**tag=size**")
    slices = page.get_by_role("row").filter(has_text="size=")
    assert slices.count() == 4
    expected = made.candidate.compare(made.baseline).by_slice("right", "size")
    assert f"{expected[0].comparison.estimate:+.4g}" in page.inner_text("main")


def test_a_run_shows_its_scores_with_what_is_missing(page: Page, address: str, made: Made) -> None:
    summary = made.baseline.summary().scores["right"]
    page.goto(f"{address}/experiments/runs/{made.baseline.id}")
    row = page.get_by_role("row").filter(has_text="right").first.inner_text()
    assert f"{summary.n_scored} of {summary.n_total}" in row
    assert f"[{summary.low:.3g}, {summary.high:.3g}]" in row
    assert "ValueError 1" in page.inner_text("main")


def test_cases_of_a_run_are_filtered_by_what_became_of_them(
    page: Page, address: str, made: Made
) -> None:
    page.goto(f"{address}/experiments/runs/{made.candidate.id}")
    page.keyboard.press("f")
    page.wait_for_url("**state=fail**")
    failed = page.locator("table").last.locator("tbody th").all_inner_texts()
    assert sorted(failed) == sorted(f"n{number}" for number in range(0, 100, 4))
    page.get_by_role("link", name="error", exact=True).click()
    page.wait_for_url("**state=error**")
    assert page.locator("table").last.locator("tbody th").all_inner_texts() == ["n13"]


def test_a_case_that_failed_shows_its_error_and_the_reference(
    page: Page, address: str, made: Made
) -> None:
    page.goto(f"{address}/experiments/runs/{made.baseline.id}/case?key=n13")
    said = page.inner_text("main")
    assert "ValueError: no answer to 13" in said
    assert "odd" in said


def test_a_run_whose_dataset_is_away_is_shown_without_inputs(made: Made, tmp_path: Path) -> None:
    with served(create_app(datasets=tmp_path, runs=made.runs)) as address:
        said = get(f"{address}/experiments/runs/{made.baseline.id}/case?key=n2").text
    assert "is not here" in said
    assert re.search(r">\s*even\s*<", said)


@pytest.mark.parametrize("identifier", ["nothing", "..", "%2e%2e%2f%2e%2e", "*", "%00", "x" * 5000])
def test_what_is_no_run_is_not_found(address: str, identifier: str) -> None:
    assert get(f"{address}/experiments/runs/{identifier}").status == 404


def test_a_folder_without_runs_says_how_to_make_one(tmp_path: Path) -> None:
    with served(create_app(runs=tmp_path)) as address:
        assert "reliai eval run" in get(f"{address}/experiments").text
