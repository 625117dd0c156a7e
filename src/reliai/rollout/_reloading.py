"""Has a rollout follow its file: good edits are taken on, others are said and change nothing."""

from __future__ import annotations

import inspect
import logging
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import ref

from reliai._core.complaints import warn_once
from reliai._core.forking import renew_after_fork
from reliai.errors import ConfigurationError
from reliai.rollout._audience import layers
from reliai.rollout._configuring import configure
from reliai.rollout._file import AUDIENCE, difference, same_audience
from reliai.rollout._given import checked
from reliai.rollout._serving import Serving

if TYPE_CHECKING:
    from weakref import ReferenceType

    from reliai.rollout._file import RolloutFile
    from reliai.rollout._given import Given
    from reliai.rollout.rollout import Rollout

__all__ = ["Reloading"]


class Reloading:
    """What a rollout needs to follow its file.

    Args:
        rollout: that follows it.
        file: that it follows.
        in_code: the settings that the program gives.
        watch: whether the file is looked at again.

    Attributes:
        problem: what is wrong with the file as it is now; None when nothing is.
    """

    def __init__(
        self, rollout: Rollout, file: RolloutFile, in_code: dict[str, Any], *, watch: bool
    ) -> None:
        self.problem: str | None = None
        self._renew()
        renew_after_fork(self)
        self._rollout: ReferenceType[Rollout] = ref(rollout)
        self._file = file
        self._in_code = in_code
        self._watch = watch
        self._now, self._revision = dict(file.settings), file.revision
        self._waiting: Given | None = None
        self._joined = False
        rollout._controller.follow(file.revision)  # noqa: SLF001  one object in several files

    def _renew(self) -> None:
        self._lock = Lock()

    def look(self, *, reached: bool) -> None:
        """Take on what has changed, if anything has.

        Args:
            reached: whether the state answered; else a change waits until it does.
        """
        rollout = self._rollout()
        if rollout is None or not self._lock.acquire(blocking=False):
            return
        try:
            self._look(rollout, reached=reached)
        finally:
            self._lock.release()

    def _look(self, rollout: Rollout, *, reached: bool) -> None:
        try:
            if self._watch and self._file.changed() is not None:
                self._waiting = self._given(rollout)
            if self._waiting is not None and reached:
                self._take_on(rollout, self._waiting)
            elif reached and not self._joined:
                self._join(rollout)
        except ConfigurationError as error:
            self._waiting = None
            self._complain(rollout, str(error))

    def _given(self, rollout: Rollout) -> Given:
        """The settings that the file gives now, checked."""
        given = self._file.given()
        if given["name"] != rollout.name:
            raise ConfigurationError(f"the name cannot change from {rollout.name!r}")
        settings = {**_defaults(type(rollout)), **self._in_code, **given}
        made = checked(rollout.name, {**settings, "shadow": rollout.shadow})
        if made.unit != rollout.unit:
            raise ConfigurationError(f"unit cannot change from {rollout.unit!r}")
        return made

    def _take_on(self, rollout: Rollout, given: Given) -> None:
        before = rollout._serving  # noqa: SLF001  the same
        why = difference(self._now, self._file.settings)
        another = given.version != before.given.version
        if another:  # maybe one that there was before, with other settings: see `_join`
            self._begin(rollout, before, given, why)
        elif not self._configured(rollout, before, given, why):
            return  # the state is away: again the next time
        self._now, self._revision = dict(self._file.settings), self._file.revision
        self._waiting, self.problem, self._joined = None, None, not another

    def _begin(self, rollout: Rollout, before: Serving, given: Given, why: str) -> None:
        """Another version: what calls get from now on."""
        if rollout.shadow is not None:
            raise ConfigurationError("another version of a rollout with shadow= needs a new start")
        controller = rollout._made_controller(given)  # noqa: SLF001  the same
        controller.share(before.controller)
        controller.follow(self._file.revision, why)
        rollout._former = (before, *rollout._former)[:2]  # noqa: SLF001  the same
        rollout._serve(Serving(rollout.name, given, controller, rollout.variants))  # noqa: SLF001  the same
        controller.sync(deciding=False)

    def _configured(self, rollout: Rollout, before: Serving, given: Given, why: str) -> bool:
        """The same version with other settings; whether they hold now."""
        if given.salt != before.given.salt:
            raise ConfigurationError("salt cannot change under way; give it another version")
        anew = any(getattr(given, name) != getattr(before.given, name) for name in AUDIENCE)
        source = f"file {self._file.path.name}"
        controller = before.controller
        after = Serving(rollout.name, given, controller, rollout.variants)
        if after.sticky is not None and before.sticky is not None:
            after.sticky = before.sticky  # it has not told all of it yet
        layers.enter(after.audience)  # before it is written that it holds
        if not configure(controller, given.plan, self._file.revision, source, why, anew=anew):
            return False
        rollout._serve(after)  # noqa: SLF001  the same
        return True

    def _join(self, rollout: Rollout) -> None:
        """The first look at a rollout that others may have begun with other settings."""
        serving = rollout._serving  # noqa: SLF001  the same
        controller = serving.controller
        if controller.page is None:
            return
        self._joined = True
        revisions, ours = controller.page.revisions, self._revision
        if revisions[-1:] == (ours,):
            return
        if ours in revisions:
            raise ConfigurationError(
                "an older one than the rollout goes by now; what stands in the state holds"
            )
        source = f"file {self._file.path.name}"
        anew = not revisions or not same_audience(revisions[-1], ours)
        configure(controller, serving.given.plan, ours, source, "another file", anew=anew)

    def _complain(self, rollout: Rollout, problem: str) -> None:
        self.problem = problem
        message = f"rollout {rollout.name}: {self._file.path} is not followed: {problem}"
        logging.getLogger("reliai").error("%s", message)
        warn_once(f"rollout:{self._file.path}:{problem}", message)


def _defaults(made: type[Any]) -> dict[str, Any]:
    parameters = inspect.signature(made).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not each.empty}
