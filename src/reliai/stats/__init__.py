"""Pure statistics: numbers in, numbers or frozen dataclasses out."""

from __future__ import annotations

from reliai.stats.cusum import Cusum

__all__ = ["Cusum"]
