"""The review queue in Chromium: a person labels, corrects and skips without a mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.feedback import ReviewQueue
from reliai.records import RecordStore
from reliai.ui import create_app
from tests.integrations._web import served
from tests.ui._calls import HOSTILE
from tests.ui._reviewing import Desk, answered
from tests.ui.conftest import TOKEN, left, opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, Route


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordStore]:
    store = RecordStore(f"sqlite:///{tmp_path_factory.mktemp('reviews')}/r.db", content="full")
    yield store
    store.close()


@pytest.fixture(scope="module")
def address(kept: RecordStore) -> Iterator[str]:
    with served(create_app(store=kept, token=TOKEN)) as address:
        yield address


@pytest.fixture
def desk(
    one_page: Page, address: str, kept: RecordStore, request: pytest.FixtureRequest
) -> Iterator[Desk]:
    reliai.configure(observers=[], records=kept)
    yield Desk(one_page, address, kept, request.node.name)
    left(one_page)


# --- with the keyboard ----------------------------------------------------------------------------
def test_a_queue_is_labelled_with_two_keys_a_call_each_label_on_the_call_it_was_given(
    desk: Desk,
) -> None:
    calls = desk.fill(*(f"answer {number}" for number in range(20)))
    desk.sit_down()
    for number, call in enumerate(calls):
        assert desk.call == call
        desk.press_on(str(number % 3 + 1), "Enter")
    labels = ("right", "wrong", "unsafe")
    given = desk.queue.labels_given()
    assert given == {call: {"ana": labels[at % 3]} for at, call in enumerate(calls)}
    assert "All 20 calls have their reviews. 20 are yours." in desk.page.inner_text("main")


def test_with_labels_that_submit_at_once_one_key_is_enough(desk: Desk) -> None:
    calls = desk.fill("a", "b", "c")
    desk.sit_down()
    desk.press("a")
    desk.press_on("1")
    desk.press_on("2")
    desk.page.reload()  # the choice is kept
    desk.press_on("3")
    assert [desk.said(call)["label"] for call in calls] == ["right", "wrong", "unsafe"]


def test_e_edits_the_output_and_control_enter_submits_it_as_the_correction(desk: Desk) -> None:
    (call,) = desk.fill("You have 30 days.\n\n Ask  us.")
    desk.sit_down()
    desk.press("2", "e")
    desk.page.keyboard.type(" Please.")
    desk.press_on("Control+Enter")
    expected = {"label": "wrong", "correction": "You have 30 days.\n\n Ask  us. Please."}
    assert desk.said(call) == expected


def test_a_correction_that_was_opened_and_left_as_it_is_says_nothing(desk: Desk) -> None:
    (call,) = desk.fill("line\r\nline\nend ")
    desk.sit_down()
    desk.press("1", "e", "Escape")
    desk.press_on("Enter")
    assert desk.said(call) == {"label": "right"}


def test_a_comment_goes_with_the_label(desk: Desk) -> None:
    (call,) = desk.fill("a")
    desk.sit_down()
    desk.press("1", "c")
    desk.page.keyboard.type("so 1 and 2 and s")
    desk.press_on("Control+Enter")
    (one,) = desk.store.feedback.current(call)
    assert (one.value, one.comment) == ("right", "so 1 and 2 and s")


def test_s_passes_over_a_call_which_comes_again_at_the_end(desk: Desk) -> None:
    first, second, third = desk.fill("a", "b", "c")
    desk.sit_down()
    desk.press_on("s")
    assert desk.call == second
    desk.press_on("1", "Enter")
    assert desk.call == third
    desk.press_on("j")
    assert desk.call == first


def test_k_goes_back_to_ones_last_review_to_say_something_else_and_j_goes_on(desk: Desk) -> None:
    first, second, third = desk.fill("a", "b", "c")
    desk.sit_down()
    desk.press("2", "e")
    desk.page.keyboard.type("!")
    desk.press_on("Control+Enter")
    desk.press_on("1", "Enter")
    desk.press_on("k")
    assert desk.call == second
    desk.press_on("k")
    assert desk.call == first
    assert desk.page.get_by_label("wrong").is_checked()
    assert desk.page.input_value("[name=correction]") == "a!"
    desk.press_on("3", "Enter")
    assert desk.call == second
    desk.press_on("j")
    assert desk.call == third
    assert desk.said(first) == {"label": "unsafe", "correction": "a!"}
    history = desk.store.feedback.history(first, name=desk.name)
    assert [one.value for one in history] == ["wrong", "unsafe"]


def test_a_correction_is_taken_back_by_putting_the_output_there_again(desk: Desk) -> None:
    call, _ = desk.fill("a", "b")
    desk.sit_down()
    desk.press("2", "e")
    desk.page.keyboard.type("!")
    desk.press_on("Control+Enter")
    desk.press_on("k")
    desk.page.fill("[name=correction]", "a")
    desk.press_on("Control+Enter")
    assert desk.said(call) == {"label": "wrong"}


def test_the_question_mark_lists_what_the_keys_do(desk: Desk) -> None:
    desk.fill("a")
    desk.sit_down()
    desk.press("?")
    listed = desk.page.get_by_role("dialog").inner_text()
    for words in ("right", "wrong", "unsafe", "Correction", "Comment", "Submit", "Skip"):
        assert words in listed
    desk.press("Escape", "2")
    assert desk.page.get_by_label("wrong").is_checked()


def test_keys_of_one_letter_can_be_turned_off(desk: Desk) -> None:
    (call,) = desk.fill("a")
    desk.sit_down()
    desk.press("?")
    desk.page.get_by_label("Shortcuts of one letter").uncheck()
    desk.press("Escape", "2", "e", "s")
    assert desk.call == call
    assert desk.page.locator("[name=label]:checked").count() == 0
    assert not desk.page.locator("[name=correction]").is_visible()


def test_enter_without_a_label_asks_for_one_and_sends_nothing(desk: Desk) -> None:
    (call,) = desk.fill("a")
    desk.sit_down()
    desk.press("Enter")
    assert desk.alarm == "Choose a label first."
    assert (desk.call, desk.said(call)) == (call, {})


def test_x_gives_the_call_back(desk: Desk) -> None:
    desk.fill("a")
    desk.sit_down()
    desk.press_on("x")
    assert desk.page.inner_text("h1") == "Review queues"
    assert desk.queue.progress().claimed == 0


def test_a_key_that_is_pressed_while_a_review_is_on_its_way_labels_no_call_unseen(
    desk: Desk,
) -> None:
    first, second = desk.fill("a", "b")
    desk.sit_down()

    def slowly(route: Route) -> None:
        desk.press("2", "Enter", "s")
        route.continue_()

    desk.page.route("**/reviews/submit", slowly)
    desk.press_on("1", "Enter")
    assert desk.call == second
    assert desk.page.locator("[name=label]:checked").count() == 0
    assert (desk.said(first), desk.said(second)) == ({"label": "right"}, {})


# --- the lease, reloads, and what goes wrong ------------------------------------------------------
def test_a_reload_shows_the_same_call_with_what_was_written(desk: Desk) -> None:
    call, _ = desk.fill("a", "b")
    desk.sit_down()
    desk.press("2", "e")
    desk.page.keyboard.type(" better")
    desk.page.reload()
    assert desk.call == call
    assert desk.page.get_by_label("wrong").is_checked()
    assert desk.page.input_value("[name=correction]") == "a better"


def test_another_browser_of_the_same_person_goes_on_with_the_same_call(
    desk: Desk, browser: Browser
) -> None:
    call, _ = desk.fill("a", "b")
    desk.sit_down()
    with opened(browser) as page:
        assert desk.beside(page).sit_down().call == call


def test_the_lease_is_held_while_somebody_works(desk: Desk) -> None:
    desk.fill("a", lease=3)
    desk.sit_down()
    before = desk.queue.resume("ana")
    assert "Yours until" in desk.page.inner_text("main")
    with desk.page.expect_response("**/reviews/renew"):
        desk.press("1")
    after = desk.queue.resume("ana")
    assert before is not None
    assert after is not None
    assert after.leased_until > before.leased_until


def test_who_comes_too_late_is_told_and_keeps_what_was_written(desk: Desk) -> None:
    (call,) = desk.fill("a")
    desk.sit_down()
    queue = desk.queue
    mine = queue.resume("ana")
    assert mine is not None
    mine.release()
    with queue.claim("ben") as other:
        assert other is not None
        desk.press("2", "e")
        desk.page.keyboard.type(" long thoughts")
        desk.press_on("Control+Enter")
    assert "Another has this call now" in desk.page.inner_text("h1")
    assert "a long thoughts" in desk.page.inner_text("main")
    assert desk.said(call) == {}


def test_who_reviewed_it_in_another_window_is_told_so(desk: Desk, browser: Browser) -> None:
    (call,) = desk.fill("a")
    desk.sit_down()
    with opened(browser) as page:
        desk.beside(page).sit_down().press_on("1", "Enter")
    desk.press("2", "c")
    desk.page.keyboard.type("on second thoughts")
    desk.press_on("Control+Enter")
    assert desk.page.inner_text("h1") == "You have reviewed this call already"
    assert "on second thoughts" in desk.page.inner_text("main")
    assert desk.said(call) == {"label": "right"}
    desk.press_on("k")
    assert desk.call == call


def test_a_window_whose_call_was_passed_over_labels_no_other_call(
    desk: Desk, browser: Browser
) -> None:
    first, second = desk.fill("a", "b")
    assert desk.sit_down().call == first
    with opened(browser) as page:
        other = desk.beside(page).sit_down()
        other.press_on("s")
        assert other.call == second
        desk.press_on("1", "Enter")
    assert desk.queue.labels_given() == {}


def test_who_was_signed_out_finds_what_they_wrote_when_they_come_back(desk: Desk) -> None:
    (call,) = desk.fill("a")
    desk.sit_down()
    desk.page.context.clear_cookies()
    desk.press("2", "c")
    desk.page.keyboard.type("why")
    desk.press_on("Control+Enter")
    assert "not signed in" in desk.page.inner_text("main")
    desk.sit_down()
    assert desk.page.input_value("[name=comment]") == "why"
    assert desk.page.get_by_label("wrong").is_checked()
    desk.press_on("Enter")
    assert desk.said(call) == {"label": "wrong"}


def test_two_reviewers_at_once_have_two_calls(desk: Desk, browser: Browser) -> None:
    desk.fill("a", "b")
    with opened(browser) as page:
        other = desk.beside(page).sit_down("ben")
        assert desk.sit_down().call != other.call


def test_with_the_server_away_nothing_that_was_written_is_lost(desk: Desk) -> None:
    (call,) = desk.fill("a")
    desk.sit_down()
    desk.page.route("**/reviews/submit", lambda route: route.abort())
    desk.press("2", "c")
    desk.page.keyboard.type("why")
    desk.press("Control+Enter")
    desk.page.wait_for_selector("[role=alert]")
    assert "does not answer" in desk.alarm
    assert (desk.call, desk.page.input_value("[name=comment]")) == (call, "why")
    desk.page.unroute("**/reviews/submit")
    desk.press_on("Control+Enter")


# --- what is shown --------------------------------------------------------------------------------
@pytest.mark.parametrize("blind", [True, False])
def test_a_blind_queue_shows_nothing_of_what_others_said(desk: Desk, *, blind: bool) -> None:
    desk.fill("a", reviews_per_item=2, blind=blind)
    with desk.queue.claim("ben") as item:
        assert item is not None
        item.submit("unsafe", correction="ben's own words", comment="ben's reason")
    desk.sit_down()
    shown = desk.page.inner_text(".review-call")
    assert ("ben" in shown) is not blind


def test_an_output_that_is_no_text_is_corrected_as_json(desk: Desk) -> None:
    (call,) = desk.fill({"intent": "refund", "order": None})
    desk.sit_down()
    desk.press("2", "e")
    desk.page.fill("[name=correction]", '{"intent": "exchange"')
    desk.press("Control+Enter")
    desk.page.wait_for_selector("[role=alert]")
    assert "must be JSON" in desk.alarm
    desk.page.keyboard.press("e")
    desk.page.keyboard.type("}")
    desk.press_on("Control+Enter")
    assert desk.said(call)["correction"] == {"intent": "exchange"}


def test_what_a_model_wrote_is_text_and_nothing_else(desk: Desk) -> None:
    (call,) = desk.fill(HOSTILE)
    desk.sit_down()
    assert "<script>" in desk.page.inner_text(".review-call")
    assert desk.page.locator("main script:not([src]), main img, main .review-call a").count() == 0
    desk.press("2", "e")
    assert "</textarea>" in desk.page.input_value("[name=correction]")
    desk.press_on("Control+Enter")
    assert desk.said(call) == {"label": "wrong"}
    assert desk.page.title() != "owned"


@pytest.mark.parametrize("labels", [None, (1, 2, 3), tuple(f"label {n}" for n in range(12))])
def test_labels_may_be_any_numbers_and_more_than_there_are_keys(desk: Desk, labels: Any) -> None:
    (call,) = desk.fill("a", labels=labels)
    desk.sit_down()
    if labels is None:
        desk.press("l")
        desk.page.keyboard.type("my own word")
        desk.press_on("Control+Enter")
        assert desk.said(call) == {"label": "my own word"}
    else:
        desk.page.get_by_text(str(labels[-1]), exact=True).last.click()
        desk.press_on("Enter")
        assert desk.said(call) == {"label": labels[-1]}


def test_a_queue_may_have_any_name(desk: Desk) -> None:
    desk.name = "a/b?c#d & ü"
    (call,) = desk.fill("a")
    desk.sit_down()
    desk.press_on("1", "Enter")
    desk.press_on("k")
    desk.press_on("2", "Enter")
    assert desk.said(call) == {"label": "wrong"}


def test_the_list_tells_how_far_each_queue_is(desk: Desk) -> None:
    desk.fill("a", "b")
    with desk.queue.claim("ben") as item:
        assert item is not None
        item.submit("right")
    desk.page.goto(f"{desk.address}/reviews")
    row = desk.page.get_by_role("row").filter(has_text=desk.name)
    assert "right, wrong, unsafe 1 of 2" in " ".join(row.inner_text().split())


# --- two calls beside each other ------------------------------------------------------------------
def test_of_two_calls_the_better_one_is_said_with_a_key_and_changed_with_another(
    desk: Desk,
) -> None:
    one, other, third, fourth = answered("one", "other", "third", "fourth")
    queue = ReviewQueue(desk.name, store=desk.store)
    queue.add_pair(one, other)
    queue.add_pair(third, fourth)
    desk.sit_down()
    left, right = (desk.call or "").split()
    assert {left, right} == {one, other}
    shown = desk.page.locator(".sides section").all_inner_texts()
    texts = {one: "one", other: "other"}
    assert (texts[left] in shown[0], texts[right] in shown[1]) == (True, True)
    desk.press_on("2", "Enter")
    (preference,) = desk.store.feedback.current(left, name="preference")
    assert preference.value == {"better": right, "worse": left}
    desk.press_on("k")
    assert desk.page.get_by_role("radio", name="Right").is_checked()
    desk.press_on("1", "Enter")
    (preference,) = desk.store.feedback.current(left, name="preference")
    assert preference.value == {"better": left, "worse": right}
    desk.press_on("3", "Enter")
    (tie,) = desk.store.feedback.current(third, name="preference")
    assert tie.value == {"better": None, "worse": None}


def test_a_blind_pair_does_not_tell_whose_answers_they_are(desk: Desk) -> None:
    with reliai.context(tags={"model": "the-new-one"}):
        one, other = answered("one", "other")
    ReviewQueue(desk.name, store=desk.store).add_pair(one, other)
    desk.sit_down()
    shown = desk.page.inner_text(".review-call")
    assert one[-8:] not in shown
    assert other[-8:] not in shown


# --- who may --------------------------------------------------------------------------------------
def test_who_is_not_signed_in_takes_no_call(desk: Desk) -> None:
    desk.fill("a")
    desk.page.goto(desk.path)
    assert desk.page.get_by_role("button", name="Take a call").count() == 0
    answer = desk.page.request.post(f"{desk.address}/reviews/take", form={"queue": desk.name})
    assert answer.status == 403
    assert desk.queue.progress().claimed == 0


def test_reading_the_page_of_a_queue_claims_nothing(desk: Desk) -> None:
    desk.fill("a")
    desk.sit_down()
    desk.press_on("1", "Enter")
    desk.fill("b")
    desk.page.goto(desk.path)
    assert desk.queue.progress().claimed == 0


# --- without the script ---------------------------------------------------------------------------
def test_everything_works_without_the_script(browser: Browser, desk: Desk) -> None:
    first, second, third = desk.fill("one", {"a": 1}, "three")
    with opened(browser, java_script_enabled=False) as page:
        desk = desk.beside(page).sit_down()
        page.get_by_label("wrong").check()
        page.locator("summary").click()
        page.fill("[name=correction]", "uno\nsegundo")
        page.get_by_role("button", name="Submit").click()
        assert desk.call == second
        page.get_by_role("button", name="Skip").click()
        assert desk.call == third
        page.get_by_role("link", name="Your last review").click()
        assert desk.call == first
        page.get_by_label("unsafe").check()
        page.get_by_role("button", name="Change").click()
        assert desk.call == third
        page.get_by_role("button", name="Submit").click()
        assert desk.alarm == "Choose a label first."
        page.get_by_role("button", name="Give it back").click()
        assert page.inner_text("h1") == "Review queues"
    assert desk.said(first) == {"label": "unsafe", "correction": "uno\nsegundo"}
