"""Pure statistics: numbers in, numbers or frozen dataclasses out."""

from __future__ import annotations

from reliai.stats.cusum import Cusum
from reliai.stats.sign import sign_e_value

__all__ = ["Cusum", "sign_e_value"]
