"""What the models really said: the texts of all attempts, to hold against what callers got."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["Text", "Witness"]


class Text:
    """The text of one attempt, as far as the model came.

    Attributes:
        said: the text so far.
        whole: whether the model came to its end.
    """

    __slots__ = ("said", "whole")

    def __init__(self) -> None:
        self.said = ""
        self.whole = False


class Witness:
    """Stands between the fault server and a model, and remembers each streamed answer.

    Args:
        model: gets the request, gives an iterator of text, or anything else, which is passed on.
    """

    def __init__(self, model: Callable[[dict[str, Any]], Any]) -> None:
        self._model = model
        self._texts: dict[str, list[Text]] = defaultdict(list)
        self._lock = threading.Lock()

    def __call__(self, request: dict[str, Any]) -> Any:
        reply = self._model(request)
        if not isinstance(reply, Iterator):
            return reply
        text = Text()
        with self._lock:
            self._texts[_question(request)].append(text)
        return self._listen(reply, text)

    def _listen(self, reply: Iterator[str], text: Text) -> Iterator[str]:
        for chunk in reply:
            text.said += chunk
            yield chunk
        text.whole = True

    def texts(self, question: str) -> list[Text]:
        """The texts of all attempts to answer a question."""
        with self._lock:
            return list(self._texts[question])

    def forget(self) -> None:
        """Begin again."""
        with self._lock:
            self._texts.clear()


def _question(request: dict[str, Any]) -> str:
    content = request["messages"][-1]["content"]
    return content if isinstance(content, str) else str(content)
