"""Objects with fields as JSON: pydantic models, an SDK's among them, dataclasses and attrs classes.

A pydantic model is stored as it dumps itself when it can be built again from that, which most can
and people can read; else field by field. What is built again is compared with what was recorded.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, cast

from reliai.testing._cassette.trouble import CassetteError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reliai.testing._cassette.codec import Codec

__all__ = [
    "builds_models",
    "builds_records",
    "decode_model",
    "decode_record",
    "encode_model",
    "encode_record",
    "is_model",
    "is_record",
]


def is_model(value: object) -> bool:
    """Whether it is an object of a pydantic model."""
    return hasattr(type(value), "__pydantic_serializer__") and hasattr(value, "model_fields_set")


def is_record(value: object) -> bool:
    """Whether it is an object of a dataclass or an attrs class."""
    return builds_records(type(value))


def builds_models(kind: type[Any]) -> bool:
    """Whether a class is a pydantic model."""
    return hasattr(kind, "__pydantic_serializer__") and hasattr(kind, "model_validate")


def builds_records(kind: type[Any]) -> bool:
    """Whether a class is a dataclass or an attrs class."""
    return dataclasses.is_dataclass(kind) or hasattr(kind, "__attrs_attrs__")


# --- pydantic -------------------------------------------------------------------------------
def encode_model(codec: Codec, value: Any, path: str, *, lenient: bool) -> dict[str, Any]:
    """A model as the dump it can be built from, else with its "fields" one by one."""
    private = _plain_only(codec, _private(value))
    more = {"private": private} if private else {}
    try:
        whole = _dump(value)
        if lenient:
            return {"$model": path, "data": whole}
        for data in (_dump(value, exclude_unset=True), whole):
            built = _built(type(value), data)
            if _dump(built) == whole and _alike(built, value):
                return {"$model": path, "data": codec.encode(data), **more}
    except Exception as error:  # any validator may object; the fields are still there
        if isinstance(error, RecursionError):
            raise
    state = {name: item for name, item in vars(value).items() if name not in private}
    fields = {name: codec.encode(item) for name, item in state.items()}
    extra = {name: codec.encode(item) for name, item in (value.model_extra or {}).items()}
    given = sorted(value.model_fields_set)
    return {"$model": path, "fields": fields, "extra": extra, "set": given, **more}


def decode_model(codec: Codec, kind: Any, data: dict[str, Any]) -> Any:
    """The model that is stored as `data`."""
    if "data" in data:
        try:
            made = _built(kind, codec.decode(data["data"]))
        except Exception as error:
            raise CassetteError(
                f"what the cassette holds is no {kind.__name__} any more ({type(error).__name__}: "
                f"{error}); record it again"
            ) from error
    else:
        made = kind.__new__(kind)
        made.__setstate__(_state(codec, kind, data))
    for name, item in data.get("private", {}).items():
        object.__setattr__(made, name, codec.decode(item))
    return made


def _state(codec: Codec, kind: Any, data: dict[str, Any]) -> dict[str, Any]:
    extra = {name: codec.decode(item) for name, item in data["extra"].items()}
    attributes: dict[str, Any] = kind.__private_attributes__
    private = {name: attribute.get_default() for name, attribute in attributes.items()}
    return {
        "__dict__": {name: codec.decode(item) for name, item in data["fields"].items()},
        "__pydantic_extra__": extra if kind.model_config.get("extra") == "allow" else None,
        "__pydantic_fields_set__": set(data["set"]),
        "__pydantic_private__": private or None,
    }


def _built(kind: Any, data: Any) -> Any:
    """A model from its dump: validated, or as an SDK builds whatever the provider sends."""
    construct: Any = kind.construct
    generic: Any = _pydantic().BaseModel.construct
    if construct.__func__ is not generic.__func__:
        return construct(**data)
    return kind.model_validate(data)


def _dump(value: Any, *, exclude_unset: bool = False) -> Any:
    # not `value.model_dump`: SDKs put defaults of their own into theirs
    return type(value).__pydantic_serializer__.to_python(
        value,
        mode="json",
        by_alias=True,
        exclude_unset=exclude_unset,
        round_trip=True,
        warnings=False,
        serialize_as_any=True,
    )


def _alike(one: Any, other: Any) -> bool:
    """Whether the fields are equal: a dump makes lists of tuples."""
    names = type(other).model_fields
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _private(value: Any) -> Iterable[tuple[str, Any]]:
    """What SDKs keep beside the fields, such as the request's id."""
    fields = type(value).model_fields
    yield from ((name, each) for name, each in vars(value).items() if name not in fields)
    yield from (getattr(value, "__pydantic_private__", None) or {}).items()


def _plain_only(codec: Codec, items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Those of some attributes that are data; whatever else an object carries is left out."""
    kept: dict[str, Any] = {}
    for name, item in items:
        if item is not None:
            try:
                kept[name] = codec.encode(item)
            except CassetteError:
                continue
    return kept


def _pydantic() -> Any:
    import pydantic  # noqa: PLC0415  a value brought it along

    return pydantic


# --- dataclasses and attrs ------------------------------------------------------------------
def encode_record(codec: Codec, value: Any, path: str) -> dict[str, Any]:
    """A dataclass or an attrs class, field by field."""
    fields = {name: codec.encode(getattr(value, name)) for name in _names(type(value), value)}
    return {"$record": path, "fields": fields}


def _names(kind: Any, value: object) -> list[str]:
    if dataclasses.is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(kind)]
    else:
        names = [attribute.name for attribute in kind.__attrs_attrs__]
    return [name for name in names if hasattr(value, name)]


def decode_record(codec: Codec, kind: Any, data: dict[str, Any]) -> Any:
    """The object whose fields are stored, made by its constructor where that gives the same."""
    fields = {name: codec.decode(item) for name, item in data["fields"].items()}
    taken = _taken(kind)
    try:
        made = kind(**{taken[name]: item for name, item in fields.items() if name in taken})
    except Exception:  # noqa: BLE001  a constructor may ask for what is no field
        made = kind.__new__(kind)
    for name, item in fields.items():
        if name not in taken or getattr(made, name, None) is not item:
            object.__setattr__(made, name, item)  # frozen ones too
    return made


def _taken(kind: Any) -> dict[str, str]:
    """By field, the parameter that the constructor takes it as."""
    if dataclasses.is_dataclass(kind):
        fields = dataclasses.fields(cast("Any", kind))
        return {field.name: field.name for field in fields if field.init}
    attributes = [each for each in kind.__attrs_attrs__ if each.init]
    return {each.name: each.alias or each.name for each in attributes}
