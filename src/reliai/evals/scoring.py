"""Scorers: functions that judge one output of one case, and what becomes of what they say.

A scorer that cannot say anything gives no zero: its score is *unscored*, with the code of a reason,
and whoever shows an average says of how many. More is always better.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from functools import cached_property, update_wrapper
from typing import TYPE_CHECKING, Any, Final, ParamSpec, cast, overload

from reliai.datasets.case import MISSING
from reliai.errors import ConfigurationError
from reliai.evals._fingerprints import code_of, digest_of
from reliai.evals._outputs import fresh, fresh_case
from reliai.evals._saying import NO_REFERENCE, READY, Unscored, failed, put
from reliai.evals._scorer_checks import (
    check_parameters,
    checked_name,
    checked_statuses,
    is_async,
    reads_expected,
)
from reliai.evals.trial import Score

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from reliai.datasets.case import Case

__all__ = [
    "Scorer",
    "Unscored",
    "check_graders",
    "checked_name",
    "configurable",
    "score_in",
    "scored",
    "scorer",
    "scorer_of",
    "scorers_of",
]

P = ParamSpec("P")

_ENDS: Final = (SystemExit, asyncio.CancelledError)
"""What a scorer may raise that would end more than its own judgement."""

_REASONS: Final = {"error": "task_error"}
"""Why nothing is scored, where it is not the status of the trial itself."""


class Scorer:
    """A function that judges outputs, with a name, and a digest by which it is known again.

    Args:
        function: of (output, case), sync or async; see `scorer` for what it may give.
        name: of the score; letters, digits, `_`, `.` and `-`.
        version: of what it does, where its code does not show it.
        settings: what it was made with; they are part of the digest.
        needs_expected: whether it can judge only cases with a reference. None: when the code of the
            function reads `expected`, and says nothing of `MISSING`.
        blocking: whether it waits (for a network, say), so that it runs in a thread of its own.
        statuses: of trials that it judges, besides "ok": "degraded", "rejected".
        identity: what stands for its code in the digest; None: the code itself.
        grader: the function that it asks for a judgement; it must not be the one under test.

    Attributes:
        digest: "sha256:…" of name, version, settings and code. Scores are comparable only when
            those who gave them have the same one.

    Raises:
        ConfigurationError: for arguments that are none of that.
    """

    def __init__(
        self,
        function: Callable[[Any, Case], Any],
        *,
        name: str,
        version: str | int | None = None,
        settings: Mapping[str, Any] | None = None,
        needs_expected: bool | None = None,
        blocking: bool = False,
        statuses: Iterable[str] = (),
        identity: str | None = None,
        grader: Any = None,
    ) -> None:
        if not callable(function) or isinstance(function, type):
            raise ConfigurationError(f"scorer({function!r}): must be a function of (output, case)")
        self.function = function
        self.name = checked_name(name)
        self.version = version
        self.settings = dict(settings or {})
        self.needs_expected = (
            reads_expected(function) if needs_expected is None else bool(needs_expected)
        )
        self.asynchronous = is_async(function)
        if blocking and self.asynchronous:
            raise ConfigurationError(
                f"scorer({name!r}, blocking=True): is an async function; make it a sync one, or "
                "leave blocking away"
            )
        self.blocking = bool(blocking)
        self.statuses = frozenset(("ok", *checked_statuses(statuses)))
        self.grader = grader
        self._identity = identity
        if not isinstance(getattr(function, "__self__", None), Scorer):
            update_wrapper(cast("Any", self), function, updated=())
        self.__name__ = self.name

    @cached_property
    def digest(self) -> str:
        code = self._identity if self._identity is not None else code_of(self.function)
        told = {"name": self.name, "version": self.version, "code": code}
        return digest_of({**told, "settings": code_of(self.settings)})

    def __call__(self, output: Any, case: Case) -> Any:
        return self.function(output, case)

    def __repr__(self) -> str:
        return f"<reliai scorer {self.name}>"

    def __reduce__(self) -> Any:
        if _found(self) is self:
            return self.__qualname__
        return _remade, (self.__dict__,)

    if TYPE_CHECKING:  # from the function
        __qualname__: str


def _remade(state: dict[str, Any]) -> Scorer:
    made = Scorer.__new__(Scorer)
    made.__dict__.update(state)
    return made


def _found(scorer: Scorer) -> Any:
    """What is found where the scorer's function was declared."""
    found: Any = sys.modules.get(getattr(scorer, "__module__", None) or "")
    for part in getattr(scorer, "__qualname__", "<none>").split("."):
        found = getattr(found, part, None)
    return found


