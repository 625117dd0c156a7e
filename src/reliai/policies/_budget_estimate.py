"""What a call will probably cost: as the user says, as calls like it have cost, or by its text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from reliai._core.amounts import PICO, checked_amount
from reliai.decisions.estimates import Estimates
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reliai._core.call import Call

__all__ = ["Amounts", "Estimator", "amount_of", "tokens_by_text"]

Amounts = tuple[int, ...]

_CHARACTERS_PER_TOKEN: Final = 4
_ANSWER_TOKENS: Final = 1_000
"""How long an answer is taken to be where nothing says so."""
_SHARE: Final = 100
"""Of a cap, a hundredth is taken for a first call of which nothing is known."""
_MOST_PARTS: Final = 10_000
_LIMITS: Final = ("max_output_tokens", "max_completion_tokens", "max_tokens")


def amount_of(unit: str, value: Any) -> int | None:
    """A number of dollars or tokens in whole units; None when it is no finite number from 0 up."""
    plain = type(value) is float or type(value) is int
    if not (0 <= value < math.inf if plain else checked_amount(value)):  # a Decimal is one too
        return None
    return int(round(value * PICO) if unit == "usd" else math.ceil(value))


class Estimator:
    """Estimates of one budget, for all functions that share it.

    Args:
        units: "usd", "tokens" or both, in the order of the caps.
        caps: whole picodollars and tokens.
        given: the user's `estimate`.

    Raises:
        ConfigurationError: when `given` is nothing that can be an estimate.
    """

    def __init__(self, units: tuple[str, ...], caps: Amounts, given: Any) -> None:
        self._units = units
        self._caps = caps
        self._fixed: Amounts | None = None
        self._function: Callable[[Call], Any] | None = None
        self._calls = [Estimates() for _ in units]
        self._answers = [Estimates() for _ in units]
        if callable(given) and not isinstance(given, type):
            self._function = given
        elif given is not None:
            self._fixed = self._amounts(given)

    def call(self, call: Call) -> Amounts:
        """What the whole call will probably cost.

        Raises:
            Exception: what the user's function raised.
        """
        if self._fixed is not None:
            return self._fixed
        if self._function is not None:
            return self._amounts(self._function(call))
        return self._learned(self._calls, call.name) or self._by_text(call)

    def answer(self, name: str) -> Amounts | None:
        """What one answer of a function will probably cost; None before the first."""
        return self._learned(self._answers, name)

    def learn(self, name: str, used: Amounts, answers: int) -> None:
        """Take in what a call has cost, and how many answers of the model that was."""
        learning = self._fixed is None and self._function is None
        for index, amount in enumerate(used):
            self._answers[index].learn(name, amount / answers)
            if learning:
                self._calls[index].learn(name, amount)

    def _learned(self, known: list[Estimates], name: str) -> Amounts | None:
        guesses: list[int] = []
        for each, cap in zip(known, self._caps, strict=True):
            guess = each.guess(name)
            if guess is None:
                return None
            guesses.append(min(guess, cap))  # above the cap nothing would ever be let through
        return tuple(guesses)

    def _amounts(self, said: Any) -> Amounts:
        """What the user says, for each cap."""
        given: Mapping[Any, Any] = said if isinstance(said, Mapping) else {}
        if not isinstance(said, Mapping) and len(self._units) == 1:
            given = dict.fromkeys(self._units, said)
        amounts = [amount_of(unit, given.get(unit)) for unit in self._units]
        if None in amounts or set(given) - set(self._units):
            raise ConfigurationError(_problem(said, self._units))
        return tuple(amount for amount in amounts if amount is not None)

    def _by_text(self, call: Call) -> Amounts:
        """For a first call: by the length of its text, where the price of its model is known."""
        given, tokens_in, tokens_out = tokens_by_text(call)
        amounts: list[int] = []
        for unit, cap in zip(self._units, self._caps, strict=True):
            if unit == "tokens":
                amount: int | None = tokens_in + tokens_out
            else:
                amount = _price(given.get("model"), tokens_in, tokens_out)
            amounts.append(min(cap // _SHARE if amount is None else amount, cap))
        return tuple(amounts)


def tokens_by_text(call: Call) -> tuple[dict[str, Any], int, int]:
    """The arguments of a call, and how many tokens they and an answer will probably have."""
    given = dict(call.kwargs)
    with suppress(TypeError):  # they do not fit, as the function is about to say itself
        given = {**call.arguments, **given}
    limits = [given.get(name) for name in _LIMITS]
    answer = next((each for each in limits if type(each) is int), _ANSWER_TOKENS)
    return given, math.ceil(_characters(given) / _CHARACTERS_PER_TOKEN), answer


def _price(model: object, tokens_in: int, tokens_out: int) -> int | None:
    if not isinstance(model, str):
        return None
    from reliai.providers.prices import price_of  # noqa: PLC0415  a table, for first calls only

    usd = price_of(None, model, tokens_in, tokens_out)
    return None if usd is None else round(usd * PICO)


def _characters(value: object) -> int:
    """How much text there is in arguments, however deep; the first parts of what is very large."""
    return sum(len(text) for text in _texts(value))


def _texts(value: object) -> Iterator[str]:
    waiting: list[object] = [value]
    for _ in range(_MOST_PARTS):
        if not waiting:
            return
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, Mapping):
            waiting.extend(each.values())
        elif isinstance(each, list | tuple):
            waiting.extend(each)


def _problem(said: object, units: tuple[str, ...]) -> str:
    unit, *others = units
    wanted = f"a number of {'dollars' if unit == 'usd' else 'tokens'}"
    if others:
        wanted = 'a mapping {"usd": dollars, "tokens": tokens}, as the budget caps both'
    return (
        f"Budget(estimate={said!r}): what one call costs must be {wanted}, finite and 0 or more; "
        "or a function of the call that gives it, or None to learn it"
    )
