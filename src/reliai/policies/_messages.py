"""Two messages more in a conversation, in the form in which its other messages are.

Conversations are lists of dictionaries in the words of OpenAI and Anthropic, of Google or of
Bedrock, of pairs, or of the message objects of a framework. Whoever has made such an object has
loaded its module; nothing is imported here.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["with_turns"]


def with_turns(messages: Sequence[Any], said: str, told: str) -> list[Any] | None:
    """The conversation with a turn of the model's and one of the user's behind it.

    Args:
        messages: the conversation; it is not changed.
        said: what the model said.
        told: what it is told.

    Returns:
        A new list; None when the messages are of no known form.
    """
    last = messages[-1] if messages else {}
    turns = _turns(messages, last, said, told)
    return None if turns is None else [*messages, *turns]


def _turns(messages: Sequence[Any], last: Any, said: str, told: str) -> list[Any] | None:
    if isinstance(last, dict):
        return _as_dictionaries(messages, said, told)
    if isinstance(last, tuple | list) and len(last) == 2:
        return [("assistant" if _says(messages, "assistant") else "ai", said), ("user", told)]
    module = type(last).__module__.partition(".")[0]
    if module.startswith("langchain"):
        return _of_langchain(said, told)
    if module == "pydantic_ai":
        return _of_pydantic_ai(said, told)
    if module == "google":
        return _of_google(type(last), said, told)
    return _of_their_class(messages, said, told)


def _says(messages: Sequence[Any], role: str) -> bool:
    return any(each[0] == role for each in messages if isinstance(each, tuple | list) and each)


def _as_dictionaries(messages: Sequence[Any], said: str, told: str) -> list[Any]:
    given = [each for each in messages if isinstance(each, dict)]
    if any("parts" in each for each in given):  # Google
        return [
            {"role": "model", "parts": [{"text": said}]},
            {"role": "user", "parts": [{"text": told}]},
        ]
    if any(_is_bedrock(each.get("content")) for each in given):
        return [
            {"role": "assistant", "content": [{"text": said}]},
            {"role": "user", "content": [{"text": told}]},
        ]
    return [{"role": "assistant", "content": said}, {"role": "user", "content": told}]


def _is_bedrock(content: Any) -> bool:
    """Whether content is in blocks that do not say their type; Bedrock takes no bare text."""
    return isinstance(content, list) and bool(content) and _untyped(content[0])


def _untyped(block: Any) -> bool:
    return isinstance(block, dict) and "type" not in block


def _of_langchain(said: str, told: str) -> list[Any] | None:
    made = sys.modules.get("langchain_core.messages")
    if made is None:
        return None
    return [made.AIMessage(content=said), made.HumanMessage(content=told)]


def _of_pydantic_ai(said: str, told: str) -> list[Any] | None:
    made = sys.modules.get("pydantic_ai.messages")
    if made is None:
        return None
    return [
        made.ModelResponse(parts=[made.TextPart(content=said)]),
        made.ModelRequest(parts=[made.UserPromptPart(content=told)]),
    ]


def _of_google(kind: type, said: str, told: str) -> list[Any] | None:
    with suppress(Exception):  # a class that takes something else
        return [
            kind(role="model", parts=[{"text": said}]),
            kind(role="user", parts=[{"text": told}]),
        ]
    return None


def _of_their_class(messages: Sequence[Any], said: str, told: str) -> list[Any] | None:
    """Messages of the program's own classes, when these take a role and a content."""
    kinds = {getattr(each, "role", None): type(each) for each in messages}
    user = kinds.get("user")
    assistant = kinds.get("assistant", user)
    if user is None or assistant is None:
        return None
    with suppress(Exception):  # a class that takes something else
        turns: list[Any] = [
            assistant(role="assistant", content=said),
            user(role="user", content=told),
        ]
        return turns
    return None