@overload
def scorer(function: Callable[[Any, Case], Any], /) -> Scorer: ...
@overload
def scorer(
    *,
    name: str | None = None,
    version: str | int | None = None,
    needs_expected: bool | None = None,
    blocking: bool = False,
    statuses: Iterable[str] = (),
) -> Callable[[Callable[[Any, Case], Any]], Scorer]: ...
def scorer(
    function: Callable[[Any, Case], Any] | None = None,
    /,
    *,
    name: str | None = None,
    version: str | int | None = None,
    needs_expected: bool | None = None,
    blocking: bool = False,
    statuses: Iterable[str] = (),
) -> Scorer | Callable[[Callable[[Any, Case], Any]], Scorer]:
    """Make a scorer of a function; a decorator, with arguments or without.

    What the function gives: a `bool` is an assertion, a number a score, a `str` a label; a mapping
    is several of them, named `scorer.key`; `(value, reason)` adds why. `Unscored(code)` or None
    says that nothing can be said of this output. An exception, and a number that is not finite,
    are unscored too: neither is a zero.

    Args:
        function: of (output, case), sync or async, with two positional parameters.
        name: of the score; None: the function's own.
        version: of what it does; change it with what its code does not show, such as a model.
        needs_expected: whether it can judge only cases with a reference; without one they are
            unscored. None: when its code reads `expected`, and says nothing of `MISSING`.
        blocking: whether it waits for a network, say; it then runs in a thread.
        statuses: of trials that it judges besides "ok": "degraded", "rejected".

    Raises:
        ConfigurationError: for a function or a setting that cannot be it.
    """
    options: dict[str, Any] = {
        "version": version,
        "needs_expected": needs_expected,
        "blocking": blocking,
        "statuses": statuses,
    }

    def made(given: Callable[[Any, Case], Any]) -> Scorer:
        named = getattr(given, "__name__", "") if name is None else name
        if named == "<lambda>":
            raise ConfigurationError("scorer(lambda): has no name; give it one with name=")
        check_parameters(given, named)
        return Scorer(given, name=named, **options)

    return made if function is None else made(function)


def configurable(make: Callable[P, Scorer]) -> Callable[P, Scorer]:
    """Mark a function that makes a scorer, so that it stands for the one with its defaults."""
    cast("Any", make).__reliai_scorer__ = True
    return make


def scorer_of(given: Any) -> Scorer:
    """The scorer that is given: one itself, one of `evals.scorers` without (), or a function.

    Raises:
        ConfigurationError: when it is none of these.
    """
    if isinstance(given, Scorer):
        return given
    if getattr(given, "__reliai_scorer__", False):
        try:
            inspect.signature(given).bind()
        except TypeError as error:
            name = given.__name__
            raise ConfigurationError(f"{name}: needs settings: {name}(…); {error}") from error
        return cast("Scorer", given())
    if callable(given) and not isinstance(given, type):
        return scorer(given)
    raise ConfigurationError(
        f"scorers: {given!r} is no scorer; give a function of (output, case), one of "
        "reliai.evals.scorers, or a comparator as scorers.same(…)"
    )


def scorers_of(given: Iterable[Any]) -> tuple[Scorer, ...]:
    """The scorers of a list, each with a name of its own.

    Raises:
        ConfigurationError: when one is none, or two have the same name.
    """
    made = tuple(scorer_of(each) for each in given)
    names = [each.name for each in made]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigurationError(
            f"scorers: two have the name {twice[0]!r}; give one of them another with name="
        )
    for name in names:
        within = next((each for each in names if name.startswith(f"{each}.")), None)
        if within is not None:
            raise ConfigurationError(
                f"scorers: {name!r} is what a part of {within!r} would be called; give one of "
                "them another name with name="
            )
    return made


