"""What an operator asked for that cannot be, as things stand."""

from __future__ import annotations

from reliai.errors import ReliaiError

__all__ = ["RolloutConflict"]


class RolloutConflict(ReliaiError):
    """The rollout is not where the operator thought it was, or its store does not answer."""
