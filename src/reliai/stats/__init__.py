"""Pure statistics: numbers in, numbers or frozen dataclasses out. Floor 1.

Each name is loaded when it is first used. What needs numpy, scipy or statsmodels comes with the
extra `stats`; `Cusum` and the e-values need none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reliai.stats.cusum import Cusum
    from reliai.stats.sign import sign_e_value

__all__ = ["Cusum", "sign_e_value"]

# A module never has the name of what it offers: once loaded, it would stand in its way.
_MODULES = {
    "Cusum": "cusum",
    "sign_e_value": "sign",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        from reliai.stats._needs import needed  # noqa: PLC0415

        return getattr(needed(f"{__name__}.{_MODULES[name]}"), name)
