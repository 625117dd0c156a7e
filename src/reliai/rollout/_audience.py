"""Who takes part in a rollout, and who gets what without being drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from weakref import WeakSet

from reliai._core.ambient import ambient
from reliai._core.forking import renew_after_fork
from reliai.decisions.assignment import BUCKETS, Lot
from reliai.errors import ConfigurationError
from reliai.rollout._forcing import forced

if TYPE_CHECKING:
    from reliai._core.ambient import Ambient

__all__ = ["Audience", "Layer", "Target", "checked_layer", "checked_target", "layers"]

_HOLDOUT: Final = "holdout"
_WHO: Final = ("subject", "tenant", "session")

Target: TypeAlias = "Mapping[str, Any] | Callable[[Ambient], Any]"


class Layer(NamedTuple):
    """A part of a layer: rollouts with parts of one layer that do not meet share no unit.

    Attributes:
        name: of the layer.
        start, end: buckets, end not included.
    """

    name: str
    start: int
    end: int


class Audience:
    """Who takes part.

    Args:
        name: of the rollout.
        force: variants by unit.
        holdout: buckets of those that always get the control.
        target: what calls are meant; None for all.
        layer: None for the whole of everybody.

    Attributes:
        special: whether there is anything to look at before the hash.
    """

    def __init__(
        self,
        name: str,
        force: Mapping[str, str],
        holdout: int,
        target: Target | None,
        layer: Layer | None,
    ) -> None:
        self.name = name
        self.layer = layer
        self._force = force
        self._holdout = holdout
        self._held_out = Lot("reliai", _HOLDOUT)
        self._lot = None if layer is None else Lot(layer.name, "layer")
        self._target = target
        self._conditions = tuple(target.items()) if isinstance(target, Mapping) else None
        self.special = bool(force or holdout or target is not None or layer is not None)

    def forced(self, who: str | None) -> str | None:
        """The variant that somebody said for a unit by hand."""
        return forced(self.name) or (self._force.get(who) if self._force and who else None)

    def outside(self, who: str, *, promoted: bool) -> str | None:
        """Why a unit does not take part; None when it does.

        What was promoted is for those of other parts of the layer too.
        """
        if self._holdout and self._held_out.draw(who) < self._holdout:
            return "HOLDOUT"
        layer = self.layer
        if layer is not None and self._lot is not None and not promoted:
            drawn = self._lot.draw(who)
            if not layer.start <= drawn < layer.end:
                return "OTHER_LAYER"
        if self._target is not None and not self._meant(ambient.get()):
            return "NOT_TARGETED"
        return None

    def _meant(self, here: Ambient) -> bool:
        if self._conditions is None:
            return bool(self._target(here)) if callable(self._target) else True
        return all(_value(here, name) in wanted for name, wanted in self._conditions)


def _value(here: Ambient, name: str) -> Any:
    return getattr(here, name) if name in _WHO else (here.tags or {}).get(name)


def checked_target(target: Any) -> Target | None:
    """What calls are meant, with lists of values.

    Raises:
        ConfigurationError: for what is neither.
    """
    if target is None or (callable(target) and not isinstance(target, type)):
        return target
    if not isinstance(target, Mapping) or not target:
        raise ConfigurationError(
            f"Rollout(target={target!r}): must be values by tag, such as {{'locale': ['de']}} "
            "(also of subject, tenant and session), or a function of the context"
        )
    return {str(name): _listed(str(name), wanted) for name, wanted in target.items()}


def _listed(name: str, wanted: Any) -> tuple[str, ...]:
    values = (wanted,) if isinstance(wanted, str) else wanted
    if not isinstance(values, Iterable):
        values = (wanted,)
    found = tuple(values)
    if found and all(isinstance(each, str) for each in found):
        return found
    raise ConfigurationError(
        f"Rollout(target={{{name!r}: {wanted!r}}}): must be a text, or a list of texts, as tags are"
    )


def checked_layer(layer: Any) -> Layer | None:
    """A part of a layer.

    Raises:
        ConfigurationError: for anything else.
    """
    if layer is None:
        return None
    try:
        name, start, end = layer
        low, high = round(start * BUCKETS), round(end * BUCKETS)
    except (TypeError, ValueError):
        name, low, high = None, 0, 0
    if isinstance(name, str) and name and 0 <= low < high <= BUCKETS:
        return Layer(name, low, high)
    raise ConfigurationError(
        f"Rollout(layer={layer!r}): must be a name and two shares that grow, such as "
        "('search', 0.0, 0.5)"
    )


class _Layers:
    """The audiences of this process that have a part of a layer."""

    def __init__(self) -> None:
        self._known: WeakSet[Audience] = WeakSet()
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = Lock()

    def enter(self, audience: Audience) -> None:
        """Remember one.

        Raises:
            ConfigurationError: when another rollout has a part that meets its own.
        """
        mine = audience.layer
        if mine is None:
            return
        with self._lock:
            for other in list(self._known):
                theirs = other.layer
                if theirs is None or theirs.name != mine.name or other.name == audience.name:
                    continue
                if mine.start < theirs.end and theirs.start < mine.end:
                    raise ConfigurationError(
                        f"Rollout({audience.name!r}, layer=…): its part of the layer "
                        f"{mine.name!r} meets that of {other.name!r}, "
                        f"{theirs.start / BUCKETS:g} to {theirs.end / BUCKETS:g}"
                    )
            self._known.add(audience)


layers = _Layers()
