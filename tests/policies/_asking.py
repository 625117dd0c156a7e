"""A function to guard, and checks to guard it with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai import (
    Guard,
    Replace,
)

if TYPE_CHECKING:
    from collections.abc import Callable


anyhow: Any = Guard  # for settings that no type checker lets through


def redact(value: str) -> Replace | None:
    return Replace(value.replace("secret", "[…]")) if "secret" in value else None


def crash(value: str) -> bool:
    raise LookupError(value)


def ask(prompt: str, system: str = "be kind", *, limit: int = 5) -> tuple[Any, ...]:
    return prompt, system, limit


def guarded(*checks: Any, **by_parameter: Any) -> Callable[..., Any]:
    return Guard(*checks, **by_parameter)(ask)
