"""What a trained model has learned, as a digest: two of one class are not the same.

A model is an object with `fit`, as of scikit-learn and all that follow it, or with `state_dict`, as
of PyTorch. It is told by its state, as it would be pickled, and not by its pickle: that hangs on
which texts are one object.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import BuiltinFunctionType, FunctionType
from typing import Any, Final

__all__ = ["learned"]

_ADDRESSES: Final = frozenset({"_stop_words_id"})
"""Attributes that hold the address of an object: another one in each process (scikit-learn's text
vectorizers)."""


def learned(thing: Any) -> str | None:
    """The digest of a trained model; None for what is none, or cannot be told."""
    kind = type(thing)
    try:
        if callable(getattr(kind, "state_dict", None)):
            return _Walk().digest([f"{kind.__module__}.{kind.__qualname__}", thing.state_dict()])
        if callable(getattr(kind, "fit", None)):
            return _Walk().digest(thing)
    except Exception:  # noqa: BLE001  whatever it holds: it is known by its type then
        return None
    return None


class _Walk:
    """Goes through an object and all that it holds."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._places: dict[int, int] = {}
        self._kept: list[Any] = []

    def digest(self, thing: Any) -> str:
        self._feed(thing)
        return self._hash.hexdigest()

    def _say(self, *words: Any) -> None:
        self._hash.update(("\0".join(map(str, words)) + "\0").encode("utf-8", "surrogatepass"))

    def _feed(self, thing: Any) -> None:
        if thing is None or isinstance(thing, bool | int | float | complex | str):
            self._say(type(thing).__name__, repr(thing))
        elif isinstance(thing, bytes | bytearray):
            self._say("bytes", len(thing))
            self._hash.update(thing)
        elif isinstance(thing, type | FunctionType | BuiltinFunctionType):
            self._say("name", thing.__module__, thing.__qualname__)
        elif id(thing) in self._places:
            self._say("again", self._places[id(thing)])
        else:
            self._places[id(thing)] = len(self._places)
            self._kept.append(thing)  # what is made on the way must not give its address to another
            self._feed_parts(thing)

    def _feed_parts(self, thing: Any) -> None:
        if isinstance(thing, list | tuple):
            self._say(type(thing).__name__, len(thing))
            for each in thing:
                self._feed(each)
        elif isinstance(thing, Mapping):
            self._say("mapping", len(thing))
            for key in sorted(thing, key=repr):
                if key not in _ADDRESSES:
                    self._feed(key)
                    self._feed(thing[key])
        elif isinstance(thing, set | frozenset):
            self._say("set", *sorted(map(repr, thing)))
        elif hasattr(thing, "detach"):  # a tensor
            self._feed_tensor(thing.detach().cpu())
        elif hasattr(thing, "tobytes") and hasattr(thing, "dtype"):
            self._feed_array(thing)
        else:
            self._feed_object(thing)

    def _feed_tensor(self, tensor: Any) -> None:
        self._say("tensor", tensor.dtype)
        try:
            array = tensor.numpy()
        except TypeError:  # numpy has no bfloat16
            array = tensor.float().numpy()
        self._feed(array)

    def _feed_array(self, array: Any) -> None:
        self._say("array", array.dtype, array.shape)
        if array.dtype.hasobject:
            self._feed(array.tolist())
        else:
            self._hash.update(array.tobytes())

    def _feed_object(self, thing: Any) -> None:
        """An object as it would be pickled: what makes it, of what, and its state."""
        parts = thing.__reduce_ex__(4)
        if isinstance(parts, str):
            self._say("name", type(thing).__module__, parts)
            return
        make, made_of, *state = parts
        self._feed(make)
        self._feed(made_of)
        self._feed([list(each) if hasattr(each, "__next__") else each for each in state])
