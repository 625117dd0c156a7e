"""Rows of structured output: asked again once through a scripted client, and text read as a type.

The client is a function that gives OpenAI's own `ChatCompletion` objects, built beforehand, so a
row is what is done with them. instructor patches the same function; guardrails-ai is given the
same text.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

import reliai
from benchmarks import _reliai as rel
from benchmarks._harness import Row, load
from benchmarks._model import REPLY, Answer, steady

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks._harness import Target

BAD = '{"answer":"Paris","score":"high"}'
ONCE, AGAIN, TYPED = "answer fits", "asked again once", "text to a type"
OURS, INSTRUCTOR = "reliai, Validate(output=…, reask=1)", "instructor, max_retries=1"
TYPED_OURS, GUARDRAILS = "reliai, Validate(output=…)", "guardrails-ai, Guard.for_pydantic"
BARE, PYDANTIC = "bare client", "pydantic's validator alone"


def client(group: str) -> Callable[..., Any]:
    """A client's `create`: every answer fits, or every second one."""
    load("openai")
    from reliai.testing import sdk_answer

    good, bad = sdk_answer(REPLY, "chat"), sdk_answer(BAD, "chat")
    asked = 0

    def create(*_: Any, **__: Any) -> Any:
        nonlocal asked
        asked += 1
        return bad if group == AGAIN and asked % 2 else good

    return create


def conversation(prompt: str) -> list[dict[str, str]]:
    """The messages that are sent."""
    return [{"role": "user", "content": prompt}]


def bare(group: str) -> Target:
    """The client alone."""
    create = client(group)
    return lambda prompt: create(model="m", messages=conversation(prompt))


def ours(group: str) -> Target:
    """reliai around the client."""
    create = client(group)

    @reliai.reliable(reliai.Validate(output=Answer, reask=1), name=f"structured-{group}")
    def ask(messages: list[Any]) -> Any:
        return create(model="m", messages=messages)

    return lambda prompt: ask(conversation(prompt))


def instructor(group: str) -> Target:
    """instructor around the client; it logs each failure, which is switched off."""
    load("openai")
    library = load("instructor")
    logging.getLogger("instructor").setLevel(logging.CRITICAL)
    create = library.patch(create=client(group), mode=library.Mode.JSON)
    fixed = {"model": "m", "response_model": Answer, "max_retries": 1}
    return lambda prompt: create(messages=conversation(prompt), **fixed)


def guardrails() -> Target:
    """guardrails-ai's guard of a model; it keeps its telemetry to itself."""
    library, settings = load("guardrails"), load("guardrails.settings").settings
    settings.disable_tracing = True
    settings.rc.enable_metrics = False
    guard = library.Guard.for_pydantic(Answer)
    model = steady("sync")
    return lambda prompt: guard.parse(model(prompt)).validated_output


def typed() -> Target:
    """reliai's, without anything else."""
    return rel.wrapped(steady("sync"), "typed", reliai.Validate(output=Answer))


def alone() -> Target:
    """What reading the JSON costs by itself."""
    model = steady("sync")
    return lambda prompt: Answer.model_validate_json(model(prompt))


def rows() -> Iterator[Row]:
    """All of them; the bare ones first."""
    for group in (ONCE, AGAIN):
        yield Row(group, BARE, "sync", functools.partial(bare, group))
        yield Row(group, OURS, "sync", functools.partial(ours, group))
        yield Row(group, INSTRUCTOR, "sync", functools.partial(instructor, group))
    yield Row(TYPED, PYDANTIC, "sync", alone)
    yield Row(TYPED, TYPED_OURS, "sync", typed)
    yield Row(TYPED, GUARDRAILS, "sync", guardrails)
