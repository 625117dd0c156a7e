"""Which setup the demo runs with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reliai.cli.demo.provider import Unusable, provider

if TYPE_CHECKING:
    from reliai.cli.demo.setup import Setup

__all__ = ["Unusable", "setup_for"]


def setup_for(model: str | None, seed: int, *, quick: bool) -> Setup:
    """The models on this machine, or a provider's.

    Args:
        model: "openai:NAME", "anthropic:NAME", or None for this machine.
        seed: of what the local models answer.
        quick: leave out what takes long.

    Raises:
        Unusable: the provider cannot be asked.
        ModuleNotFoundError: what it needs is not installed.
    """
    if model is not None:
        return provider(model, stalls=not quick)
    from reliai.cli.demo.local import local  # noqa: PLC0415  asks for scikit-learn

    return local(seed)
