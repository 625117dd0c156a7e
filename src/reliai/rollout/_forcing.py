"""Putting calls into an arm by hand; such calls are not analysed."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["ARMS", "force", "forced"]

ARMS: Final = ("control", "candidate")

_forced: ContextVar[Mapping[str | None, str]] = ContextVar("reliai.rollout.forced")


@contextmanager
def force(variant: str, rollout: str | None = None) -> Iterator[None]:
    """Give the calls inside one variant; a rollout that was killed gives its control all the same.

    Args:
        variant: "control" or "candidate".
        rollout: the name of the rollout; None for all.

    Raises:
        ConfigurationError: for another variant.
    """
    if variant not in ARMS:
        raise ConfigurationError(f"force({variant!r}): use 'control' or 'candidate'")
    token = _forced.set({**_forced.get({}), rollout: variant})
    try:
        yield
    finally:
        _forced.reset(token)


def forced(rollout: str) -> str | None:
    """The variant that `force` says for a rollout here; None where it says nothing."""
    known = _forced.get(None)
    return None if known is None else known.get(rollout, known.get(None))
