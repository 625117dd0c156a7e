"""What an experiment is set to: checked once, when it is made."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from reliai.errors import ConfigurationError
from reliai.evals._plans import MOST_REPEATS, Plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reliai.datasets.case import Case

__all__ = ["EXECUTORS", "Settings"]

EXECUTORS: Final = ("local", "ray")
_REPEATS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """See `Experiment` for what each of them means."""

    repeats: int | None = None
    max_repeats: int | None = None
    min_pass: int | None = None
    deterministic: bool = False
    concurrency: int | str = "adaptive"
    timeout: float | None = 60.0
    retries: int = 2
    max_usd: float | None = None
    max_error_rate: float = 0.02
    policies: str = "evaluation"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("repeats", "max_repeats", "min_pass"):
            value = getattr(self, name)
            if value is not None:
                _whole(name, value, 1)
        _whole("retries", self.retries, 0)
        _whole("seed", self.seed, None)
        _number("timeout", self.timeout, "seconds above 0, or None for no limit", 0.0, open_=True)
        _number("max_usd", self.max_usd, "US dollars above 0, or None", 0.0, open_=True)
        _number("max_error_rate", self.max_error_rate, "a share from 0 to 1", 0.0, 1.0)
        self._check_repeats()

    def _check_repeats(self) -> None:
        planned = self.planned
        if self.deterministic and planned > 1:
            raise ConfigurationError(
                f"repeats={self.repeats!r} with deterministic=True: such a target gives the same "
                "each time; leave one of them away"
            )
        if self.max_repeats is not None and self.max_repeats < planned:
            raise ConfigurationError(
                f"max_repeats={self.max_repeats!r}: must be at least repeats={planned}"
            )
        if self.min_pass is not None and self.min_pass > planned:
            raise ConfigurationError(
                f"min_pass={self.min_pass!r}: must be at most repeats={planned}"
            )
        if self.min_pass is not None and self.max_repeats not in {None, planned}:
            raise ConfigurationError(
                f"max_repeats={self.max_repeats!r} with min_pass={self.min_pass!r}: with min_pass "
                "tries are left out, not added; leave one of them away"
            )

    @property
    def planned(self) -> int:
        """Tries of each case, unless it says otherwise."""
        if self.repeats is not None:
            return self.repeats
        return 1 if self.deterministic else _REPEATS

    @property
    def most(self) -> int:
        """Tries of a case that disagrees with itself."""
        if self.max_repeats is not None:
            return self.max_repeats
        as_planned = self.repeats is not None or self.deterministic or self.min_pass is not None
        return self.planned if as_planned else MOST_REPEATS

    def repeats_of(self, case: Case) -> int:
        """Tries that are planned of a case."""
        return case.repeats or self.planned

    def plan_of(self, case: Case, done: Mapping[int, bool | None] | None = None) -> Plan | None:
        """How often a case is tried; None: once.

        Raises:
            ConfigurationError: when the case is tried less often than it has to pass.
        """
        planned = self.repeats_of(case)
        if self.min_pass is not None and self.min_pass > planned:
            raise ConfigurationError(
                f"case {case.key!r} has repeats={planned}, fewer than min_pass={self.min_pass}"
            )
        most = self.most if case.repeats is None else max(planned, self.max_repeats or 0)
        if planned == most == 1 and not done:
            return None
        return Plan(planned, most, self.min_pass, done)

    def told(self) -> dict[str, Any]:
        """The settings for the manifest."""
        return asdict(self)

    def identity(self) -> dict[str, Any]:
        """What must be the same for a run to be resumed, or shards to be merged."""
        told = asdict(self)
        for name in ("concurrency", "max_usd", "max_error_rate"):  # how, and not what
            del told[name]
        return told


def _whole(name: str, value: Any, least: int | None) -> None:
    wrong = not isinstance(value, int) or isinstance(value, bool)
    if wrong or (least is not None and value < least):
        least_is = "" if least is None else f" (>= {least})"
        raise ConfigurationError(f"{name}={value!r}: must be a whole number{least_is}")


def _number(
    name: str,
    value: Any,
    meaning: str,
    low: float,
    high: float = math.inf,
    *,
    open_: bool = False,
) -> None:
    if value is None:
        return
    wrong = not isinstance(value, int | float) or isinstance(value, bool)
    if wrong or not low <= value <= high or (open_ and value == low) or math.isinf(value):
        raise ConfigurationError(f"{name}={value!r}: must be {meaning}")
