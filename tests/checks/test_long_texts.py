"""No text takes a check long: time grows with the length, and not with its square.

Nothing is measured here. Each text is so long that a check which looks at it again from every
place would take minutes.
"""

from __future__ import annotations

from typing import Any

import pytest

from reliai import CanaryToken, HiddenText, MaxTokens, NoRefusal
from reliai.checks import Grounded, Injection, Language, Similar
from reliai.checks.repair import read_json

LENGTH = 30_000
PARTS = (
    "\n",
    " ",
    "a",
    "a ",
    "a.",
    "-",
    "#",
    "**",
    "=",
    "[",
    "![",
    "![x](https://e.example/?",
    "?",
    "@",
    "a@",
    "`",
    "```a\n",
    "```\n",
    "<think>",
    "</",
    "[/*",
    "[/*]",
    "{'",
    '{"a": \'',
    "[1]",
    "\\",
    '"',
    "i'm sorry ",
    "ignore all the ",
    "send the ",
    "1",
    "1e",
    "\u200d",
    "\u200f",
    "א\u200f",
    "👩\u200d",
    "\U000e0061",
    "🏴\U000e0067\U000e0062",
    "漢",
    "é",
    "true,",
    "\n- ",
    "we do not ",
)
CHECKS: dict[str, Any] = {
    "HiddenText": HiddenText(),
    "HiddenText remove": HiddenText("remove"),
    "MaxTokens": MaxTokens(10),
    "CanaryToken": CanaryToken("canary-7f3a9c"),
    "NoRefusal": NoRefusal(),
    "Injection": Injection(),
    "Language": Language("en"),
    "Grounded": Grounded("Refunds are not possible after travel."),
    "repair": read_json,
    "repair of dialects": lambda text: read_json(text, dialect=True),
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
@pytest.mark.parametrize("part", PARTS, ids=[f"part {n}" for n in range(len(PARTS))])
def test_a_long_text_of_one_kind_takes_no_time(check: Any, part: str) -> None:
    text = (part * LENGTH)[:LENGTH]
    for each in (text, f"{text}!", f"!\n{text}"):
        check(each)


def test_a_long_source_and_a_long_answer_take_no_time() -> None:
    text = "Every parcel is weighed twice. " * 1_000
    assert Grounded([text] * 3)(text) is not None
    assert Similar(text)(text) is not None
