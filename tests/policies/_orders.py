"""Answers of a model, good and bad, and the type that is asked for."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, field_validator

import reliai
from reliai import (
    Replace,
    Validate,
)
from tests.policies._guarded import (
    Guarded,
)

if TYPE_CHECKING:
    from collections.abc import Callable


anyhow: Any = Validate  # for settings that no type checker lets through


class Item(BaseModel):
    name: str = Field(max_length=5)
    price: float = Field(ge=0)


class Order(BaseModel):
    items: list[Item]

    @field_validator("items")
    @classmethod
    def few(cls, value: list[Item]) -> list[Item]:
        if len(value) > 2:
            raise ValueError(f"too many: {[item.name for item in value]}")
        return value


@dataclasses.dataclass
class Point:
    x: int
    y: int


GOOD = '{"items": [{"name": "pen", "price": 1.5}]}'
BAD = '{"items": [{"name": "SECRET", "price": -1}]}'
ORDER = Order(items=[Item(name="pen", price=1.5)])


def chat(text: str | None, finish: str = "stop", **message: Any) -> dict[str, Any]:
    """A chat completion of OpenAI's, as JSON."""
    return {
        "choices": [{"message": {"content": text, **message}, "finish_reason": finish}],
        "model": "gpt-x",
        "usage": {"prompt_tokens": 10, "completion_tokens": 5},
    }


def made_of(*answers: Any) -> Callable[[str], Any]:
    """A model that gives one answer after the other."""
    left = iter(answers)

    def answer(prompt: str) -> Any:
        item = next(left)
        if isinstance(item, Exception):
            raise item
        return item

    return answer


def redact(value: str) -> Replace | None:
    return Replace(value.replace("SECRET", "[…]")) if "SECRET" in value else None


def crash(value: Any) -> bool:
    raise LookupError(value)


def validated(kind: str, *answers: Any, **settings: Any) -> Guarded:
    return Guarded(kind, Validate(**settings), answer=made_of(*answers))


def no_text(question: int) -> str:
    return str(question)


class Fixing(reliai.Check):
    reads_text = True

    def __init__(self, verdict: Replace | None = None) -> None:
        self.verdict = verdict

    def __call__(self, value: Any, /) -> Any:
        fixed = str(value).replace("SECRET", "ok").replace("-1", "1")
        return self.verdict or Replace(fixed)
