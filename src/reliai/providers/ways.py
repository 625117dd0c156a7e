"""How each API is told the form of its answers: in which dialect, and under which arguments."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reliai.providers.schemas import Dialect

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["WAYS"]

Schema = dict[str, Any]

_FORMATS: Final = frozenset(
    "date-time time date duration email hostname uri ipv4 ipv6 uuid".split()
)
_RANGES: Final = frozenset("minimum maximum exclusiveMinimum exclusiveMaximum multipleOf".split())
_ITEMS: Final = frozenset({"minItems", "maxItems"})

_OPENAI = Dialect(
    "OpenAI's strict mode",
    _RANGES | _ITEMS | {"pattern"},
    _FORMATS - {"uri"},
    all_required=True,
    object_root=True,
)
_ANTHROPIC = Dialect("Anthropic's output format", formats=_FORMATS, recursive="no")
_BEDROCK = Dialect("Bedrock's output format", formats=_FORMATS, recursive="no", object_root=True)
_GOOGLE = Dialect(
    "Gemini's response schema",
    _ITEMS | {"minimum", "maximum"},
    frozenset({"date-time", "date", "time"}),
    open_ended=True,
    tuples=True,
    recursive="optional",
)
_MISTRAL = Dialect("Mistral's strict mode", formats=_FORMATS, all_required=True, object_root=True)
_COHERE = Dialect(
    "Cohere's response format",
    frozenset({"pattern"}),
    frozenset({"date-time", "date", "time", "uuid"}),
    object_root=True,
)
_OLLAMA = Dialect(
    "Ollama's format",
    _RANGES | _ITEMS | {"minLength", "maxLength", "pattern"},
    open_ended=True,
    tuples=True,
)


def _openai_chat(name: str, schema: Schema) -> Schema:
    described = {"name": name, "schema": schema, "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": described}}


def _openai_responses(name: str, schema: Schema) -> Schema:
    described = {"type": "json_schema", "name": name, "schema": schema, "strict": True}
    return {"text": {"format": described}}


def _anthropic(_: str, schema: Schema) -> Schema:
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


def _google(_: str, schema: Schema) -> Schema:
    told = {"response_mime_type": "application/json", "response_json_schema": schema}
    return {"config": told}


def _bedrock(name: str, schema: Schema) -> Schema:
    structure = {"jsonSchema": {"name": name, "schema": json.dumps(schema)}}
    return {"outputConfig": {"textFormat": {"type": "json_schema", "structure": structure}}}


def _cohere(_: str, schema: Schema) -> Schema:
    return {"response_format": {"type": "json_object", "json_schema": schema}}


def _ollama(_: str, schema: Schema) -> Schema:
    return {"format": schema}


class Way(NamedTuple):
    """How one API is told: in which dialect, and under which arguments."""

    dialect: Dialect
    arguments: Callable[[str, Schema], Schema]


_CHAT = Way(_OPENAI, _openai_chat)
WAYS: Final = {
    "openai": _CHAT,
    "openai-chat": _CHAT,
    "openai-responses": Way(_OPENAI, _openai_responses),
    "azure": _CHAT,
    "litellm": _CHAT,
    "anthropic": Way(_ANTHROPIC, _anthropic),
    "google": Way(_GOOGLE, _google),
    "bedrock": Way(_BEDROCK, _bedrock),
    "mistral": Way(_MISTRAL, _openai_chat),
    "cohere": Way(_COHERE, _cohere),
    "ollama": Way(_OLLAMA, _ollama),
}
