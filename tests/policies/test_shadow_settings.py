"""What Shadow refuses when a function is decorated, and how it describes itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def candidate(prompt: str) -> str:
    return prompt


def ask(prompt: str) -> str:
    return prompt


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"rate": 1.5}, "rate=1.5"),
        ({"rate": -0.1}, "rate=-0.1"),
        ({"rate": True}, "rate=True"),
        ({"rate": math.nan}, "rate=nan"),
        ({"noise_baseline": 2}, "noise_baseline=2"),
        ({"max_pending": 0}, "max_pending=0"),
        ({"max_pending": 1.5}, "max_pending=1.5"),
        ({"timeout": 0}, "timeout=0"),
        ({"timeout": math.inf}, "timeout=inf"),
        ({"spend": 0}, "spend=0"),
        ({"spend": "5"}, "spend='5'"),
        ({"spend": math.nan}, "spend=nan"),
        ({"name": ""}, "name=''"),
        ({"name": 3}, "name=3"),
        ({"compare": "jason"}, "compare='jason'"),
        ({"compare": 3}, "compare=3"),
        ({"compare": reliai.MaxLength}, "names no comparator"),
    ],
)
def test_a_value_out_of_its_range_is_named(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        reliai.Shadow(candidate, **settings)
    assert says in str(raised.value)


@pytest.mark.parametrize("wrong", ["v2", None, str, reliai.Retry(2)])
def test_a_candidate_must_be_a_function(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="candidate must be a function"):
        reliai.Shadow(wrong)


@pytest.mark.parametrize("effects", ["once", "idempotent"])
def test_a_function_with_an_effect_has_no_shadow(effects: str) -> None:
    """Acceptance case 35, and what `effects` says of Shadow."""
    with pytest.raises(ConfigurationError, match="has an effect"):
        reliai.reliable(reliai.Shadow(candidate), effects=effects)(ask)


@pytest.mark.parametrize("effects", ["once", "idempotent"])
def test_a_candidate_with_an_effect_is_refused(effects: str) -> None:
    guarded = reliai.reliable(effects=effects)(candidate)
    with pytest.raises(ConfigurationError, match="the candidate has an effect"):
        reliai.Shadow(guarded)(ask)


def test_a_tool_is_neither_shadowed_nor_a_candidate() -> None:
    tool = reliai.tool(candidate)
    with pytest.raises(ConfigurationError, match="has an effect"):
        reliai.Shadow(candidate)(tool)
    with pytest.raises(ConfigurationError, match="has an effect"):
        reliai.Shadow(tool)(ask)


def test_an_asynchronous_candidate_needs_an_asynchronous_function() -> None:
    async def later(prompt: str) -> str:
        return prompt

    async def stream(prompt: str) -> AsyncIterator[str]:
        yield prompt

    for each in (later, stream):
        with pytest.raises(ConfigurationError, match="there is no event loop for it"):
            reliai.Shadow(each)(ask)


def test_an_asynchronous_comparator_or_publish_needs_an_asynchronous_function() -> None:
    async def later(*_: Any) -> bool:
        return True

    wrong: Any = "print"
    with pytest.raises(ConfigurationError, match=r"Shadow\(compare"):
        reliai.Shadow(candidate, compare=later)(ask)
    with pytest.raises(ConfigurationError, match=r"Shadow\(publish"):
        reliai.Shadow(candidate, publish=later)(ask)
    with pytest.raises(ConfigurationError, match=r"Shadow\(publish"):
        reliai.Shadow(candidate, publish=wrong)(ask)


@pytest.mark.parametrize("stand_in", [None, "x"])
def test_stand_ins_are_for_guarded_functions_with_an_effect(stand_in: Any) -> None:
    tool = reliai.tool(candidate)
    with pytest.raises(ConfigurationError, match="stand_ins"):
        reliai.Shadow(candidate, stand_ins={tool: stand_in})
    for wrong in (candidate, reliai.reliable()(candidate)):
        with pytest.raises(ConfigurationError, match="declares an effect"):
            reliai.Shadow(candidate, stand_ins={wrong: candidate})


def test_it_describes_itself_as_plain_data() -> None:
    described = reliai.Shadow(candidate).describe()
    assert described == {
        "candidate": "candidate",
        "rate": 0.05,
        "compare": None,
        "noise_baseline": 0.0,
        "spend": None,
        "max_pending": 64,
        "name": "candidate",
        "timeout": 60.0,
        "publish": None,
        "stand_ins": {},
    }
    assert "rate=0.1" in repr(reliai.Shadow(candidate, rate=0.1))


def test_it_stands_just_inside_guard() -> None:
    shadow, guard = reliai.Shadow(candidate), reliai.Guard(reliai.MaxLength(10))
    assert reliai.Pipeline(guard, shadow, reliai.Cache(), reliai.Retry(2)).check() == []
    assert reliai.Pipeline(reliai.Retry(2), shadow).check() != []


def test_the_candidate_gets_what_the_guard_let_through() -> None:
    seen: list[str] = []

    def watching(prompt: str) -> str:
        seen.append(prompt)
        return prompt

    shadow = reliai.Shadow(watching, rate=1)
    guarded = reliai.reliable(reliai.Guard(prompt=reliai.Pii(action="redact")), shadow)(ask)
    guarded("write to ann@example.com")
    assert shadow.drain(30)
    assert len(seen) == 1
    assert "ann@example.com" not in seen[0]
