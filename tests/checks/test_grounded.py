"""Grounded: what an answer claims must stand in its sources. IR-26."""

# ruff: noqa: RUF001  other alphabets are what it is about

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reliai
from reliai import ConfigurationError, OutputInvalid, Validate
from reliai.checks import Grounded, Score

POLICY = """Bereavement fares must be requested before the flight. Refunds are not possible after
travel has been completed. A request needs a copy of the death certificate. The reduced fare applies
to immediate family members only.

Checked baggage may weigh up to 23 kg. Each additional kilogram costs 15 euros. Passengers may bring
one carry-on bag of at most 8 kg."""
GERMAN = "Die Rückgabe ist innerhalb von 30 Tagen möglich. Die Ware muss unbenutzt sein."
CHINESE = "退货必须在三十天内申请。商品必须未使用，并附上原始发票。"

SUPPORTED = {
    "copied": "Refunds are not possible after travel has been completed.",
    "shortened": "Refunds are not possible once travel is completed.",
    "put together": "Bereavement fares are requested before the flight, with a certificate.",
    "number": "Checked baggage may weigh up to 23 kg.",
    "number and price": "Each additional kilogram of checked baggage costs 15 euros.",
    "list": "- One carry-on bag of at most 8 kg\n- Checked baggage up to 23 kg",
    "other forms": "A refund is impossible after completing travel.",
    "question": "Would you like me to look up another airline's rules for you?",
    "greeting": "Hello! Happy to help.",
    "abstention": "I could not find anything about pets in the documents.",
    "abstention 2": "The provided documents do not mention pets travelling in the cabin.",
    "nothing": "",
    "yes": "Yes.",
    "mostly": "Refunds are not possible after travel has been completed. Pets fly free worldwide.",
    "curly apostrophe": "I don’t know whether pets may travel in the cabin.",
    "sources shouted": "CHECKED BAGGAGE MAY WEIGH UP TO 23 KG.",
}
INVENTED = {
    "policy": "You can apply for the reduced rate within 90 days of the ticket being issued.",
    "device limit": "Our subscription is limited to one device per account as a security feature.",
    "number": "Checked baggage may weigh up to 32 kg.",
    "price": "Each additional kilogram costs 25 euros.",
    "other topic": "Pets under five kilos travel free of charge in every cabin class.",
    "list": "- Free lounge access for everybody\n- Priority boarding for all students",
    "two of three": (
        "Refunds are not possible after travel has been completed. Pets fly free worldwide. "
        "Students receive a discount of twenty percent everywhere."
    ),
    "mixed words": "Family members must weigh their certificate before additional carry-on travel.",
    "German": "Die Rückgabe ist innerhalb von 30 Tagen möglich.",
    "Chinese": "退货必须在三十天内申请。",
    "date": "The new policy applies from 2024 to all bereavement fares requested.",
    "person": "Please contact Samantha Brighton in the refund department directly.",
    "polite": "Certainly! Passengers with a broken suitcase receive a voucher immediately.",
    "link": "Download the compensation form under the section marked downloads.",
    "sentence and question": "Lounge access costs nothing for gold members. Shall I book it?",
}


@pytest.mark.parametrize("answer", SUPPORTED.values(), ids=SUPPORTED)
def test_what_the_sources_say_passes(answer: str) -> None:
    found = Grounded(POLICY)(answer)
    assert isinstance(found, Score)
    assert 0.5 <= found.value <= 1


@pytest.mark.parametrize("answer", INVENTED.values(), ids=INVENTED)
def test_what_is_invented_fails(answer: str) -> None:
    """IR-26"""
    assert "claims are not in the sources" in str(Grounded(POLICY)(answer))


@pytest.mark.parametrize("sources", [[], "", [""], ["  "], ()])
def test_from_empty_sources_nothing_may_be_claimed(sources: Any) -> None:
    """IR-26"""
    assert Grounded(sources)(INVENTED["policy"]) == "1 of its 1 claims are not in the sources"
    assert Grounded(sources)("I could not find this in the documents.") == Score(1.0)


@pytest.mark.parametrize(
    ("source", "said", "invented"),
    [
        (
            GERMAN,
            "Die Ware muss unbenutzt sein.",
            "Die Rückgabe ist innerhalb von 60 Tagen möglich.",
        ),
        (
            GERMAN,
            "Rückgaben sind innerhalb von 30 Tagen möglich.",
            "Der Versand ist immer kostenlos.",
        ),
        (CHINESE, "退货必须在三十天内申请。", "会员可以享受免费升级和专属客服。"),
        (CHINESE, "商品必须未使用。", "所有订单都免费送货上门服务。"),
    ],
)
def test_other_languages_are_compared_too(source: str, said: str, invented: str) -> None:
    assert isinstance(Grounded(source)(said), Score)
    assert isinstance(Grounded(source)(invented), str)


def test_words_from_all_over_do_not_support_a_claim() -> None:
    far = Grounded([POLICY, GERMAN])(
        "Immediate family members may request additional baggage kilograms."
    )
    assert isinstance(far, str)


