"""Which incidents there are: those here, those that were registered, those of other packages.

An incident is three functions of a `Trial`, tied together by an id. Whoever makes one with
`incident(…)` has it in the catalogue; packages name a module of theirs under the entry point group
`reliai.incidents`, and it is imported when the catalogue is first asked for.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from reliai._core.complaints import warn_once
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reliai.incidents.findings import PartName
    from reliai.incidents.trial import Trial

    Scenario: TypeAlias = Callable[[Trial], Awaitable[None] | None]

    _S = TypeVar("_S", bound=Scenario)

__all__ = ["GROUP", "Incident", "catalogue", "find", "incident"]

GROUP = "reliai.incidents"
"""The entry point group under which other packages name a module of incidents."""

_MODULES = {
    "evals": ("numpy", "rfc8785", "scipy"),
    "monitoring": ("numpy", "scipy"),
    "records": ("alembic", "sqlalchemy"),
}
"""What tells that an extra is installed."""

_known: dict[str, Incident] = {}
_loaded = False


class Incident:
    """A failure that happened in production, as something that can be run.

    The three decorators take a function of a `Trial`, asynchronous or not, that runs under a
    virtual clock of its own and tells the trial what it measured.

    Attributes:
        id: such as "IR-02"; unique.
        title: what happens, in a few words.
        scenario: what is simulated, in a sentence.
        evidence: where it happened.
        guard: what reliai puts in its way, in a few words.
        needs: the extras of reliai that it needs.
    """

    def __init__(  # noqa: PLR0917  made by `incident` alone
        self,
        id: str,  # noqa: A002  what an incident is known by
        title: str,
        scenario: str,
        evidence: str,
        guard: str,
        needs: tuple[str, ...] = (),
    ) -> None:
        self.id = id
        self.title = title
        self.scenario = scenario
        self.evidence = evidence
        self.guard = guard
        self.needs = needs
        self._scenarios: dict[PartName, Scenario] = {}

    @property
    def missing(self) -> tuple[str, ...]:
        """The extras it needs that are not installed here."""
        return tuple(
            extra
            for extra in self.needs
            if any(find_spec(module) is None for module in _MODULES.get(extra, ()))
        )

    def unguarded(self, scenario: _S) -> _S:
        """The same without reliai: it must show the damage."""
        self._scenarios["unguarded"] = scenario
        return scenario

    def guarded(self, scenario: _S) -> _S:
        """With reliai: it must be noticed in time and contained."""
        self._scenarios["guarded"] = scenario
        return scenario

    def healthy(self, scenario: _S) -> _S:
        """The guarded functions on a healthy day: `trial.calls` calls without an alarm."""
        self._scenarios["healthy"] = scenario
        return scenario

    def scenario_of(self, part: PartName) -> Scenario:
        """The function of a part.

        Raises:
            ConfigurationError: when the incident has none, which makes it no evidence.
        """
        found = self._scenarios.get(part)
        if found is None:
            message = (
                f"{self.id} has no {part} part; give all three (incident.unguarded, .guarded and "
                ".healthy), for only together they show anything"
            )
            raise ConfigurationError(message)
        return found

    def __repr__(self) -> str:
        return f"<reliai.incidents.Incident {self.id}: {self.title}>"


def incident(
    id: str,  # noqa: A002  what an incident is known by
    *,
    title: str,
    scenario: str,
    evidence: str,
    guard: str,
    needs: tuple[str, ...] = (),
) -> Incident:
    """Make an incident and put it into the catalogue.

    Args:
        id: letters, digits and dashes, such as "IR-02" or "ACME-7"; one that is taken is replaced
            only by the same module being run again.
        title: what happens, in a few words.
        scenario: what is simulated, in a sentence.
        evidence: where it happened.
        guard: what reliai puts in its way.
        needs: the extras of reliai that it needs, such as "monitoring"; where one is missing,
            `reliai replay` leaves the incident out unless it is asked for by name.

    Raises:
        ConfigurationError: the id is no id, or another incident has it.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*", id):
        message = f"incident({id!r}): an id is letters, digits and dashes, such as 'ACME-7'"
        raise ConfigurationError(message)
    known = _known.get(id.upper())
    if known is not None and known.title != title:
        message = f"incident({id!r}): {known.title!r} has this id already; choose another"
        raise ConfigurationError(message)
    made = Incident(id.upper(), title, scenario, evidence, guard, needs)
    _known[made.id] = made
    return made


def catalogue() -> list[Incident]:
    """All incidents, by id."""
    _load()
    return sorted(_known.values(), key=lambda each: _order(each.id))


def find(id: str) -> Incident:  # noqa: A002  as above
    """The incident of an id, however it is spelt: "IR-02", "ir02", "2".

    Raises:
        ConfigurationError: there is none.
    """
    _load()
    wanted = _plain(f"IR-{id}" if id.isdigit() else id)
    for known in _known.values():
        if _plain(known.id) == wanted:
            return known
    names = ", ".join(each.id for each in catalogue())
    message = f"there is no incident {id!r}; these are there: {names}"
    raise ConfigurationError(message)


def _load() -> None:
    global _loaded  # noqa: PLW0603  once a process
    if _loaded:
        return
    _loaded = True
    package = importlib.import_module(__package__ or "")
    for module in pkgutil.iter_modules(package.__path__):
        if re.match(r"ir\d\d_", module.name):
            importlib.import_module(f"{package.__name__}.{module.name}")
    _load_others()


def _load_others() -> None:
    from importlib.metadata import entry_points  # noqa: PLC0415  20 ms

    for entry in entry_points(group=GROUP):
        try:
            entry.load()
        except Exception as error:  # noqa: BLE001  somebody else's package
            warn_once(f"incidents:{entry.name}", f"incidents of {entry.value}: {error!r}")


def _plain(id: str) -> str:  # noqa: A002  as above
    """Letters and numbers alone, numbers without leading zeros."""
    return "".join(
        str(int(part)) if part.isdigit() else part.upper()
        for part in re.findall(r"\d+|[a-zA-Z]+", id)
    )


def _order(id: str) -> tuple[bool, list[tuple[str, int]]]:  # noqa: A002  as above
    parts = re.findall(r"([a-zA-Z]*)(\d*)", id)
    return not id.startswith("IR-"), [(word, int(number or 0)) for word, number in parts]
