"""What to send with a request so that the provider itself keeps the answer to a type."""

from __future__ import annotations

import re
from typing import Any, cast

from reliai.errors import ConfigurationError

__all__ = ["format_for"]


def format_for(wanted: Any, provider: str) -> dict[str, Any]:
    """The keyword arguments that make a provider keep its answer to a type: plain data, no request.

    `client.chat.completions.create(..., **format_for(Answer, "openai"))`; beside it
    `Validate(output=Answer)` reads the answer. Limits that a provider does not understand, such as
    a length, are told to the model in the description, and `Validate` holds to them.

    Args:
        wanted: a type pydantic can describe (a model, a dataclass, `list[int]`, a union, a
            `Literal`, ...), or a JSON Schema as a dict.
        provider: "openai" and "openai-chat" (chat completions; "azure" and "litellm" too),
            "openai-responses", "anthropic", "google", "bedrock" (`converse`), "mistral", "cohere"
            or "ollama".

    Raises:
        ConfigurationError: for another provider, for a type that has no JSON Schema, and for what
            the provider's dialect cannot say, with its place, such as a mapping with free keys.
    """
    from reliai.providers.schemas import fit  # noqa: PLC0415  most programs never ask
    from reliai.providers.ways import WAYS  # noqa: PLC0415  as above

    way = WAYS.get(provider)
    if way is None:
        message = f"format_for(…, {provider!r}): use one of {', '.join(map(repr, WAYS))}"
        raise ConfigurationError(message)
    schema, title = _schema_of(wanted, provider)
    fitted = fit(schema, way.dialect, f"format_for({title}, {provider!r})")
    name = re.sub(r"\W+", "_", title, flags=re.ASCII).strip("_")[:64] or "answer"
    return way.arguments(name, fitted)


def _schema_of(wanted: Any, provider: str) -> tuple[dict[str, Any], str]:
    if isinstance(wanted, dict):
        given = cast("dict[str, Any]", wanted)
        return given, str(given.get("title") or "answer")
    plain = getattr(wanted, "__origin__", None) is None
    title = str(getattr(wanted, "__name__", wanted) if plain else wanted)
    from pydantic import TypeAdapter  # noqa: PLC0415  costs 190 ms

    try:
        adapter: TypeAdapter[Any] = TypeAdapter(wanted)
        return adapter.json_schema(), title
    except Exception as error:
        message = (
            f"format_for({title}, {provider!r}): pydantic can describe no such type: "
            f"{type(error).__name__}"
        )
        raise ConfigurationError(message) from error
