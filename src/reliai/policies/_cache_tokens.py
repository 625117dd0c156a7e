"""What an argument is in a key: a hashable token that is equal if, and only if, the argument is.

A token holds the content and the type, so that 1, 1.0 and True differ. Text and None are tokens of
themselves; all else is a tuple that begins with the type. Nothing is imported for it: arrays, data
frames and images are told by where their types come from.
"""

from __future__ import annotations

import inspect
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Mapping
from enum import Enum
from functools import partial
from hashlib import blake2b
from pathlib import PurePath
from typing import Any, Final, TypeAlias

__all__ = ["Opaque", "digest", "is_opaque", "token"]

Maker: TypeAlias = Callable[[Any, int], Hashable]

DEEPEST = 50
"""How deep values may lie in one another."""

_MOST_TYPES = 2_000


class Opaque(Exception):
    """A value has no content that could be compared; a signal, never seen by users.

    Attributes:
        what: the type of the value.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def token(value: object, depth: int = 0) -> Hashable:
    """The token of a value.

    Raises:
        Opaque: for an object without comparable content, or one that contains such an object.
    """
    if value is None or type(value) is str:
        return value
    kind = type(value)
    maker = _makers.get(kind)
    if maker is None:
        maker = _learn(kind)
    return maker(value, depth + 1)


def is_opaque(kind: type) -> bool:
    """Whether instances of a concrete class can be no part of a key."""
    if kind is object or inspect.isabstract(kind) or getattr(kind, "_is_protocol", False):
        return False  # what is passed for it will tell
    return (_makers.get(kind) or _learn(kind)) is _by_buffer and not _may_be_a_buffer(kind)


def _learn(kind: type) -> Maker:
    maker = _maker_of(kind)
    if len(_makers) < _MOST_TYPES:  # a program that makes types without end asks anew each time
        _makers[kind] = maker
    return maker


def _maker_of(kind: type) -> Maker:  # noqa: PLR0911  a table of kinds, the special ones first
    if issubclass(kind, Enum):
        return _enum
    if issubclass(kind, type):
        return _class
    if hasattr(kind, "__pydantic_validator__") and hasattr(kind, "model_dump"):
        return _pydantic
    if hasattr(kind, "__dataclass_fields__"):
        return partial(_fields, tuple(kind.__dataclass_fields__))
    if hasattr(kind, "__attrs_attrs__"):
        return partial(_fields, tuple(each.name for each in kind.__attrs_attrs__))
    for base, maker in _BASES:
        if issubclass(kind, base):
            return maker
    root = kind.__module__.partition(".")[0]
    if root in _WORDED or kind.__name__ in {"NotGiven", "Omit"}:
        return _worded if root in _WORDED else _alone
    if root in _LIBRARIES:
        return _LIBRARIES[root](kind)
    return _by_buffer


# --- plain values -------------------------------------------------------------------------
def _number(value: Any, _depth: int) -> Hashable:
    return type(value), value


def _float(value: Any, _depth: int) -> Hashable:
    return type(value), float.hex(value)  # nan equals itself here, and -0.0 is not 0.0


def _complex(value: Any, _depth: int) -> Hashable:
    return type(value), float.hex(value.real), float.hex(value.imag)


def _of_str(value: Any, _depth: int) -> Hashable:
    return type(value), str.__str__(value)


def _of_int(value: Any, _depth: int) -> Hashable:
    return type(value), int.__index__(value)


def _bytes(value: Any, _depth: int) -> Hashable:
    return type(value), bytes(value)


def _worded(value: Any, _depth: int) -> Hashable:
    return type(value), repr(value)


def _path(value: Any, _depth: int) -> Hashable:
    return type(value), str(value)


def _alone(value: Any, _depth: int) -> Hashable:
    return (type(value),)


def _class(value: Any, _depth: int) -> Hashable:
    return type, value


def _enum(value: Any, depth: int) -> Hashable:
    name = value._name_
    return type(value), name if name is not None else token(value._value_, depth)


# --- containers ---------------------------------------------------------------------------
def _mapping(value: Any, depth: int) -> Hashable:
    _check(value, depth)
    pairs = frozenset((token(key, depth), token(item, depth)) for key, item in value.items())
    return type(value), pairs


def _ordered(value: Any, depth: int) -> Hashable:
    _check(value, depth)
    pairs = tuple((token(key, depth), token(item, depth)) for key, item in value.items())
    return type(value), pairs


def _sequence(value: Any, depth: int) -> Hashable:
    _check(value, depth)
    return type(value), tuple([token(item, depth) for item in value])


def _set(value: Any, depth: int) -> Hashable:
    _check(value, depth)
    return type(value), frozenset(token(item, depth) for item in value)


def _fields(names: tuple[str, ...], value: Any, depth: int) -> Hashable:
    _check(value, depth)
    given = tuple((name, token(getattr(value, name, None), depth)) for name in names)
    return type(value), given


def _pydantic(value: Any, depth: int) -> Hashable:
    _check(value, depth)
    held = {**vars(value), **(getattr(value, "__pydantic_extra__", None) or {})}
    return type(value), frozenset((name, token(item, depth)) for name, item in held.items())


def _check(value: object, depth: int) -> None:
    if depth > DEEPEST:
        raise Opaque(f"{type(value).__name__} nested more than {DEEPEST} deep")


# --- arrays -------------------------------------------------------------------------------
def digest(data: Any) -> bytes:
    """A digest of bytes, long enough that no two contents share one."""
    return blake2b(data, digest_size=20).digest()


def _content(value: Any) -> bytes:
    try:
        return digest(memoryview(value).cast("B"))
    except (TypeError, ValueError, BufferError):  # not contiguous, or dates
        return digest(value.tobytes())


def _array(value: Any, depth: int) -> Hashable:
    """An array of numpy's, or one that behaves as such."""
    head = (type(value), str(value.dtype), tuple(value.shape))
    if getattr(value.dtype, "hasobject", False):
        return (*head, token(value.tolist(), depth))
    mask = getattr(value, "mask", None)
    covered = token(mask, depth) if mask is not None and hasattr(mask, "tobytes") else None
    return (*head, covered, _content(value))


