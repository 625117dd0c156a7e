"""Who decides what a request gets: an outage, the schedule, the script, the normal answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reliai.errors import ConfigurationError
from reliai.testing._server.plan import Plan, plan
from reliai.testing._server.received import ReceivedRequest
from reliai.testing._server.script import Script, endpoint

__all__ = ["Director", "Schedule"]

Schedule = Callable[[float, ReceivedRequest], object] | Sequence[tuple[float, object]]
"""What goes wrong when: asked with the seconds since the start, or pairs of second and item."""

_ANSWER = "This is the answer of a fault server that was given no script and no model."


@dataclass(slots=True)
class Director:
    """The settings of a fault server that say what it answers.

    Attributes:
        script: what `fault_server` was given.
        model: answers what the script leaves open.
        default: the item for that, in the place of a model.
        schedule: what goes wrong by time.
        models: the names that are listed.
        outages: items for every request, the last first.
    """

    script: Script
    model: Callable[[dict[str, Any]], Any] | None
    default: object
    schedule: Schedule | None
    models: Sequence[str]
    outages: list[object]

    def __post_init__(self) -> None:
        if self.model is not None and self.default is not None:
            message = "give a fault server a model or a default answer, not both"
            raise ConfigurationError(message)

    def take(self, script: Any) -> None:
        """Follow another script."""
        self.script = Script(script, repeat_last=self.model is None and self.default is None)

    def plan(self, received: ReceivedRequest) -> Plan:
        """Decide what `received` gets, and note it there. Asks the script only if it is needed."""

        def script() -> object:
            item = self.script.item(received)
            received.item = item if received.item is None else received.item
            return item

        received.item = self._fault(received)
        return plan(received.item, script, lambda: self._normal(received), lambda: _ANSWER)

    def plan_listing(self, received: ReceivedRequest) -> Plan:
        """Decide what a request for the list of models gets. It uses up no script."""
        received.item = self._fault(received)
        body = _listing(self.models, anthropic="anthropic-version" in received.headers)
        part = self.script.part(endpoint(received.path))
        return plan(received.item, lambda: part and part.item(received), lambda: body)

    def _fault(self, received: ReceivedRequest) -> object:
        if self.outages:
            return self.outages[-1]
        if callable(self.schedule):
            return self.schedule(received.elapsed, received)
        begun = [pair for pair in self.schedule or () if received.elapsed >= pair[0]]
        return max(begun, key=lambda pair: pair[0])[1] if begun else None

    def _normal(self, received: ReceivedRequest) -> object:
        return self.default if self.model is None else self.model(received.json or {})


def _listing(models: Sequence[str], *, anthropic: bool) -> Mapping[str, Any]:
    if anthropic:
        kind = {"type": "model", "created_at": "2026-01-01T00:00:00Z"}
        entries = [{**kind, "id": name, "display_name": name} for name in models]
        ends = {
            "first_id": models[0] if models else None,
            "last_id": models[-1] if models else None,
        }
        return {"data": entries, "has_more": False, **ends}
    entry = {"object": "model", "created": int(time.time()), "owned_by": "scripted"}
    return {"object": "list", "data": [{**entry, "id": name} for name in models]}
