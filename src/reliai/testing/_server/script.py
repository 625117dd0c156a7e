"""Which item is next: lists are used up, callables asked, mappings look at the model or path."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from reliai.testing._server.received import ReceivedRequest

__all__ = ["Script", "endpoint"]


_ENDPOINTS = ("chat/completions", "responses", "messages", "models", "embeddings")
_MESSAGES = (":rawPredict", ":streamRawPredict", "/invoke")
"""How Vertex and Bedrock end the address of an Anthropic model."""


def endpoint(path: str) -> str:
    """Reduce "/v1/messages", "/messages" and the longer addresses of clouds to the same word."""
    path = path.removeprefix("/v1").strip("/")
    if path.endswith(_MESSAGES):
        return "messages"
    known = (name for name in _ENDPOINTS if path.endswith(f"/{name}"))
    return next(known, path)


class Script:
    """What a fault server answers, request by request.

    Args:
        items: None for nothing special; a list, used up one item a request; a callable, asked with
            the `ReceivedRequest`; a mapping of models or paths to scripts of their own; or one item
            for all.
        repeat_last: whether the last item of a list is given again for ever.
    """

    def __init__(self, items: Any, *, repeat_last: bool = False) -> None:
        self._items = items
        self._repeat_last = repeat_last
        self._lock = threading.Lock()
        self._used = 0
        self._parts: dict[str, Script] = {}
        if isinstance(items, Mapping):
            parts = cast("Mapping[str, Any]", items)
            self._parts = {
                endpoint(key): Script(part, repeat_last=repeat_last) for key, part in parts.items()
            }

    def item(self, request: ReceivedRequest) -> object:
        """Give the item for `request`; None where the script says nothing."""
        items = self._items
        if isinstance(items, Mapping):
            part = self._parts.get(request.model or "") or self.part(endpoint(request.path))
            return part.item(request) if part is not None else None
        if isinstance(items, list):
            return self._take(cast("list[object]", items))
        return items(request) if callable(items) else items

    def part(self, name: str) -> Script | None:
        """Give the script of one model or path of a mapping."""
        return self._parts.get(name)

    def _take(self, items: list[object]) -> object:
        with self._lock:
            place, self._used = self._used, self._used + 1
        if place < len(items):
            return items[place]
        return items[-1] if items and self._repeat_last else None

    def rewind(self) -> None:
        """Begin again with the first item."""
        with self._lock:
            self._used = 0
        for part in self._parts.values():
            part.rewind()
