"""Fitting a JSON Schema to what one provider's structured output understands.

What only narrows a value (a length, a range) and is not understood goes into the description, where
the model reads it, and the type itself checks it in the end. What cannot be said at all, such as a
mapping with free keys in OpenAI's strict mode, is a `ConfigurationError` that names the place.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import NoReturn

__all__ = ["Dialect", "fit"]

Node = dict[str, Any]
_REFERENCE: Final = "#/$defs/"
_HARMLESS: Final = frozenset(
    """$defs $ref $schema $id $comment title default examples example deprecated readOnly writeOnly
    discriminator type enum const description properties required additionalProperties items anyOf
    oneOf allOf""".split()
)
"""Keywords that are dealt with by name, or that say nothing about which values are allowed."""
_UNSAYABLE: Final = {
    "patternProperties": "a mapping with free keys",
    "not": "the keyword 'not'",
    "if": "the keyword 'if'",
    "dependentRequired": "the keyword 'dependentRequired'",
    "dependentSchemas": "the keyword 'dependentSchemas'",
}
_JSON_TYPES: Final[dict[type, str]] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}


class Dialect(NamedTuple):
    """What a provider understands of JSON Schema.

    Attributes:
        name: for messages, such as "OpenAI's strict mode".
        keywords: the narrowing ones it understands.
        formats: the formats of strings it understands; None for all.
        all_required: whether every field must be required.
        object_root: whether the outermost value must be an object.
        open_ended: whether mappings with free keys, and values of any type, can be asked for.
        tuples: whether items may be described one by one.
        recursive: "yes", "no", or "optional" where a cycle must pass a field that is not required.
    """

    name: str
    keywords: frozenset[str] = frozenset()
    formats: frozenset[str] | None = None
    all_required: bool = False
    object_root: bool = False
    open_ended: bool = False
    tuples: bool = False
    recursive: str = "yes"


def fit(schema: Mapping[str, Any], dialect: Dialect, what: str) -> Node:
    """A copy of `schema` in the words of `dialect`, all objects closed.

    Args:
        schema: a JSON Schema, as pydantic writes it.
        dialect: what the provider understands.
        what: what the schema is of, for messages.

    Raises:
        ConfigurationError: naming the place that cannot be said in the dialect.
    """
    return _Fitting(schema, dialect, what).whole()


class _Fitting:
    """One schema on its way into one dialect."""

    def __init__(self, schema: Mapping[str, Any], dialect: Dialect, what: str) -> None:
        self.schema = schema
        self.dialect = dialect
        self.what = what
        self.definitions: Mapping[str, Any] = schema.get("$defs", {})
        self.used: dict[str, Node] = {}

    def whole(self) -> Node:
        root = self._resolved(dict(self.schema))
        root.pop("$defs", None)
        if self.dialect.object_root and root.get("type") != "object":
            self._refuse(
                "$", "a value that is no object at the top", "put it in a field of a model"
            )
        fitted = self.node(root, "$")
        self._check_cycles(fitted)
        return {**fitted, "$defs": dict(sorted(self.used.items()))} if self.used else fitted

    def node(self, node: Any, path: str) -> Node:
        if not isinstance(node, dict):  # true: anything goes
            node = {}
        single = node.get("allOf")
        if isinstance(single, list) and len(single) == 1:
            node = {**single[0], **{key: v for key, v in node.items() if key != "allOf"}}
        elif single is not None:
            self._refuse(path, "several schemas at once ('allOf')", "write one model")
        reference = node.get("$ref")
        if reference is not None:
            return self._referred(node, str(reference), path)
        for keyword, words in _UNSAYABLE.items():
            if keyword in node:
                self._refuse(path, words, "name its fields, or use a list of pairs")
        fitted = self._alternatives(node, path) or self._typed(node, path)
        self._describe(node, fitted)
        return fitted

    # --- references ------------------------------------------------------------------------
    def _referred(self, node: Node, reference: str, path: str) -> Node:
        name = reference.removeprefix(_REFERENCE)
        if name not in self.definitions:
            self._refuse(path, f"the reference {reference!r}", "define it under $defs")
        if node.get("description") is not None and name not in self._cyclic():
            # A description beside a reference is an error with some providers, and lost with others
            return self.node(self._resolved(node), path)
        if name not in self.used:
            self.used[name] = {}  # a reference to itself ends here
            self.used[name] = self.node(self.definitions[name], name)
        return {"$ref": reference}

    def _resolved(self, node: Node) -> Node:
        """What a reference stands for, under what is said beside it."""
        while (reference := node.pop("$ref", None)) is not None:
            name = str(reference).removeprefix(_REFERENCE)
            beside = {key: v for key, v in node.items() if key not in ("title", "default")}
            node = {**self.definitions.get(name, {}), **beside}
        return node

    def _cyclic(self) -> set[str]:
        return set(_in_cycles({name: set(_named(d)) for name, d in self.definitions.items()}))

    def _check_cycles(self, root: Node) -> None:
        if self.dialect.recursive == "yes":
            return
        must = self.dialect.recursive == "optional"
        edges = {name: set(_named(each, required_only=must)) for name, each in self.used.items()}
        name = next(iter(_in_cycles(edges)), None)
        if name is not None:
            place = "a required field" if must else "a type"
            fix = "give the field a default" if must else "give it a fixed depth"
            self._refuse(name, f"{place} that holds its own kind again", fix)

    # --- values ----------------------------------------------------------------------------
    def _alternatives(self, node: Node, path: str) -> Node | None:
        for keyword in ("anyOf", "oneOf"):
            if keyword in node:
                return {"anyOf": [self.node(each, path) for each in node[keyword]]}
        kinds = node.get("type")
        if isinstance(kinds, list):
            rest = {key: v for key, v in node.items() if key != "description"}
            return {"anyOf": [self.node({**rest, "type": kind}, path) for kind in kinds]}
        values = [node["const"]] if "const" in node else node.get("enum")
        return None if values is None else self._labels(values, path)

    def _labels(self, values: Iterable[Any], path: str) -> Node:
        groups: dict[str, list[Any]] = {}
        for value in values:
            kind = _JSON_TYPES.get(type(value))
            if kind is None:
                self._refuse(path, f"the fixed value {value!r}", "use text, numbers or booleans")
            groups.setdefault(kind, []).append(value)
        labels = [
            {"type": kind} if kind == "null" else {"type": kind, "enum": each}
            for kind, each in groups.items()
        ]
        return labels[0] if len(labels) == 1 else {"anyOf": labels}

    def _typed(self, node: Node, path: str) -> Node:
        kind = node.get("type")
        if kind is None and "properties" in node:
            kind = "object"
        if kind == "object":
            return self._object(node, path)
        if kind == "array":
            return self._array(node, path)
        if kind is None:
            if self.dialect.open_ended:
                return {}
            self._refuse(path, "a value of any type", "say which type it has")
        return {"type": kind}

    def _object(self, node: Node, path: str) -> Node:
        free = node.get("additionalProperties")
        properties: Mapping[str, Any] = node.get("properties", {})
        if isinstance(free, dict) or (free is not False and not properties and free is not None):
            if not self.dialect.open_ended:
                self._refuse(
                    path, "a mapping with free keys", "use a list of models with a field for each"
                )
            return {"type": "object", "additionalProperties": self.node(free, f"{path}.*")}
        fitted = {name: self.node(each, f"{path}.{name}") for name, each in properties.items()}
        required = [*properties] if self.dialect.all_required else node.get("required", [])
        return {
            "type": "object",
            "properties": fitted,
            "required": list(required),
            "additionalProperties": False,
        }

    def _array(self, node: Node, path: str) -> Node:
        if "prefixItems" not in node:
            return {"type": "array", "items": self.node(node.get("items", True), f"{path}[]")}
        if not self.dialect.tuples:
            self._refuse(path, "a tuple", "use a list, or a model with a field for each place")
        places = [self.node(each, f"{path}[{n}]") for n, each in enumerate(node["prefixItems"])]
        return {"type": "array", "prefixItems": places}

    # --- what narrows ----------------------------------------------------------------------
    def _describe(self, node: Node, fitted: Node) -> None:
        """Keep what the provider understands, and tell the rest in words."""
        told = []
        for key, value in node.items():
            if key in _HARMLESS or key in fitted or value is None:
                continue
            known = key in self.dialect.keywords
            if key == "format":
                known = self.dialect.formats is None or value in self.dialect.formats
            if known:
                fitted[key] = value
            else:
                told.append(f"{key}: {json.dumps(value, default=str)}")
        description = node.get("description")
        parts = [*([description] if description else []), *([f"({', '.join(told)})"] * bool(told))]
        if parts:
            fitted["description"] = " ".join(parts)

    def _refuse(self, path: str, what: str, fix: str) -> NoReturn:
        message = f"{self.what}: {self.dialect.name} cannot say {path}, {what}; {fix}"
        raise ConfigurationError(message)


def _named(node: Any, *, required_only: bool = False) -> Iterator[str]:
    """The definitions that a schema refers to."""
    if isinstance(node, list):
        for each in node:
            yield from _named(each, required_only=required_only)
    elif isinstance(node, dict):
        required = node.get("required", ())
        for key, each in node.items():
            if key == "$ref" and isinstance(each, str):
                yield each.removeprefix(_REFERENCE)
            elif key == "properties" and isinstance(each, dict):
                for name, inner in each.items():
                    if not required_only or name in required:
                        yield from _named(inner, required_only=required_only)
            else:
                yield from _named(each, required_only=required_only)


def _in_cycles(edges: Mapping[str, set[str]]) -> Iterator[str]:
    """The names from which one comes back to the same name."""
    for name in edges:
        reached: set[str] = set()
        waiting = list(edges[name])
        while waiting:
            following = waiting.pop()
            if following not in reached:
                reached.add(following)
                waiting.extend(edges.get(following, ()))
        if name in reached:
            yield name
