"""Exceptions as JSON, and back as the very class that was raised.

What is built again must tell a policy the same: kind, status, code, Retry-After, whether the
request was sent. Where the class cannot be imported, or does not carry that any more, a
`RecordedError` stands for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from reliai.providers import classify
from reliai.testing._cassette import messages
from reliai.testing._cassette.kinds import find, path_of, public_name
from reliai.testing._cassette.stand_ins import stand_in
from reliai.testing._cassette.trouble import CassetteError

if TYPE_CHECKING:
    from reliai.testing._cassette.codec import Codec

__all__ = ["decode_error", "encode_error", "facts_of"]

_MOST_CAUSES = 4
_A_MOMENT = 1.0  # seconds
_FACTS = ("kind", "status", "code", "retry_after", "in_stream", "sent")


def facts_of(error: BaseException, now: float | None = None) -> dict[str, Any]:
    """What `classify` says of an error at a time, without what it leaves open."""
    failure = classify(error, now)
    facts = {name: getattr(failure, name) for name in _FACTS}
    facts["kind"] = str(failure.kind)
    return {name: value for name, value in facts.items() if value not in (None, False)}


def encode_error(codec: Codec, error: BaseException, depth: int = 0) -> dict[str, Any]:
    """An error as its class, its arguments and attributes, and what policies read off it."""
    kind = cast("type[Any]", type(error))
    facts = facts_of(error)
    path = path_of(kind)
    data: dict[str, Any] = {"$error": path, "name": public_name(kind), "failure": facts}
    if path is None:
        data["bases"] = _importable(kind)
    data["message"] = _text(error)
    special = messages.validation_details(error)
    if special is not None:
        data["validation"] = codec.encode(special)
    else:
        data["args"] = [_argument(codec, each, depth) for each in _args(error)]
        data["attributes"] = _attributes(codec, error, facts, depth)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and depth < _MOST_CAUSES:
        data["cause"] = encode_error(codec, cause, depth + 1)
    if depth == 0:
        _settle(codec, data, facts)
    return data


def _settle(codec: Codec, data: dict[str, Any], facts: dict[str, Any]) -> None:
    """See that the error that comes of it tells the same; have a stand-in made where not."""
    try:
        made = decode_error(codec, data)
        data["message"] = str(made)  # an SDK's may quote headers, of which few are kept
        told = facts_of(made)
    except Exception:  # noqa: BLE001  a class of any make
        told = {}
    if not _same(told, facts):
        data["$error"] = None
        data.pop("bases", None)


def _same(told: dict[str, Any], facts: dict[str, Any]) -> bool:
    """Whether two errors are one to every policy. A date was written down as seconds."""
    wait, asked = told.pop("retry_after", None), facts.get("retry_after")
    if wait is not None and asked is not None:
        if abs(wait - asked) > _A_MOMENT:
            return False
    elif wait is not asked:
        return False
    return told == {name: value for name, value in facts.items() if name != "retry_after"}


def _args(error: BaseException) -> tuple[Any, ...]:
    """What it is built from; an `OSError` has a file's name besides its arguments."""
    if type(error).__module__ != "builtins":
        return error.args
    return cast("tuple[Any, ...]", error.__reduce__()[1])


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  a class of any make
        return type(error).__name__


def _importable(kind: type[Any]) -> list[str]:
    """The nearest classes that a class comes of and that can be imported, in their order."""
    found: list[str] = []
    for base in kind.__bases__:
        path = path_of(base)
        found.extend(_importable(base) if path is None else [path])
    return list(dict.fromkeys(found))


def _argument(codec: Codec, value: Any, depth: int) -> Any:
    if isinstance(value, BaseException):
        return encode_error(codec, value, depth + 1)
    if isinstance(value, list | tuple) and any(isinstance(e, BaseException) for e in value):
        several = list(value)
        return [_argument(codec, each, depth) for each in several]
    try:
        return codec.encode(value)
    except CassetteError:
        return str(value)


def _attributes(
    codec: Codec, error: BaseException, facts: dict[str, Any], depth: int
) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in vars(error).items():
        if name == "__notes__":
            continue
        message = messages.encode_message(name, value, facts.get("retry_after"))
        try:
            if isinstance(value, BaseException):
                kept[name] = encode_error(codec, value, depth + 1)
            else:
                kept[name] = codec.encode(value) if message is None else message
        except CassetteError:
            continue  # a client, a socket: nothing that a policy reads
    return kept


# --- back -----------------------------------------------------------------------------------
def decode_error(codec: Codec, data: dict[str, Any]) -> BaseException:
    """The error that is stored as `data`."""
    made = _made(codec, data)
    cause = data.get("cause")
    if cause is not None:
        made.__cause__ = decode_error(codec, cause)
    return made


def _made(codec: Codec, data: dict[str, Any]) -> BaseException:
    kind = _class(data)
    if kind is None:
        return stand_in(data["name"], data["message"], data["failure"])
    if "validation" in data:
        return messages.validation_error(codec.decode(data["validation"]))
    args = tuple(_decode_argument(codec, each) for each in data["args"])
    if kind.__module__ == "builtins":
        made: Any = kind(*args)
    else:
        made = kind.__new__(kind, *args)
        made.args = args
    for name, value in data["attributes"].items():
        decoded = messages.decode_message(value)
        made.__dict__[name] = _decode_argument(codec, value) if decoded is None else decoded
    return cast("BaseException", made)


def _class(data: dict[str, Any]) -> Any:
    """The class that was raised, or one like it; None when neither can be had."""
    try:
        if data["$error"] is not None:
            return _error_class(data["$error"])
        bases = tuple(_error_class(path) for path in data.get("bases", ()))
    except CassetteError:
        return None  # its package is not installed here: what it said is still known
    if not bases:
        return None
    module, _, name = data["name"].rpartition(".")
    return type(name, bases, {"__module__": module})


def _error_class(path: str) -> type[BaseException]:
    kind = find(path)
    if not issubclass(kind, BaseException):
        raise CassetteError(f"the cassette holds {path} as an error, which it is not")
    return kind


def _decode_argument(codec: Codec, data: Any) -> Any:
    if isinstance(data, dict) and "$error" in data:
        return decode_error(codec, cast("dict[str, Any]", data))
    if isinstance(data, list):
        return [_decode_argument(codec, each) for each in data]
    return codec.decode(data)
