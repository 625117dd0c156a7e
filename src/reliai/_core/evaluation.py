"""What the engine knows of evaluations: calls made to see how good a function is.

Such calls are told apart from those of users wherever they are counted. In an evaluation that
isolates, the functions called inside, at any depth, also have policies of its own: with the same
settings and nothing in common with those that serve users, nor with those of another evaluation.
"""

from __future__ import annotations

from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from reliai._core.ambient import ambient, current
from reliai._core.complaints import quiet
from reliai._core.forking import renew_after_fork
from reliai._core.settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reliai._core.call import Call
    from reliai._core.policy import Policy
    from reliai._core.settings import Identity
    from reliai._core.site import Site

__all__ = ["ENVIRONMENT", "Evaluation", "Trial"]

ENVIRONMENT = "eval"
"""The environment on the records of an evaluation's calls."""

_T = TypeVar("_T")


class Evaluation:
    """One evaluation, and the policies that its calls have to themselves.

    Args:
        isolates: whether the calls have policies of the evaluation's own; else those of users.
        run_id: goes on the records of its calls.
        mode: "off" to have the bare functions called; None for what holds otherwise.
    """

    def __init__(
        self, *, isolates: bool = True, run_id: str | None = None, mode: str | None = None
    ) -> None:
        self.isolates = isolates
        self._changes: dict[str, Any] = {} if mode is None else {"mode": mode}
        if run_id is not None:
            self._changes["run_id"] = run_id
        self._sites: dict[int, tuple[Site, Site]] = {}
        self._kept: dict[tuple[str, int], tuple[object, Any]] = {}
        self._identity: tuple[Identity, Identity] | None = None
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = RLock()  # in a forked child nobody is there to release it

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Make the calls inside a part of the evaluation, as if nobody's call were around them."""
        here = ambient.get().but(
            evaluation=Trial(self, object()), meters=(), call_ids=[], shadow=None, **self._changes
        )
        inside, outside = ambient.set(here), current.set(None)
        try:
            yield
        finally:
            current.reset(outside)
            ambient.reset(inside)

    @property
    def identity(self) -> Identity:
        """Whose the calls are, on their records."""
        known, now = self._identity, settings.identity
        if known is None or known[0] is not now:
            known = self._identity = (now, now._replace(environment=ENVIRONMENT))
        return known[1]

    def site_of(self, site: Site) -> Site:
        """What calls of a function go through: its policies of the evaluation's own.

        Raises:
            ConfigurationError: by a policy of the user's that cannot be bound a second time.
        """
        if not self.isolates:
            return site
        known = self._sites.get(id(site))
        if known is not None:
            return known[1]
        from reliai._core.binding import assemble  # noqa: PLC0415  it imports what imports this

        with self._lock:
            known = self._sites.get(id(site))
            if known is None:
                twin = site.apart()
                mine = (self.policy_of(policy) for policy in site.requested)
                with quiet():  # it has been said when the function was decorated
                    assemble(twin, tuple(policy for policy in mine if policy is not None))
                # Both ways: what is known of a site holds for its twin, so that it has none itself.
                known = self._sites[id(site)] = (site, twin)
                self._sites[id(twin)] = (twin, twin)
            return known[1]

    def policy_of(self, policy: Policy) -> Policy | None:
        """The policy that stands in for one of users; one object has one, as it had one state."""
        return self.kept("policy", policy, lambda: policy.isolated(self))

    def close(self) -> None:
        """Let the policies go; a call that comes later gets new ones."""
        with self._lock:
            self._sites.clear()
            self._kept.clear()

    def kept(self, what: str, key: object, made: Callable[[], _T]) -> _T:
        """What the evaluation keeps in place of `key`, made when it is first asked for."""
        with self._lock:
            place = (what, id(key))
            if place not in self._kept:
                self._kept[place] = (key, made())  # the key too: ids are given again
            return cast("_T", self._kept[place][1])


class Trial(NamedTuple):
    """One trial of an evaluation; what surrounds its calls says so.

    Attributes:
        scope: the evaluation.
        number: tells it from the other trials.
    """

    scope: Evaluation
    number: object

    def enter(self, call: Call) -> None:
        """Take a call that starts out of everything that concerns users."""
        record = call._record  # noqa: SLF001  the engine's own
        before = call._site  # noqa: SLF001
        site = self.scope.site_of(before)
        if site is not before:
            call._site = record._site = site  # noqa: SLF001
            call._target = site.target  # noqa: SLF001
        record._identity = self.scope.identity  # noqa: SLF001
        call.hooks = hooks = site.hooks_of_evaluations()
        call.watched = call.ambient.leaf_filter is not None or hooks.watching
