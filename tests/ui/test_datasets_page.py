"""Datasets in Chromium: versions, cases, and what changed between two versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reliai.datasets import Case, Dataset, Source
from reliai.ui import create_app
from tests.integrations._web import served
from tests.ui._calls import HOSTILE
from tests.ui._plain import get
from tests.ui.conftest import left

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("datasets")
    make_refunds(folder)
    broken = Dataset.open(folder / "broken")
    broken.add(Case(inputs={"x": 1}))
    broken.commit()
    (folder / "broken" / "versions" / "v1.json").write_text("{")
    (folder / "no dataset").mkdir()
    with served(create_app(datasets=folder)) as address:
        yield address


def make_refunds(folder: Path) -> None:
    refunds = Dataset.open(folder / "refunds")
    cases = [
        Case(
            inputs={"prompt": f"Can I return item {number}?"},
            expected="yes",
            id=f"case-{number:03}",
            tags={"locale": "de" if number % 4 == 0 else "en"},
            sources=(Source(kind="call", id="ab12cd34ef56", rule="on_error"),),
        )
        for number in range(120)
    ]
    refunds.add(cases)
    refunds.commit("week 34")
    refunds.tag("golden", "v1")
    refunds.edit("case-003", expected="no")
    refunds.remove("case-007")
    refunds.add(Case(inputs={"messages": [{"role": "user", "content": HOSTILE[:40]}]}, id="odd"))
    refunds.commit("a wrong reference")


@pytest.fixture
def page(one_page: Page) -> Iterator[Page]:
    """The page of this module, as new for each test."""
    yield one_page
    left(one_page)


def test_the_list_shows_each_dataset_with_its_newest_version_and_tags(
    page: Page, address: str
) -> None:
    page.goto(f"{address}/datasets")
    row = page.get_by_role("row").filter(has_text="refunds").inner_text()
    assert "v2\t120" in row
    assert "a wrong reference" in row
    assert "golden v1" in row
    assert page.get_by_role("row").count() == 3  # with the one that is damaged


def test_a_damaged_dataset_says_so_and_is_in_nobodys_way(page: Page, address: str) -> None:
    page.goto(f"{address}/datasets")
    assert "damaged" in page.get_by_role("row").filter(has_text="broken").inner_text()


def test_from_the_list_the_keyboard_leads_to_versions_cases_and_one_case(
    page: Page, address: str
) -> None:
    page.goto(f"{address}/datasets")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/datasets/refunds")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/refunds/v2")
    page.keyboard.press("n")
    page.wait_for_url("**page=2**")
    page.keyboard.press("n")
    page.wait_for_url("**page=3**")
    rows = page.locator("tbody tr")
    assert rows.count() == 20
    rows.first.locator("th a").click()
    page.wait_for_url("**/case?key=**")
    assert "Expected" in page.inner_text("main")
    page.keyboard.press("u")
    page.wait_for_url("**/refunds/v2")


def test_every_case_of_a_version_is_on_one_page_of_it(address: str) -> None:
    pages = [get(f"{address}/datasets/refunds/v1?page={number}").text for number in (1, 2, 3)]
    keys = [f"case-{number:03}" for number in range(120)]
    assert [sum(f">{key}<" in page for page in pages) for key in keys] == [1] * 120


def test_cases_are_found_by_words_and_tag(page: Page, address: str) -> None:
    page.goto(f"{address}/datasets/refunds/v1")
    page.keyboard.press("/")
    page.keyboard.type("ITEM 10")
    page.keyboard.press("Enter")
    page.wait_for_url("**words=ITEM**")
    assert page.locator("tbody th").all_inner_texts() != []
    found = sorted(page.locator("tbody th").all_inner_texts())
    assert found == ["case-010", *(f"case-{number}" for number in range(100, 110))]
    page.get_by_label("Tag").fill("locale=de")
    page.keyboard.press("Enter")
    page.wait_for_url("**tag=locale**")
    assert sorted(page.locator("tbody th").all_inner_texts()) == [
        "case-100",
        "case-104",
        "case-108",
    ]


def test_two_versions_are_compared_field_by_field(page: Page, address: str) -> None:
    page.goto(f"{address}/datasets/refunds")
    page.keyboard.press("c")
    page.wait_for_url("**/diff**")
    said = page.inner_text("main")
    assert "1 added, 1 changed, 1 removed." in said
    change = page.locator(".change")
    assert "case-003" in change.inner_text()
    assert (change.locator("del").inner_text(), change.locator("ins").inner_text()) == ("yes", "no")
    assert "odd" in said
    assert "case-007" in said


def test_a_case_shows_its_sources_with_the_call_they_lead_to(page: Page, address: str) -> None:
    page.goto(f"{address}/datasets/refunds/v1/case?key=case-004")
    assert page.get_by_role("link", name="ab12cd34ef56").get_attribute("href") == (
        "/calls/ab12cd34ef56"
    )
    assert "on_error" in page.inner_text("main")


@pytest.mark.parametrize(
    "path",
    [
        "/datasets/..%2f..%2fetc",
        "/datasets/%2e%2e",
        "/datasets/no%20dataset",
        "/datasets/refunds/v9",
        f"/datasets/refunds/{'x' * 5000}",
        "/datasets/refunds/%00",
        f"/datasets/refunds/v1/case?key={'x' * 5000}",
        "/datasets/refunds/v1/case?key=no-such-case",
        "/datasets/refunds/diff?before=v1&after=v9",
    ],
)
def test_what_is_not_there_is_not_found_and_no_name_is_a_path(address: str, path: str) -> None:
    assert get(f"{address}{path}").status == 404


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 5000])
def test_what_is_no_number_of_a_page_is_told_so(address: str, number: str) -> None:
    assert get(f"{address}/datasets/refunds/v1?page={number}").status == 400


def test_a_folder_without_datasets_says_how_to_make_one(tmp_path: Path) -> None:
    with served(create_app(datasets=tmp_path)) as address:
        assert "reliai data add" in get(f"{address}/datasets").text
