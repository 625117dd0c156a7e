"""Answers as the SDKs of OpenAI and Anthropic give them, made without a network.

They are objects of the SDKs' own classes, built from the JSON that `fault_server` would send; the
SDK has to be installed.
"""

from __future__ import annotations

import importlib
import itertools
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from reliai.errors import ConfigurationError
from reliai.testing._wire import Chat, Finish, Messages, Responses, Wire, words

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SdkApi", "sdk_answer", "sdk_stream"]

SdkApi: TypeAlias = Literal["chat", "responses", "messages"]
"""OpenAI's Chat Completions and Responses, and Anthropic's Messages."""

_numbers = itertools.count(1)  # an answer, an id
_WIRES: dict[str, type[Wire]] = {"chat": Chat, "responses": Responses, "messages": Messages}
_ANSWERS = {
    "chat": ("openai.types.chat", "ChatCompletion"),
    "responses": ("openai.types.responses", "Response"),
    "messages": ("anthropic.types", "Message"),
}
_EVENTS = {
    "chat": ("openai.types.chat", "ChatCompletionChunk"),
    "responses": ("openai.types.responses", "ResponseStreamEvent"),
    "messages": ("anthropic.types", "RawMessageStreamEvent"),
}


def sdk_answer(
    text: str = "",
    api: SdkApi = "responses",
    *,
    model: str = "scripted-large",
    prompt: str = "",
    finish: Finish = "stop",
) -> Any:
    """An answer in one piece: an item of a `ScriptedModel`'s script, say.

    Args:
        text: what the model says; when it refuses, the refusal.
        api: "chat" gives a `ChatCompletion`, "responses" a `Response`, "messages" a `Message`.
        model: who answers.
        prompt: what was asked; a word counts as an input token.
        finish: "stop"; "length" for an answer that was cut off, "content_filter" for one that was
            filtered, "refusal" for one that refuses.

    Raises:
        ConfigurationError: for another API or another finish, or when the SDK is not installed.
    """
    wire = _wire(api, model, prompt, finish, {})
    for _ in wire.opening(refusal=finish == "refusal"):
        pass
    for _ in wire.delta(text, refusal=finish == "refusal"):
        pass
    return _built(api, wire.body(finish), _ANSWERS)


def sdk_stream(
    text: str = "",
    api: SdkApi = "responses",
    *,
    model: str = "scripted-large",
    prompt: str = "",
    finish: Finish = "stop",
) -> list[Any]:
    """The events of an answer that is streamed, a word each; in a script a stream of them.

    Takes what `sdk_answer` takes. "chat" ends with the usage, as when
    `stream_options={"include_usage": True}` asked for it.

    Raises:
        ConfigurationError: as of `sdk_answer`.
    """
    wire = _wire(api, model, prompt, finish, {"stream_options": {"include_usage": True}})
    refusal = finish == "refusal"
    events = [*wire.opening(refusal=refusal)]
    for word in words(text):
        events += wire.delta(word, refusal=refusal)
    events += wire.closing(finish)
    return [
        _built(api, event.data, _EVENTS)
        for event in events
        if not isinstance(event.data, str) and event.data.get("type") != "ping"
    ]


def _wire(api: str, model: str, prompt: str, finish: str, more: Mapping[str, Any]) -> Wire:
    if api not in _WIRES:
        raise ConfigurationError(f"api={api!r}: use one of {', '.join(_WIRES)}")
    if finish not in get_args(Finish):
        raise ConfigurationError(f"finish={finish!r}: use one of {', '.join(get_args(Finish))}")
    return _WIRES[api]({"model": model, "input": prompt, **more}, next(_numbers))


def _built(api: str, data: Any, kinds: Mapping[str, tuple[str, str]]) -> Any:
    """An object of the SDK's own, built as the SDK does it: unions of events included."""
    module, name = kinds[api]
    package = module.partition(".")[0]
    try:
        kind = getattr(importlib.import_module(module), name)
        construct: Any = importlib.import_module(f"{package}._models").construct_type
    except ImportError as error:
        raise ConfigurationError(
            f'api={api!r} needs the SDK: pip install "reliai[{package}]"'
        ) from error
    return construct(type_=kind, value=data)
