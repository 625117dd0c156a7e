"""What runs, as a record tells it: the values whose change explains a change of behaviour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["identity_values", "prompt_of"]


def identity_values(record: Any) -> Iterator[tuple[str, str, str]]:
    """Kind, name and value of each; of a call record, or of one that a store gives back."""
    name: str = record.name
    yield "policies", name, record.fingerprint
    release = record.release
    if release is not None:
        yield "release", "release", release
    requested = record.model_requested
    if requested is not None:
        yield "model_requested", name, requested
    served = record.model_served
    if served is not None:
        yield "model_served", f"{name} {requested}" if requested else name, served
    prompt = prompt_of(record)
    if prompt is not None:
        yield "prompt", name, prompt


def prompt_of(record: Any) -> str | None:
    """The version of the prompt: the value or the tag `prompt`."""
    prompt: Any = record.values.get("prompt") or record.tags.get("prompt")
    return prompt if isinstance(prompt, str) else None
