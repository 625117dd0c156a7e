"""What `key=` means to every policy that keeps things apart: by subject, tenant or argument."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from inspect import Parameter
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import ref

from reliai._core.call import checked_parameter
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from reliai._core.call import Call
    from reliai._core.site import Site

__all__ = ["Key", "check_key_fits", "key_of"]

Key: TypeAlias = Callable[["Call"], Hashable]

_ARGUMENT = "arg:"


def key_of(key: Any, what: str) -> Key | None:
    """What gives a call's key; None when all calls share one.

    Args:
        key: "subject", "tenant", "arg:NAME", a tuple of these, a function of the call, or None.
        what: names the setting in an error.

    Raises:
        ConfigurationError: when it is none of these.
    """
    if key is None:
        return None
    if key == "subject":
        return lambda call: call.ambient.subject
    if key == "tenant":
        return lambda call: call.ambient.tenant
    if isinstance(key, str) and key.startswith(_ARGUMENT):
        return _Argument(key.removeprefix(_ARGUMENT))
    if isinstance(key, tuple) and key:
        parts = [part for part in (key_of(each, what) for each in key) if part is not None]
        if len(parts) == len(key):
            return lambda call: tuple(part(call) for part in parts)
    elif callable(key) and not isinstance(key, type):
        return key  # type: ignore[no-any-return]
    raise ConfigurationError(
        f"{what}={key!r} names no key; give 'subject', 'tenant', 'arg:NAME', a tuple of these, or "
        "a function of the call"
    )


class _Argument:
    """An argument, looked up by its place: binding all of a call's arguments takes 5 µs."""

    __slots__ = ("_name", "_seen")

    def __init__(self, name: str) -> None:
        self._name = name
        self._seen: tuple[ref[Site] | None, int, bool] = (None, -1, False)

    def __call__(self, call: Call) -> Hashable:
        site = call._site  # noqa: SLF001  the engine's own
        seen, place, named = self._seen  # read once: another thread may replace it
        if seen is None or seen() is not site:
            place, named = self._place(site)
        if 0 <= place < len(call.args):
            return call.args[place]  # type: ignore[no-any-return]
        if named and self._name in call.kwargs:
            return call.kwargs[self._name]  # type: ignore[no-any-return]
        return call.arguments[self._name]  # type: ignore[no-any-return]

    def _place(self, site: Site) -> tuple[int, bool]:
        """Where it stands among positional arguments (-1: nowhere), and whether it has a name."""
        place, named = -1, False
        parameter = site.signature.parameters.get(self._name)
        if parameter is not None and parameter.kind not in {
            Parameter.VAR_POSITIONAL,
            Parameter.VAR_KEYWORD,
        }:
            named = parameter.kind is not Parameter.POSITIONAL_ONLY
            if parameter.kind is not Parameter.KEYWORD_ONLY:
                place = list(site.signature.parameters).index(self._name)
        self._seen = (ref(site), place, named)
        return place, named


def check_key_fits(key: Any, site: Site, what: str) -> None:
    """See that the function has the parameters a key is made of.

    Raises:
        ConfigurationError: naming the parameter that is missing, and those there are.
    """
    for part in key if isinstance(key, tuple) else (key,):
        if isinstance(part, str) and part.startswith(_ARGUMENT):
            checked_parameter(site, part.removeprefix(_ARGUMENT), f"{what}={part!r}")
