"""What an answer is worth: the demo must see every answer that is wrong, mixed or cut."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel, Field

from reliai.cli.demo.jobs import Fault, StreamJob, StructuredJob
from reliai.cli.demo.witness import Witness

if TYPE_CHECKING:
    from collections.abc import Iterator


class Digit(BaseModel):
    digit: int = Field(ge=0, le=9)


def digits(*, truth: bool = True) -> StructuredJob:
    return StructuredJob(
        name="digits",
        guarded=lambda _: None,
        inputs=[7],
        output=Digit,
        field="digit",
        truth=(lambda question: question) if truth else None,
    )


@pytest.mark.parametrize("answer", ['{"digit": 7}', Digit(digit=7)])
def test_a_valid_answer_is_right_when_it_is_the_truth(answer: object) -> None:
    judged = digits().judge(7, [answer], ended=True, degraded=False)
    assert (judged.fault, judged.right) == (None, True)
    assert digits().judge(8, [answer], ended=True, degraded=False).right is False


def test_where_nobody_knows_the_truth_a_valid_answer_is_just_valid() -> None:
    judged = digits(truth=False).judge(7, ['{"digit": 7}'], ended=True, degraded=False)
    assert (judged.fault, judged.right) == (None, None)


@pytest.mark.parametrize(
    "answer", ['{"digit": 42}', '{"digit": "seven"}', '{"dig', "a seven", "```json\n{}\n```"]
)
def test_an_answer_that_breaks_its_promise_is_invalid(answer: str) -> None:
    assert digits().judge(7, [answer], ended=True, degraded=True).fault == "invalid"


def test_the_text_of_a_provider_s_response_is_what_is_judged() -> None:
    message = SimpleNamespace(content='{"digit": 42}', refusal=None, tool_calls=None)
    choice = SimpleNamespace(message=message, finish_reason="stop", index=0)
    response = SimpleNamespace(
        object="chat.completion", id="1", model="m", choices=[choice], usage=None
    )
    assert digits().judge(7, [response], ended=True, degraded=False).fault == "invalid"


def test_an_error_delivers_nothing_that_could_be_wrong() -> None:
    assert digits().judge(7, [], ended=False, degraded=False).fault is None


# --- streams -----------------------------------------------------------------------------------


def local(_: str) -> Iterator[str]:
    yield "See chapter 1."


def told(*attempts: list[str], cut_after: int | None = None) -> StreamJob:
    """A job whose model answered so, in several attempts; the last may have been cut."""
    left = list(attempts)
    witness = Witness(lambda _: iter(left.pop(0)))
    for number in range(1, len(attempts) + 1):
        heard = witness({"messages": [{"content": "why?"}]})
        for count, _ in enumerate(heard, 1):
            if number == len(attempts) and count == cut_after:
                break
    return StreamJob("docs", lambda _: None, ["why?"], witness, local)


ONE, OTHER = ["Because ", "it ", "is."], ["It ", "just ", "is."]


@pytest.mark.parametrize(
    ("delivered", "ended", "fault"),
    [
        (ONE, True, None),
        (OTHER, True, None),
        (ONE[:2], False, None),  # an error came, and the reader knows
        ([], False, None),
        (ONE[:2], True, "cut"),  # no error came, and the reader does not know
        ([], True, "cut"),
        (ONE[:1] + OTHER, True, "mixed"),
        (ONE[:1] + ONE, True, "mixed"),  # begun again behind what was there
        (ONE + ONE, True, "mixed"),
        (["Something ", "else."], True, "mixed"),
        (OTHER[:1] + ONE, False, "mixed"),
    ],
)
def test_delivered_text_is_the_beginning_of_exactly_one_attempt(
    delivered: list[str],
    ended: bool,
    fault: Fault | None,
) -> None:
    job = told(ONE, OTHER)
    assert job.judge("why?", delivered, ended=ended, degraded=False).fault == fault


def test_what_the_model_did_not_finish_is_never_whole() -> None:
    job = told(ONE, cut_after=2)
    assert job.judge("why?", ONE[:2], ended=True, degraded=False).fault == "cut"


def test_a_fallback_must_have_said_what_it_says() -> None:
    job = told(ONE)
    judge = job.judge
    assert judge("why?", ["See chapter 1."], ended=True, degraded=True).fault is None
    assert judge("why?", [ONE[0], "See chapter 1."], ended=True, degraded=True).fault == "mixed"


def test_pieces_that_came_before_an_error_are_kept() -> None:
    def broken(_: str) -> Iterator[str]:
        yield "Because "
        raise ConnectionError("down")

    kept: list[Any] = []
    with pytest.raises(ConnectionError):
        told(ONE).ask(broken, "why?", kept)
    assert kept == ["Because "]


# --- the witness -------------------------------------------------------------------------------


def test_the_witness_passes_on_what_is_no_stream() -> None:
    witness = Witness(lambda _: "in one piece")
    assert witness({"messages": [{"content": "why?"}]}) == "in one piece"
    assert witness.texts("why?") == []


def test_the_witness_hears_a_piece_before_it_is_sent() -> None:
    witness = Witness(lambda _: iter(ONE))
    heard = witness({"messages": [{"content": "why?"}]})
    next(heard)
    (text,) = witness.texts("why?")
    assert (text.said, text.whole) == ("Because ", False)
    assert list(heard) == ONE[1:]
    assert text.whole


def test_the_witness_forgets_between_two_runs() -> None:
    witness = Witness(lambda _: iter(ONE))
    list(witness({"messages": [{"content": "why?"}]}))
    witness.forget()
    assert witness.texts("why?") == []
