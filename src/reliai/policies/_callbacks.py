"""What Guard and Validate share: their settings, and the functions of the user's that they call."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from reliai._core.outcome import Outcome
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reliai._core.call import Call
    from reliai._core.site import Site
    from reliai.checks.base import Check

__all__ = ["answer_instead", "called", "checked_function", "checked_mode", "innermost", "ready"]


def ready(checks: Iterable[Check], site: Site, what: str) -> None:
    """Prepare checks for a function.

    Raises:
        ConfigurationError: when one is asynchronous and the function is not, cannot be built, or
            has nothing to look at there.
    """
    for check in checks:
        if check.asynchronous and not site.asynchronous:
            raise ConfigurationError(
                f"{what}: check {check.name!r} is asynchronous and {site.name} is not; "
                "give a plain function, with timeout= if it may block, or guard an `async def`"
            )
        if what != "Guard" and getattr(innermost(check), "pseudonymizes", False):
            raise ConfigurationError(
                f'{what}: {check.name} with action="pseudonymize" belongs into a Guard, which '
                'gives the answer back what stood there; here use action="redact"'
            )
        if what == "Guard" and check.fails_as == "truncated":
            raise ConfigurationError(
                f"Guard: {check.name} looks at how an answer ended, which an argument does not; "
                "put it into Validate"
            )
        check.prepare()


def innermost(check: Check) -> Check:
    """The check that others only give another name, or other limits."""
    inner: Check | None = getattr(check, "inner", None)
    return check if inner is None else innermost(inner)


def checked_mode(mode: str, what: str) -> str:
    """`mode`, when a policy can have it.

    Raises:
        ConfigurationError: for another one.
    """
    if mode not in {"enforce", "observe"}:
        raise ConfigurationError(f'{what}(mode={mode!r}): use "enforce" or "observe"')
    return mode


def checked_function(function: Any, site: Site, what: str, takes: str = "") -> None:
    """See that a function of the user's can be called in this pipeline.

    Args:
        function: the function, or None.
        site: the place it will be called at.
        what: the setting, such as "Guard(otherwise)".
        takes: the arguments it will get, such as "call, error"; "" where that is not checked.

    Raises:
        ConfigurationError: when it is none, asynchronous where nothing awaits it, or takes others.
    """
    if function is None:
        return
    of = f" of ({takes})" if takes else ""
    if not callable(function) or isinstance(function, type):
        raise ConfigurationError(f"{what[:-1]}={function!r}): it must be a function{of}")
    name = getattr(function, "__name__", repr(function))
    if inspect.iscoroutinefunction(function) and not site.asynchronous:
        raise ConfigurationError(
            f"{what[:-1]}=…): {name} is asynchronous and {site.name} is not; give a plain function"
        )
    if takes and not _takes(function, takes.count(",") + 1):
        raise ConfigurationError(f"{what[:-1]}=…): {name} must take {takes}")


def _takes(function: Callable[..., Any], count: int) -> bool:
    try:
        inspect.signature(function).bind(*[None] * count)
    except ValueError:  # some functions written in C tell nothing
        return True
    except TypeError:
        return False
    return True


async def called(call: Call, function: Callable[..., Any], *args: Any) -> Any:
    """Call a function of the user's, which may be asynchronous in an asynchronous call.

    Raises:
        ConfigurationError: when it gives an awaitable in a synchronous call.
        Exception: what it raised.
    """
    given = function(*args)
    if not inspect.isawaitable(given):
        return given
    if call.runtime.asynchronous:
        return await given
    if inspect.iscoroutine(given):
        given.close()
    name = getattr(function, "__name__", repr(function))
    raise ConfigurationError(f"{name} gave an awaitable to {call.name}, which is synchronous")


async def answer_instead(
    call: Call, otherwise: Callable[..., Any], error: Exception, what: str
) -> Outcome:
    """The answer of an `otherwise` function in place of an error; the call is then degraded."""
    try:
        value = await called(call, otherwise, call, error)
    except Exception as raised:  # noqa: BLE001  becomes the outcome
        if raised.__context__ is None and raised is not error:
            raised.__context__ = error
        return Outcome(error=raised)
    call.emit("otherwise", policy=what)
    outcome = Outcome(value)
    outcome.degraded = True
    return outcome
