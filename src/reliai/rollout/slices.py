"""Rules of routing from what people say: slices that are served worse get another variant.

Only findings of `feedback.bias` that are significant become rules, each with its evidence, as data
that a person can read, review and change in a file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from reliai import clock
from reliai._core.ambient import ambient, current
from reliai.decisions.choice import Choice
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reliai.feedback import Bias, SliceRate

__all__ = ["KNOWN_LATER", "SliceRouter", "SliceRule", "slice_rules"]

_FORMAT: Final = 1
KNOWN_LATER: Final = frozenset(
    "model_requested model_served provider target variant status "
    "name release environment service".split()
)
"""What a call is known by afterwards, or what is the same for all calls of a process."""


@dataclass(frozen=True, slots=True)
class SliceRule:
    """Calls of a slice get a variant.

    Attributes:
        slice: a tag as in `reliai.context(tags=…)`, or "tenant".
        value: of the tag, or the tenant.
        to: the name of the variant.
        evidence: what it was made for: metric, bad, n, rate, low, high, ratio, adjusted, at.
    """

    slice: str
    value: str
    to: str
    evidence: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def to_dict(self) -> dict[str, Any]:
        """JSON data."""
        names = {"slice": self.slice, "value": self.value, "to": self.to}
        return {**names, "evidence": dict(self.evidence)}


def slice_rules(bias: Bias, to: str) -> tuple[SliceRule, ...]:
    """A rule for each slice that is served worse than the others, and for no other one.

    A slice that is insufficient, or in which no difference is seen, gets none.

    Args:
        bias: what `feedback.bias` found.
        to: the name of the variant that these slices get.

    Raises:
        ConfigurationError: for slices that a call does not have before it is made.
    """
    name = bias.slice.removeprefix("tag:")
    if bias.slice in KNOWN_LATER:
        raise ConfigurationError(
            f"slice_rules: {bias.slice} of a call is not known before it is made, so nothing can "
            "be routed by it; use a tag, or tenant"
        )
    return tuple(
        SliceRule(name, one.value, to, _evidence(bias, one))
        for one in bias.slices
        if one.verdict == "worse"
    )


def _evidence(bias: Bias, one: SliceRate) -> dict[str, Any]:
    numbers = ("bad", "n", "rate", "low", "high", "ratio", "adjusted")
    at = clock.active().time()
    return {"metric": bias.metric, **{name: getattr(one, name) for name in numbers}, "at": at}


class SliceRouter:
    """Chooses by the tags of a call which variant it gets; for `reliai.Route`.

    Args:
        variants: the functions, prompts or values by name.
        default: the name of the variant of all calls that no rule is for.
        rules: the first one that a call matches holds.

    Raises:
        ConfigurationError: for a rule or default whose variant there is not.
    """

    unit = None

    def __init__(
        self, variants: Mapping[str, Any], *, default: str, rules: Iterable[SliceRule] = ()
    ) -> None:
        if not isinstance(variants, Mapping) or not variants:
            raise ConfigurationError("SliceRouter(variants=…): give values by name")
        self.variants = MappingProxyType(dict(variants))
        self.default = default
        self.rules = tuple(rules)
        for name in (default, *(rule.to for rule in self.rules)):
            if name not in self.variants:
                known = ", ".join(map(repr, self.variants))
                raise ConfigurationError(f"SliceRouter: no variant {name!r}; there are {known}")
        self._usual = Choice(default, self.variants[default], "DEFAULT")
        self._by_slice: dict[str, dict[str, tuple[int, Choice]]] = {}
        for place, rule in enumerate(self.rules):
            choice = Choice(rule.to, self.variants[rule.to], "SLICE")
            self._by_slice.setdefault(rule.slice, {}).setdefault(rule.value, (place, choice))

    def choose(self, unit: Any = None) -> Choice:
        """The variant of the call that is being made, by its tags and its tenant.

        Args:
            unit: is not looked at: all calls of a slice get the same.
        """
        call = current.get()
        here = ambient.get() if call is None else call.ambient
        first, chosen = len(self.rules), self._usual
        for name, by_value in self._by_slice.items():
            value = here.tags.get(name)
            if value is None and name == "tenant":
                value = here.tenant
            place, choice = (
                (first, chosen) if value is None else by_value.get(value, (first, chosen))
            )
            if place < first:
                first, chosen = place, choice
        return chosen

    def with_rules(self, rules: Iterable[SliceRule]) -> SliceRouter:
        """One with more rules; of two for one slice the new one holds.

        A rule is not taken back because its slice is well served now: that may be what it does.
        """
        new = tuple(rules)
        places = {(rule.slice, rule.value) for rule in new}
        kept = tuple(rule for rule in self.rules if (rule.slice, rule.value) not in places)
        return SliceRouter(self.variants, default=self.default, rules=(*new, *kept))

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the rules into a file, as JSON with their evidence; the variants are code."""
        target = Path(path)
        said = {"reliai_slices": _FORMAT, "default": self.default}
        data = {**said, "rules": [rule.to_dict() for rule in self.rules]}
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.{os.getpid()}")
        beside.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return beside.replace(target)

    @classmethod
    def names(cls, path: str | os.PathLike[str]) -> tuple[str, ...]:
        """The names of the variants that a file speaks of.

        Raises:
            ConfigurationError: when it is none.
        """
        default, rules = _read(path)
        return tuple(dict.fromkeys((default, *(rule.to for rule in rules))))

    @classmethod
    def load(cls, path: str | os.PathLike[str], variants: Mapping[str, Any]) -> SliceRouter:
        """The router of a file.

        Args:
            path: of the file.
            variants: the functions, prompts or values by name.

        Raises:
            ConfigurationError: when it is none, or names a variant that there is not.
        """
        default, rules = _read(path)
        return cls(variants, default=default, rules=rules)

    def __repr__(self) -> str:
        return f"<reliai SliceRouter, {len(self.rules)} rules, default {self.default!r}>"


def _read(path: str | os.PathLike[str]) -> tuple[str, list[SliceRule]]:
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        if data.get("reliai_slices") != _FORMAT:
            raise ValueError("format")
        return str(data["default"]), [SliceRule(**_checked(each)) for each in data["rules"]]
    except OSError as error:
        message = f"{os.fspath(path)}: cannot be read: {error.strerror}"
        raise ConfigurationError(message) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        message = f"{os.fspath(path)}: is no file of routing rules ({type(error).__name__})"
        raise ConfigurationError(message) from error


def _checked(rule: Any) -> dict[str, Any]:
    for name in ("slice", "value", "to"):
        if not isinstance(rule[name], str) or not rule[name]:
            raise ValueError(name)
    return dict(rule)
