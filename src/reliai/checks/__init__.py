"""Checks: rules for one value, which Guard runs on arguments and Validate on answers.

Each name is loaded when it is first used, so that who needs a length does not load the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reliai.checks.base import Check as Check
    from reliai.checks.base import CheckVerdict as CheckVerdict
    from reliai.checks.base import Replace as Replace
    from reliai.checks.base import Score as Score
    from reliai.checks.base import check as check
    from reliai.checks.canary import CanaryToken as CanaryToken
    from reliai.checks.ending import NoRefusal as NoRefusal
    from reliai.checks.ending import NotTruncated as NotTruncated
    from reliai.checks.grounded import Grounded as Grounded
    from reliai.checks.hidden import HiddenText as HiddenText
    from reliai.checks.injection import Injection as Injection
    from reliai.checks.language import Language as Language
    from reliai.checks.pii import Pii as Pii
    from reliai.checks.schema import Schema as Schema
    from reliai.checks.secrets import Secrets as Secrets
    from reliai.checks.similar import Similar as Similar
    from reliai.checks.text import MaxLength as MaxLength
    from reliai.checks.text import NotEmpty as NotEmpty
    from reliai.checks.text import Pattern as Pattern
    from reliai.checks.tokens import MaxTokens as MaxTokens
    from reliai.checks.values import OneOf as OneOf

_MODULES = {
    "base": ("Check", "CheckVerdict", "Replace", "Score", "check"),
    "canary": ("CanaryToken",),
    "ending": ("NoRefusal", "NotTruncated"),
    "grounded": ("Grounded",),
    "hidden": ("HiddenText",),
    "injection": ("Injection",),
    "language": ("Language",),
    "pii": ("Pii",),
    "schema": ("Schema",),
    "secrets": ("Secrets",),
    "similar": ("Similar",),
    "text": ("MaxLength", "NotEmpty", "Pattern"),
    "tokens": ("MaxTokens",),
    "values": ("OneOf",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]  # noqa: PLE0605  one list of names serves loading and exporting

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            message = f"module 'reliai.checks' has no attribute {name!r}"
            raise AttributeError(message)
        from importlib import import_module  # noqa: PLC0415

        thing = getattr(import_module(f"reliai.checks.{_HOME[name]}"), name)
        globals()[name] = thing
        return thing

    def __dir__() -> list[str]:
        return __all__
