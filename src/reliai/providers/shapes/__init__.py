"""The forms in which providers answer: how each is told from the others, and how it is read.

Objects and their JSON are read alike; a field of the wrong type counts as missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reliai.providers.shapes.blocks import is_anthropic, is_bedrock, read_anthropic, read_bedrock
from reliai.providers.shapes.frameworks import (
    is_cohere,
    is_langchain,
    is_pydantic_ai,
    read_cohere,
    read_langchain,
    read_pydantic_ai,
)
from reliai.providers.shapes.google import is_google, read_google
from reliai.providers.shapes.openai import is_chat, is_responses, read_chat, read_responses

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.providers.answer import Response

__all__ = ["SHAPES"]

SHAPES: Final[tuple[tuple[Callable[[object], bool], Callable[[object], Response]], ...]] = (
    (is_chat, read_chat),
    (is_responses, read_responses),
    (is_anthropic, read_anthropic),
    (is_google, read_google),
    (is_bedrock, read_bedrock),
    (is_pydantic_ai, read_pydantic_ai),
    (is_langchain, read_langchain),
    (is_cohere, read_cohere),
)
"""How to tell each form, and how to read it."""