def _tensor(value: Any, depth: int) -> Hashable:
    """A tensor: on whichever device, with or without gradient."""
    head = (type(value), str(value.dtype), tuple(value.shape))
    for step in ("detach", "cpu", "to_dense"):
        act = getattr(value, step, None)
        value = act() if callable(act) and (step != "to_dense" or _is_sparse(value)) else value
    try:
        made = value.numpy() if hasattr(value, "numpy") else value.__array__()
    except TypeError:  # a type of numbers that numpy does not know
        return (*head, token(value.tolist(), depth))
    return (*head, _content(made))


def _is_sparse(value: Any) -> bool:
    return "strided" not in str(getattr(value, "layout", "strided"))


def _pandas(value: Any, depth: int) -> Hashable:
    """A frame, a series or an index: its labels, its types and its content."""
    _check(value, depth)
    if not hasattr(value, "dtypes") and not hasattr(value, "dtype"):
        return type(value), repr(value)
    if hasattr(value, "columns"):
        columns = [_pandas(value.iloc[:, place], depth) for place in range(value.shape[1])]
        return type(value), _pandas(value.columns, depth), tuple(columns)
    index = getattr(value, "index", None)
    labels = None if index is None or callable(index) else _pandas(index, depth)
    named: Any = getattr(value, "names", None)  # those of an index
    name = token(getattr(value, "name", None) if named is None else list(named), depth)
    return type(value), str(value.dtype), name, labels, token(value.to_numpy(), depth)


def _polars(value: Any, depth: int) -> Hashable:
    columns = value.get_columns() if hasattr(value, "get_columns") else [value]
    content = tuple((c.name, str(c.dtype), token(c.to_list(), depth)) for c in columns)
    return type(value), content


def _image(value: Any, _depth: int) -> Hashable:
    palette = value.getpalette() if value.mode == "P" else None
    return type(value), value.mode, value.size, palette and tuple(palette), digest(value.tobytes())


def _by_buffer(value: Any, _depth: int) -> Hashable:
    """Whatever gives its bytes: `array.array`, `mmap`, arrays of libraries not known here."""
    try:
        view = memoryview(value)
    except TypeError:
        raise Opaque(type(value).__name__) from None
    if "O" in view.format or "P" in view.format:  # addresses, which say nothing of the content
        raise Opaque(f"{type(value).__name__} of objects")
    data = view.cast("B") if view.c_contiguous and view.nbytes else view.tobytes()
    return type(value), view.format, view.shape, digest(data)


def _may_be_a_buffer(kind: type) -> bool:
    known = kind is memoryview or kind.__module__ in {"array", "mmap", "ctypes", "_ctypes"}
    return known or hasattr(kind, "__buffer__")


# --- the tables ---------------------------------------------------------------------------
def _from_numpy(kind: type) -> Maker:
    return _array if hasattr(kind, "tobytes") and hasattr(kind, "dtype") else _by_buffer


def _from_tensors(kind: type) -> Maker:
    return _tensor if hasattr(kind, "shape") and hasattr(kind, "__array__") else _by_buffer


def _from_pandas(kind: type) -> Maker:
    known = hasattr(kind, "to_numpy") or kind.__name__ in {"NAType", "NaTType", "Timestamp"}
    return _pandas if known else _by_buffer


def _from_polars(kind: type) -> Maker:
    return _polars if kind.__name__ in {"DataFrame", "Series"} else _by_buffer


def _from_pillow(kind: type) -> Maker:
    return _image if hasattr(kind, "tobytes") and hasattr(kind, "getpalette") else _by_buffer


_LIBRARIES: Final[dict[str, Callable[[type], Maker]]] = {
    "numpy": _from_numpy,
    "torch": _from_tensors,
    "tensorflow": _from_tensors,
    "jax": _from_tensors,
    "jaxlib": _from_tensors,
    "pandas": _from_pandas,
    "polars": _from_polars,
    "PIL": _from_pillow,
}
_WORDED: Final = {"datetime", "decimal", "fractions", "ipaddress", "re", "uuid", "zoneinfo"}
"""Modules whose values say in their `repr` all there is."""
_BASES: Final[tuple[tuple[Any, Maker], ...]] = (
    (str, _of_str),
    (bool, _number),
    (int, _of_int),
    (float, _float),
    (complex, _complex),
    ((bytes, bytearray), _bytes),
    (OrderedDict, _ordered),
    (Mapping, _mapping),
    ((list, tuple, deque), _sequence),
    ((set, frozenset), _set),
    (PurePath, _path),
    ((range, slice), _worded),
    ((type(...), type(NotImplemented)), _alone),
)
_makers: Final[dict[type, Maker]] = {
    bool: _number,
    int: _number,
    float: _float,
    bytes: _bytes,
    dict: _mapping,
    list: _sequence,
    tuple: _sequence,
    set: _set,
    frozenset: _set,
}