def check_graders(scorers: Iterable[Scorer], target: Any) -> None:
    """See to it that nothing is judged by itself.

    Raises:
        ConfigurationError: when the grader of a scorer is the target, or what the target guards.
    """
    own = inspect.unwrap(target)
    for each in scorers:
        # Not `is`: a method is another object each time that it is asked for.
        if each.grader is not None and inspect.unwrap(each.grader) == own:
            raise ConfigurationError(
                f"scorer {each.name!r}: its grader is the function under test; a model likes its "
                "own answers, so let another one judge"
            )


async def scored(
    scorers: Iterable[Scorer],
    output: Any,
    case: Case,
    *,
    status: str = "ok",
    seconds: float | None = None,
) -> dict[str, Score]:
    """What each scorer says of an output. Nothing that a scorer raises comes out of here.

    Sync scorers are called one after the other, those that wait all at once.

    Args:
        scorers: what judges.
        output: of the target, as JSON data.
        case: what it was asked.
        status: of the trial; other than "ok", its scores are unscored for that reason.
        seconds: for each scorer that waits; one that takes longer is unscored. None: no limit.

    Returns:
        The scores by name, in the order of the scorers.
    """
    given: list[tuple[str, Any]] = []
    waiting: list[tuple[int, Awaitable[Any]]] = []
    without = case.expected is MISSING
    for each in scorers:
        if without and each.needs_expected:  # said first: nothing was asked of this case
            said: Any = NO_REFERENCE
        elif status != "ok" and status not in each.statuses:
            said = Score(value=None, unscored=_REASONS.get(status, status))
        else:
            try:
                given_to = fresh(output), fresh_case(case)  # what one changes, others do not see
                if each.blocking:
                    said = asyncio.to_thread(each.function, *given_to)
                else:
                    said = each.function(*given_to)
                if type(said) not in READY and inspect.isawaitable(said):
                    _check_declared(each, said)
                    waiting.append((len(given), said))
            except (Exception, *_ENDS) as error:  # noqa: BLE001  whatever it is, the score says it
                said = failed(error)
        given.append((each.name, said))
    if waiting:
        results = await _all_of([each for _, each in waiting], seconds)
        for (place, _), result in zip(waiting, results, strict=True):
            given[place] = (given[place][0], result)
    scores: dict[str, Score] = {}
    for name, said in given:
        put(scores, name, said)
    return scores


async def _all_of(awaitables: list[Awaitable[Any]], seconds: float | None) -> list[Any]:
    if len(awaitables) == 1:
        return [await _one_of(awaitables[0], seconds)]
    return await asyncio.gather(*(_one_of(each, seconds) for each in awaitables))


async def _one_of(awaitable: Awaitable[Any], seconds: float | None) -> Any:
    try:
        if seconds is None:
            return await awaitable
        async with asyncio.timeout(seconds):
            return await awaitable
    except (Exception, *_ENDS) as error:
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise  # it is the run that ends
        return failed(error)


def _check_declared(scorer: Scorer, said: Any) -> None:
    """See to it that only those wait who said so: others may be called without a loop.

    Raises:
        TypeError: when a sync function gave an awaitable.
    """
    if scorer.asynchronous or scorer.blocking:
        return
    close = getattr(said, "close", None)
    if callable(close):
        close()
    raise TypeError("the scorer gave an awaitable: declare it with async def")


def score_in(scores: Mapping[str, Score], name: str) -> Score:
    """The score of that name of one trial, which always has one: it may be unscored.

    Where a scorer that gives several scores failed, there is one under its own name, which stands
    for each of them.
    """
    found = scores.get(name)
    parent = name
    while found is None and "." in parent:
        parent = parent.rpartition(".")[0]
        found = scores.get(parent)
    if found is None or (parent != name and found.unscored is None):
        return _NOT_SCORED
    return found


_NOT_SCORED: Final = Score(value=None, unscored="not_scored")