def test_the_minimum_says_how_many_claims_must_be_supported() -> None:
    assert Grounded(POLICY, minimum=0.5)(SUPPORTED["mostly"]) == Score(0.5)
    assert Grounded(POLICY, minimum=0.9)(SUPPORTED["mostly"]) == (
        "1 of its 2 claims are not in the sources"
    )


@pytest.mark.parametrize(
    "sources",
    [
        [POLICY, GERMAN],
        (GERMAN, POLICY),
        [{"text": POLICY}],
        [{"content": POLICY, "id": 5}],
        [SimpleNamespace(page_content=POLICY)],
        {"text": POLICY},
        SimpleNamespace(text=POLICY),
        iter([POLICY]),
    ],
)
def test_sources_of_any_make_are_read(sources: Any) -> None:
    assert Grounded(sources)(SUPPORTED["copied"]) == Score(1.0)


@pytest.mark.parametrize("sources", [5, None, [5], [None], [{"title": "x"}], b"bytes", list])
def test_what_has_no_text_is_a_configuration_error(sources: Any) -> None:
    with pytest.raises(ConfigurationError, match="give texts, or a function"):
        Grounded(sources)


@pytest.mark.parametrize("minimum", [0, 1.1, True, "0.5", float("nan"), -1])
def test_a_wrong_minimum_is_a_configuration_error(minimum: Any) -> None:
    with pytest.raises(ConfigurationError, match="above 0 and at most 1"):
        Grounded(POLICY, minimum)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_sources_may_be_an_argument_of_the_call(asynchronous: bool) -> None:
    """IR-26"""

    def answer(question: str, docs: list[str]) -> str:
        return question

    async def answer_async(question: str, docs: list[str]) -> str:
        return question

    check = Grounded(lambda arguments: arguments["docs"])
    guarded: Any = Validate(check)(answer_async if asynchronous else answer)

    def ask(*arguments: Any) -> Any:
        given = guarded(*arguments)
        return asyncio.run(given) if asynchronous else given

    with reliai.collect() as calls:
        assert ask(SUPPORTED["copied"], [POLICY]) == SUPPORTED["copied"]
    assert calls[0].values == {"grounded": 1.0}
    for docs in ([], [GERMAN]):
        with pytest.raises(OutputInvalid, match="1 of its 1 claims"):
            ask(SUPPORTED["copied"], docs)


def test_calls_at_the_same_time_keep_their_sources_apart() -> None:
    check = Grounded(lambda arguments: arguments["docs"])
    one, other = check.fitted({"docs": [POLICY]}), check.fitted({"docs": [GERMAN]})
    assert isinstance(one(SUPPORTED["copied"]), Score)
    assert isinstance(other(SUPPORTED["copied"]), str)


def test_a_named_check_reads_the_arguments_too() -> None:
    named = reliai.check(Grounded(lambda arguments: arguments["docs"]), name="sourced", timeout=5)

    @Validate(named)
    def answer(docs: list[str]) -> str:
        return SUPPORTED["copied"]

    with reliai.collect() as calls:
        answer([POLICY])
    assert calls[0].values == {"sourced": 1.0}


@pytest.mark.parametrize(
    "sources", [lambda _: 5, lambda arguments: arguments["nothing"]], ids=["number", "missing"]
)
def test_a_function_that_finds_no_sources_blocks_the_answer(sources: Any) -> None:
    with pytest.raises(OutputInvalid, match="the check itself failed"):
        Validate(Grounded(sources))(lambda prompt: SUPPORTED["copied"])("hello")


def test_a_stream_is_judged_at_its_end() -> None:
    @Validate(Grounded(lambda arguments: arguments["docs"]))
    def answer(docs: list[str]) -> Any:
        yield SUPPORTED["copied"][:20]
        yield SUPPORTED["copied"][20:]

    assert "".join(answer([POLICY])) == SUPPORTED["copied"]
    with pytest.raises(OutputInvalid):
        "".join(answer([GERMAN]))


def test_alone_a_function_of_the_arguments_says_where_it_works() -> None:
    with pytest.raises(TypeError, match="works in Validate and Guard"):
        Grounded(lambda _: [POLICY])("text")


@given(st.text(max_size=200), st.lists(st.text(max_size=100), max_size=3))
def test_no_text_breaks_it(answer: str, sources: list[str]) -> None:
    found = Grounded(sources)(answer)
    assert isinstance(found, str | Score)


@given(st.text("abcdefgh .,0123456789\n", max_size=200))
def test_what_is_copied_is_always_supported(text: str) -> None:
    assert Grounded(text)(text) == Score(1.0)


def test_nothing_of_the_answer_is_in_the_error() -> None:
    with pytest.raises(OutputInvalid) as caught:
        Validate(Grounded(POLICY))(lambda prompt: INVENTED["person"])("hello")
    assert "Samantha" not in str(caught.value)


def test_settings_are_described() -> None:
    assert Grounded([POLICY, GERMAN]).describe()["sources"] == 2
    assert Grounded(lambda _: POLICY).describe()["sources"] == "of the arguments"
    assert "kg" not in repr(Grounded(POLICY))
    assert Grounded(POLICY)(5) == "it is not text but int"
