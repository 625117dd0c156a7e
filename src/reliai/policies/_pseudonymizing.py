"""One call with pseudonyms: given to all its arguments at once, and taken out of the answer."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

from reliai._core.transform import transformed
from reliai.checks._pii.finding import resolved
from reliai.checks._pii.texts import is_opaque, rewritten, unseen
from reliai.policies._arguments import argument_of, put
from reliai.policies._callbacks import innermost
from reliai.policies._judging import MISSING, CheckOverrun, asked
from reliai.policies._pseudonym_stream import StreamRestorer
from reliai.policies._pseudonyms import Pseudonyms, found_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai._core.call import Call, Proceed
    from reliai._core.outcome import Outcome
    from reliai.checks._pii.finding import Hit
    from reliai.checks._pii.texts import Path
    from reliai.checks.pii import Pii
    from reliai.errors import GuardRejected
    from reliai.policies._arguments import Step
    from reliai.policies.guard import Guard

__all__ = ["Hidden", "hidden", "in_order"]

_FoundAt: TypeAlias = "dict[tuple[str, int], dict[str, list[Hit]]]"
"""What was found, by parameter and by text."""


def in_order(steps: tuple[Step, ...]) -> tuple[tuple[Step, ...], ...]:
    """The steps before pseudonyms are given, those that find what gets one, and those after them.

    By the order in each parameter's list; a parameter that gets none is looked at before.
    """
    hiding = tuple(step for step in steps if _pseudonymizes(step))
    hidden: set[tuple[str, int]] = set()
    after = []
    for step in steps:
        if _pseudonymizes(step):
            hidden.add((step.name, step.position))
        elif (step.name, step.position) in hidden:
            after.append(step)
    before = tuple(step for step in steps if step not in hiding and step not in after)
    return before, hiding, tuple(after)


def _pseudonymizes(step: Step) -> bool:
    return bool(getattr(innermost(step.check), "pseudonymizes", False))


class Hidden(NamedTuple):
    """A call with pseudonyms in the place of what was found."""

    call: Call
    names: Pseudonyms

    async def answered(self, proceed: Proceed) -> Outcome:
        """The outcome of the call, with what stood there in the place of the pseudonyms."""
        try:
            return await self._answered(proceed)
        except BaseException:
            self.names.clear()
            raise

    async def _answered(self, proceed: Proceed) -> Outcome:
        call, names = self
        outcome = await proceed(call)
        if outcome.error is not None or not names.count:
            names.clear()
            return outcome
        if outcome.streaming:
            return await _restored_stream(call, outcome, names)
        outcome.value = _restored(call, outcome.value, names)
        names.clear()
        return outcome


async def hidden(guard: Guard, call: Call, steps: tuple[Step, ...]) -> Hidden | Exception:
    """Find everything first, so that a text has one token wherever it stands; then put them in.

    Returns:
        The call to make; or the error to end it with, `GuardRejected` when a check could not be
        made.
    """
    observing = call.observes(guard)
    found: _FoundAt = {}
    for step in steps:
        value = argument_of(call, step)
        if value is MISSING:
            continue
        hits = await _found(call, step, value)
        if isinstance(hits, CheckOverrun) and hits.deadline is not None:
            return hits.deadline
        if isinstance(hits, Exception | str):
            rejection = _not_seen(guard, call, step, hits)
            if rejection is not None:
                return rejection
            continue
        _join(found.setdefault((step.name, step.position), {}), hits)
    names = Pseudonyms()
    if observing:
        _say_so(call, steps, found)
        return Hidden(call, names)
    _name(call, found, names)
    return await _with_names(guard, call, steps, found, names)


def _name(call: Call, found: _FoundAt, names: Pseudonyms) -> None:
    """Give everything that was found its token."""
    if not any(found.values()):
        return
    for value in (*call.args, *call.kwargs.values()):
        names.forbid(value)
    for by_text in found.values():
        for text, hits in by_text.items():
            names.add(text, hits)


async def _found(call: Call, step: Step, value: object) -> dict[str, list[Hit]] | Exception | str:
    reason = unseen(value)
    if reason is not None:
        return reason
    pii = cast("Pii", innermost(step.check))
    try:
        found: dict[str, list[Hit]] = await asked(call, step.check, found_in, pii, value)
    except Exception as error:  # noqa: BLE001  a check's fault is not the call's
        return error
    return found


def _join(known: dict[str, list[Hit]], hits: dict[str, list[Hit]]) -> None:
    """Add what another check of the same argument has found."""
    for text, more in hits.items():
        known[text] = resolved([*known.get(text, []), *more], lambda _: 0)


def _say_so(call: Call, steps: tuple[Step, ...], found: _FoundAt) -> None:
    for step in steps:
        if found.get((step.name, step.position)):
            call.check(step.check.name, passed=True, reason="it would change it")
            call.emit("guard_would_replace", check=step.check.name, parameter=step.name)


async def _with_names(
    guard: Guard, call: Call, steps: tuple[Step, ...], found: _FoundAt, names: Pseudonyms
) -> Hidden | Exception:
    """The call with tokens in all arguments that the steps look at, and nowhere else."""
    if not names.count:
        return Hidden(call, names)
    by_place = {(step.name, step.position): step for step in steps}
    for where, step in by_place.items():
        value = argument_of(call, step)
        if value is MISSING:
            continue
        made = _rewritten(value, names.hider(found.get(where, {})))
        if isinstance(made, _Failed):
            rejection = _not_seen(guard, call, step, made.error)
            if rejection is not None:
                names.clear()
                return rejection
        elif made is not value:
            call.check(step.check.name, passed=True, reason="changed")
            call.emit("guard_replaced", check=step.check.name, parameter=step.name)
            call = put(call, step, made)
    return Hidden(call, names)


class _Failed(NamedTuple):
    """In the place of a value that could not be made."""

    error: Exception


def _rewritten(value: Any, change: Callable[[str, Path], str]) -> Any:
    try:
        return rewritten(value, change)
    except Exception as error:  # noqa: BLE001  an argument that cannot be copied
        return _Failed(error)


def _not_seen(guard: Guard, call: Call, step: Step, why: Exception | str) -> GuardRejected | None:
    """The error for an argument in which nothing could be found or replaced."""
    return guard.refused(call, step, why, observing=call.observes(guard))


async def _restored_stream(call: Call, outcome: Outcome, names: Pseudonyms) -> Outcome:
    def failed(kind: str) -> None:
        call.emit("pseudonyms_kept", type=kind)

    made = await transformed(call, outcome.value, StreamRestorer(names, failed))
    made.degraded = outcome.degraded
    if made.streaming:
        made.value.on_end(lambda _: names.clear())
    else:
        names.clear()
    return made


def _restored(call: Call, value: Any, names: Pseudonyms) -> Any:
    """The answer with what stood there; where it cannot be copied, as it is, and that is told."""
    made, failed = value, [type(value).__qualname__]
    if not is_opaque(value):
        with suppress(Exception):  # by a class of somebody else's, in being read
            made, failed = names.restored(value)
    for kind in failed:
        call.emit("pseudonyms_kept", type=kind)
    return made
