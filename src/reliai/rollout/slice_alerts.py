"""Alerts on slices that people find worse served than the others, and when that is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reliai import clock
from reliai.errors import ConfigurationError
from reliai.monitoring.alert import Alert
from reliai.monitoring.routing import Routing
from reliai.rollout.slices import KNOWN_LATER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reliai.feedback import Bias, SliceRate
    from reliai.monitoring.alert import Severity, State

__all__ = ["SliceAlerts"]

_SEVERITIES: Final = ("page", "ticket", "info")


class SliceAlerts:
    """Tells of slices that are served worse: once when it is seen, and once when it is over.

    A slice of which too little is known stays as it was. Call `look` as often as you compute
    `feedback.bias`: the alert of a slice is sent once, not each time.

    Args:
        routes: where alerts go: a list of what `reliai.monitoring.alerts` makes.
        name: the guarded function, for the alert.
        severity: of the alerts.

    Raises:
        ConfigurationError: for what is no route or severity.
    """

    def __init__(
        self, routes: Iterable[Any], *, name: str = "", severity: Severity = "ticket"
    ) -> None:
        if severity not in _SEVERITIES:
            raise ConfigurationError(
                f"SliceAlerts(severity={severity!r}): must be one of {_SEVERITIES}"
            )
        self.routing = Routing(routes)
        self.name = name
        self.severity: Severity = severity
        self._firing: set[str] = set()

    def look(self, bias: Bias) -> tuple[Alert, ...]:
        """Send what has begun and what is over.

        Args:
            bias: what `feedback.bias` found.

        Returns:
            The alerts that were new.
        """
        told: list[Alert] = []
        for one in bias.slices:
            key = self._key(bias, one)
            if one.verdict == "worse" and key not in self._firing:
                self._firing.add(key)
                told.append(self._alert(bias, one, key, "firing"))
            elif one.verdict not in {"worse", "insufficient"} and key in self._firing:
                self._firing.discard(key)
                told.append(self._alert(bias, one, key, "resolved"))
        for alert in told:
            self.routing.put(alert)
        return tuple(told)

    def flush(self, timeout: float = 2.0) -> bool:
        """Wait until what was told is delivered; say whether it is."""
        return self.routing.flush(timeout)

    def _key(self, bias: Bias, one: SliceRate) -> str:
        return f"{self.name}/feedback:{bias.metric}/{_slice(bias, one)}"

    def _alert(self, bias: Bias, one: SliceRate, key: str, state: State) -> Alert:
        name = f"{self.name}: " if self.name else ""
        share = f"{one.bad} of {one.n} are bad ({one.low:.1%} to {one.high:.1%})"
        than = "" if one.ratio is None else f", {one.ratio:.2g} times as often as of all others"
        over = "" if state == "firing" else "no longer worse than the others: "
        summary = f"{name}{over}{bias.metric} of {_slice(bias, one)}: {share}{than}"
        numbers = ("bad", "n", "rate", "low", "high", "ratio", "adjusted")
        found = {each: getattr(one, each) for each in numbers}
        evidence = {each: value for each, value in found.items() if value is not None}
        return Alert(
            key=key,
            name=self.name,
            signal=f"feedback:{bias.metric}",
            slice=_slice(bias, one),
            severity=self.severity,
            state=state,
            at=clock.active().time(),
            summary=summary,
            evidence=evidence,
        )


def _slice(bias: Bias, one: SliceRate) -> str:
    plain = bias.slice in {*KNOWN_LATER, "tenant"} or bias.slice.startswith("tag:")
    return f"{bias.slice if plain else f'tag:{bias.slice}'}={one.value}"
