"""Other settings for a rollout that is under way, written into its document with the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reliai.errors import ConfigurationError
from reliai.rollout._book import Phase, core_of, digest_of, entry_of, plan_of
from reliai.rollout.deciding import FINAL
from reliai.state.base import StateUnavailable

if TYPE_CHECKING:
    from reliai.rollout._book import Page
    from reliai.rollout._controller import Controller
    from reliai.rollout.plan import Plan

__all__ = ["configure"]

_TRIES: Final = 20
_MOST: Final = 50
"""Revisions that are remembered."""


def configure(
    controller: Controller, plan: Plan, revision: str, source: str, why: str, *, anew: bool
) -> bool:
    """Give a rollout other settings; of several processes that do, the first one writes them.

    Args:
        controller: of the rollout.
        plan: the settings.
        revision: of the file that they are from.
        source: who says so, for the audit.
        why: the difference, for the audit.
        anew: whether other units take part, so that a phase begins.

    Returns:
        Whether they hold now; False when the state does not answer.

    Raises:
        ConfigurationError: for what cannot change under way.
    """
    with controller._lock:  # noqa: SLF001  one object in several files
        for _ in range(_TRIES):
            page = controller.page if controller.sync(deciding=False) else None
            if page is None:
                return False
            controller.follow(revision)
            if page.revisions[-1:] == (revision,):
                return True
            if page.standing.status in FINAL:
                return True  # nothing is decided any more
            _check(controller.key, page, plan)
            if _written(controller, page, plan, revision, source, why, anew=anew):
                return True
    return False


def _check(key: str, page: Page, plan: Plan) -> None:
    """See that what was counted still means what it meant."""
    now, step = plan_of(page), page.standing.step
    if core_of(now) != core_of(plan):
        what = "guardrails, alpha, beta, gate and shadow"
    elif [each.share for each in now.steps[: step + 1]] != [
        each.share for each in plan.steps[: step + 1]
    ] or len(plan.steps) < step + 2:
        what = "the steps that have begun"
    else:
        return
    raise ConfigurationError(
        f"{key}: {what} cannot change under way; give the rollout another version"
    )


def _written(  # noqa: PLR0917  as `configure` has them
    controller: Controller,
    page: Page,
    plan: Plan,
    revision: str,
    source: str,
    why: str,
    *,
    anew: bool,
) -> bool:
    now = controller.time.steady
    entry = entry_of(
        *(page, page.standing, controller.decision(now), plan, controller.counts, now),
        controller.quiet,
        action="configure",
        reason="CONFIGURED",
        by=source,
        why=why,
    )
    phases = (*page.phases, Phase(page.phases[-1].share, now)) if anew else page.phases
    changed = page._replace(
        phases=phases,
        plan=plan.to_dict(),
        digest=digest_of(plan),
        revisions=(*page.revisions[1 - _MOST :], revision),
    )
    try:
        return controller._write(changed.with_entry(entry), entry, now)  # noqa: SLF001  the same
    except StateUnavailable:
        return False
