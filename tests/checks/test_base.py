"""What makes a check: a function of one value, with a name, a time limit and a fail mode."""

from __future__ import annotations

import functools
import operator
from typing import Any

import pytest

from reliai.checks import Check, CheckVerdict, MaxLength, NotEmpty, Pattern, Replace, check
from reliai.checks.base import DEFAULT_TIMEOUT, FunctionCheck, as_check, as_checks
from reliai.errors import ConfigurationError


def no_prices(value: str) -> bool:
    """No prices in the answer."""
    return "$" not in value


async def moderated(value: str) -> bool:
    return "bad" not in value


class Shouting(Check):
    def __call__(self, value: Any, /) -> CheckVerdict:
        return "it shouts" if value.isupper() else None


class Remote:
    async def __call__(self, value: str) -> bool:
        return bool(value)


def test_any_function_of_one_value_is_a_check_under_its_own_name() -> None:
    made = as_check(no_prices)
    assert (made.name, made.timeout, made.on_error, made.window) == (
        "no_prices",
        None,
        "block",
        None,
    )
    assert made("5 $") is False
    assert made("free") is True


def test_a_check_stays_the_check_it_is() -> None:
    made = MaxLength(5)
    assert as_check(made) is made


def test_the_decorator_names_a_check_and_keeps_it_a_function() -> None:
    @check(name="prices", timeout=0.2, on_error="allow", window=8)
    def rule(value: str) -> str | None:
        """Says what is wrong with a price."""
        return None if value else "empty"

    assert isinstance(rule, FunctionCheck)
    assert (rule.name, rule.timeout, rule.on_error, rule.window) == ("prices", 0.2, "allow", 8)
    assert rule("") == "empty"
    assert rule.__doc__ == "Says what is wrong with a price."
    assert rule.describe() == {"check": "prices", "timeout": 0.2, "on_error": "allow"}
    assert repr(rule) == "reliai.check('prices')"


def test_the_decorator_works_bare_and_as_a_call() -> None:
    assert check(no_prices).name == "no_prices"
    assert check(no_prices, name="money").name == "money"


def test_another_check_can_be_given_a_name_and_limits() -> None:
    made = check(Pattern("[0-9]{3}", forbid=True), name="no numbers", timeout=0.5)
    assert (made.name, made.timeout, made.window, made.reads_text) == ("no numbers", 0.5, 3, True)
    assert made("123") == "it has a forbidden part"


def test_a_check_around_a_check_keeps_what_it_does_not_change() -> None:
    slow = check(no_prices, timeout=2.0, window=4)
    assert (check(slow).name, check(slow).timeout, check(slow).window) == ("no_prices", 2.0, 4)
    assert check(slow, timeout=1.0, window=9).timeout == 1.0
    assert check(slow, timeout=1.0, window=9).window == 9


def test_a_check_around_a_check_prepares_it() -> None:
    prepared: list[str] = []

    class Costly(Shouting):
        def prepare(self) -> None:
            prepared.append("once")

    check(Costly()).prepare()
    check(no_prices).prepare()
    assert prepared == ["once"]


def test_an_asynchronous_check_has_a_time_limit_by_default() -> None:
    made = check(moderated)
    assert made.asynchronous
    assert made.timeout == DEFAULT_TIMEOUT
    assert check(moderated, timeout=3).timeout == 3.0


@pytest.mark.parametrize("function", [Remote(), functools.partial(moderated), check(moderated)])
def test_an_asynchronous_check_is_known_however_it_is_made(function: Any) -> None:
    assert as_check(function).asynchronous


def test_a_check_class_is_named_and_known_to_be_asynchronous() -> None:
    class Slow(Check):
        async def __call__(self, value: Any, /) -> CheckVerdict:
            return None

    class Named(Shouting):
        name = "loud"
        asynchronous = False

    assert (Shouting().name, Shouting().asynchronous) == ("Shouting", False)
    assert (Slow().name, Slow().asynchronous) == ("Slow", True)
    assert Named().name == "loud"
    assert repr(Named()) == "reliai.Named('loud')"


def test_a_check_without_a_rule_says_so() -> None:
    with pytest.raises(NotImplementedError, match="Check"):
        Check()("x")


def test_names_come_from_partials_and_objects_too_and_are_cut() -> None:
    assert as_check(functools.partial(no_prices)).name == "no_prices"
    assert as_check(Remote()).name == "Remote"
    assert as_check(operator.truth).name == "truth"
    assert check(no_prices, name="n" * 200).name == "n" * 79 + "…"


@pytest.mark.parametrize(
    ("thing", "advice"),
    [
        (MaxLength, r"did you mean MaxLength\(\.\.\.\)"),
        (str, "did you mean output=str"),
        ("text", "give a function of one value"),
        (None, "give a function of one value"),
        (lambda: None, "takes exactly one value"),
        (isinstance, "exactly one value"),
    ],
)
def test_what_is_no_check_is_a_configuration_error(thing: Any, advice: str) -> None:
    with pytest.raises(ConfigurationError, match=advice):
        as_check(thing)
    with pytest.raises(ConfigurationError, match=advice):
        check()(thing)


def test_a_builtin_without_a_signature_is_taken_at_its_word() -> None:
    assert as_check(print).name == "print"
    assert as_check(iter).name == "iter"


@pytest.mark.parametrize(
    ("settings", "value"),
    [
        ({"timeout": 0}, "0"),
        ({"timeout": -1.0}, "-1.0"),
        ({"timeout": True}, "True"),
        ({"timeout": float("inf")}, "inf"),
        ({"timeout": float("nan")}, "nan"),
        ({"timeout": "1"}, "'1'"),
        ({"on_error": "raise"}, "'raise'"),
        ({"window": -1}, "-1"),
        ({"window": 1.5}, "1.5"),
        ({"window": True}, "True"),
        ({"name": " "}, "' '"),
        ({"name": 5}, "5"),
    ],
)
def test_settings_out_of_range_are_named_with_their_value(
    settings: dict[str, Any], value: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"={value}"):
        check(no_prices, **settings)


def test_one_check_or_a_list_of_them() -> None:
    rule = NotEmpty()
    assert as_checks(rule, "prompt") == (rule,)
    assert as_checks([rule, rule], "prompt") == (rule, rule)
    assert as_checks((), "prompt") == ()
    assert as_checks(no_prices, "prompt")[0].name == "no_prices"
    with pytest.raises(ConfigurationError, match="prompt=5: give a check"):
        as_checks(5, "prompt")


def test_a_replacement_is_a_value() -> None:
    assert Replace(1) == Replace(1)
    assert Replace(None).value is None
