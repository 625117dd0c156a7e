"""What a monitor can watch: each signal reads one thing off a call record.

A signal is made by one of the functions here, or of a function of your own by `value`, `share` and
`category`. Those that look at texts make the engine keep a call's content until the monitor has
seen the record; they keep what they found in it (a length, a flag), never the text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, Unpack

from reliai.errors import ConfigurationError
from reliai.monitoring import _reading as reading
from reliai.monitoring.alert import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reliai.monitoring._options import (
        Kind,
        NamedNumberOptions,
        NamedOptions,
        NamedShareOptions,
        NumberOptions,
        Options,
        ShareOptions,
        ValueOptions,
    )
    from reliai.monitoring.alert import Severity

__all__ = [
    "Signal",
    "category",
    "cost",
    "embedding",
    "empty",
    "errors",
    "finish_reasons",
    "first_chunk",
    "guard_hits",
    "language",
    "latency",
    "length",
    "number",
    "refusals",
    "score",
    "script",
    "share",
    "tokens",
    "truncated",
    "validation_failures",
    "value",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One thing to watch.

    Attributes:
        name: how alerts call it.
        kind: "share" (yes or no), "number", "category" (a word) or "vector".
        read: gives it of a record; None where there is nothing to say, as of the first chunk of a
            call that is no stream.
        reads_content: whether it looks at what went in or came out.
        calls: the functions it is about; None for all.
        reference: what is normal: a share; for numbers, words and vectors an array of them or call
            records. None: learnt from the first records.
        shift: what to notice: of a share, the share; of numbers, standard deviations. None: what
            the kind has by default.
        both: whether a share that falls is noticed too.
        quantile: of numbers, the one whose share of larger numbers is watched as well.
        usual: of a share, the most that is learnt as normal without a word.
        scale: of numbers, those well below it count as nothing.
        severity: of its alerts.
    """

    name: str
    kind: Kind
    read: Callable[[Any], Any]
    reads_content: bool = False
    calls: frozenset[str] | None = None
    reference: Any = field(default=None, compare=False)
    shift: float | None = None
    both: bool = False
    quantile: float | None = None
    usual: float | None = None
    scale: float = 1.0
    severity: Severity = "ticket"

    def __post_init__(self) -> None:
        where = f"signals.{self.name}"
        if not isinstance(self.name, str) or not self.name:
            raise ConfigurationError(f"Signal(name={self.name!r}): must be text, and not empty")
        if self.severity not in SEVERITIES:
            wanted = ", ".join(map(repr, SEVERITIES))
            message = f"{where}(severity={self.severity!r}): use one of {wanted}"
            raise ConfigurationError(message)
        if self.quantile is not None and not (_real(self.quantile) and 0 < self.quantile < 1):
            message = f"{where}(q={self.quantile!r}): must be above 0 and below 1, as in 0.95"
            raise ConfigurationError(message)
        if not (_real(self.scale) and self.scale > 0):
            raise ConfigurationError(f"{where}(scale={self.scale!r}): must be above 0")
        self._check_shift(where)

    def _check_shift(self, where: str) -> None:
        if self.kind == "share":
            for name, given in (("reference", self.reference), ("shift", self.shift)):
                if given is not None and _real(given) and not 0 < given < 1:
                    message = f"{where}({name}={given!r}): must be a share, above 0 and below 1"
                    raise ConfigurationError(message)
            if self.shift is not None and _real(self.reference) and not self.shift > self.reference:
                message = (
                    f"{where}(shift={self.shift!r}): must be above the reference, "
                    f"{self.reference!r}"
                )
                raise ConfigurationError(message)
            return
        if self.shift is not None and self.kind != "number":
            message = f"{where}(shift={self.shift!r}): a {self.kind} takes none; leave it out"
            raise ConfigurationError(message)
        if self.shift is not None and not (_real(self.shift) and self.shift > 0):
            message = f"{where}(shift={self.shift!r}): must be standard deviations, above 0"
            raise ConfigurationError(message)

    def of(self, *calls: str) -> Signal:
        """The same signal, of these guarded functions alone."""
        if not calls or not all(isinstance(name, str) for name in calls):
            raise ConfigurationError(f"of{calls!r}: give the names of guarded functions")
        return replace(self, calls=frozenset(calls))


def _real(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


_CONTENT: Final = {"reads_content": True}
_SECONDS: Final = {"scale": 0.001}


def errors(**options: Unpack[NamedShareOptions]) -> Signal:
    """The share of calls that failed or were turned away; not those that a guard rejected.

    Args:
        options: further fields of `Signal`: `reference`, `shift`, `severity`, `calls`.
    """
    return _signal("errors", "share", reading.failed, {"usual": 0.05, **options})


def latency(q: float | None = 0.95, **options: Unpack[NamedNumberOptions]) -> Signal:
    """Seconds that answered calls took: their level, and the share of those beyond a quantile.

    Args:
        q: the quantile whose share of slower calls is watched; None for the level alone.
        options: further fields of `Signal`.
    """
    return _signal("latency", "number", reading.duration, {**_SECONDS, "quantile": q, **options})


def first_chunk(q: float | None = 0.95, **options: Unpack[NamedNumberOptions]) -> Signal:
    """Seconds until the first chunk of streams, as `latency`."""
    settings = {**_SECONDS, "quantile": q, **options}
    return _signal("first_chunk", "number", reading.first_chunk, settings)


def tokens(
    direction: Literal["input", "output"] = "output", **options: Unpack[NamedNumberOptions]
) -> Signal:
    """Tokens of a call, where they were reported.

    Raises:
        ConfigurationError: for another direction than "input" and "output".
    """
    if direction not in {"input", "output"}:
        raise ConfigurationError(f"signals.tokens({direction!r}): use 'input' or 'output'")
    read = reading.input_tokens if direction == "input" else reading.output_tokens
    return _signal(f"{direction}_tokens", "number", read, options)


def cost(**options: Unpack[NamedNumberOptions]) -> Signal:
    """US dollars that a call cost; where the price is not known, the call does not count."""
    return _signal("cost", "number", reading.cost, {"scale": 1e-6, **options})


def refusals(*, text: bool = False, **options: Unpack[NamedShareOptions]) -> Signal:
    """The share of answers in which the model refused.

    Args:
        text: whether to look for refusals in plain words too; reads content.
        options: further fields of `Signal`.
    """
    read = reading.refused_in_words if text else reading.refused
    return _signal("refusals", "share", read, {"usual": 0.05, "reads_content": text, **options})


def validation_failures(**options: Unpack[NamedShareOptions]) -> Signal:
    """The share of calls in which an answer did not pass its checks, asked again or not."""
    return _signal("validation_failures", "share", reading.invalid, {"usual": 0.05, **options})


def guard_hits(**options: Unpack[NamedShareOptions]) -> Signal:
    """The share of calls that a guard rejected, changed, or would have."""
    return _signal("guard_hits", "share", reading.guarded, options)


def truncated(**options: Unpack[NamedShareOptions]) -> Signal:
    """The share of answers that stopped at their length limit."""
    return _signal("truncated", "share", reading.cut_off, {"usual": 0.05, **options})


def empty(**options: Unpack[NamedShareOptions]) -> Signal:
    """The share of answers without any text; reads content."""
    return _signal(
        "empty", "share", reading.empty, {"usual": 0.05, "reads_content": True, **options}
    )


def finish_reasons(**options: Unpack[NamedOptions]) -> Signal:
    """Why answers stopped, as the providers say."""
    return _signal("finish_reasons", "category", reading.finish_reason, options)


def length(of: str = "output", **options: Unpack[NamedNumberOptions]) -> Signal:
    """Characters of the answer, or of an argument; reads content.

    Args:
        of: "output", or the name of a parameter.
        options: further fields of `Signal`.
    """
    name = "length" if of == "output" else f"length:{of}"
    return _signal(name, "number", reading.Length(of), {**_CONTENT, **options})


def script(
    expected: str = "LATIN", *, of: str = "output", **options: Unpack[NamedShareOptions]
) -> Signal:
    """The share of texts with letters of another alphabet than expected; reads content.

    Two letters or more count, and Greek ones do not beside Latin: formulas have them.

    Args:
        expected: the name of the alphabet as Unicode has it: "LATIN", "CYRILLIC", "CJK", …
        of: "output", or the name of a parameter.
        options: further fields of `Signal`.

    Raises:
        ConfigurationError: when Unicode knows no such alphabet.
    """
    name = "script" if of == "output" else f"script:{of}"
    return _signal(name, "share", reading.OtherScript(expected, of), {**_CONTENT, **options})


def language(*expected: str, of: str = "output", **options: Unpack[NamedShareOptions]) -> Signal:
    """The language of texts; reads content, and needs `reliai[language]`.

    It takes about a millisecond a text, on the observers' thread. Texts too short to tell do not
    count.

    Args:
        expected: ISO codes; the signal is the share of texts in none of these. Without any, it is
            the language as a category.
        of: "output", or the name of a parameter.
        options: further fields of `Signal`.

    Raises:
        ConfigurationError: for a language that is not known, or without the extra.
    """
    name = "language" if of == "output" else f"language:{of}"
    kind: Kind = "share" if expected else "category"
    return _signal(name, kind, reading.Tongue(expected, of), {**_CONTENT, **options})


def value(
    name: str,
    *,
    above: float | None = None,
    below: float | None = None,
    **options: Unpack[ValueOptions],
) -> Signal:
    """A value that the function told by `reliai.measure`: a number, a flag or a word.

    What it is, its reference says or the kind: `value("age", kind="category")`. Of an array that
    was measured, its mean.

    Args:
        name: of the value.
        above: watch the share of numbers above this instead.
        below: watch the share of numbers below this instead.
        options: further fields of `Signal`.

    Raises:
        ConfigurationError: when both limits are given.
    """
    _check_name("value", name)
    if above is not None and below is not None:
        raise ConfigurationError(f"signals.value({name!r}): give above= or below=, not both")
    if above is not None or below is not None:
        limit = above if above is not None else below
        label = f"value:{name}{'>' if above is not None else '<'}{limit:g}"
        return _signal(label, "share", reading.Beyond(name, above, below), options)
    kind = options.pop("kind", None) or _kind_of(options.get("reference"))
    settings = {"both": kind == "share", **options}
    return _signal(f"value:{name}", kind, reading.Value(name, kind), settings)


def score(name: str, **options: Unpack[NumberOptions]) -> Signal:
    """A score that a check or an evaluator gave: the value of that name, as a number."""
    _check_name("score", name)
    return _signal(f"score:{name}", "number", reading.Value(name, "number"), options)


def share(
    name: str, function: Callable[[Any], bool | None], **options: Unpack[ShareOptions]
) -> Signal:
    """A flag of your own: `function(record)` gives True, False, or None for what does not count."""
    return _signal(name, "share", function, options)


def category(
    name: str, function: Callable[[Any], str | None], **options: Unpack[Options]
) -> Signal:
    """A word of your own: `function(record)` gives it, or None."""
    return _signal(name, "category", function, options)


def number(
    name: str, function: Callable[[Any], float | None], **options: Unpack[NumberOptions]
) -> Signal:
    """A number of your own: `function(record)` gives it, or None."""
    return _signal(name, "number", function, options)


def embedding(of: str | Callable[[Any], Any] = "output", **options: Unpack[NamedOptions]) -> Signal:
    """A vector: what an answer, or a text that went in, is about.

    Needs `reliai[monitoring]`. With the name of an argument or "output" that is a vector it reads
    content; with a function, that gets the record.

    Args:
        of: "output", the name of a parameter, or a function of the record that gives a vector.
        options: further fields of `Signal`.
    """
    if callable(of):
        name = getattr(of, "__name__", "embedding")
        return _signal(f"embedding:{name}", "vector", reading.Vector(of), options)
    return _signal(
        f"embedding:{of}", "vector", reading.Vector(reading.part(of)), {**_CONTENT, **options}
    )


def _check_name(kind: str, name: Any) -> None:
    if not isinstance(name, str) or not name:
        message = f"signals.{kind}({name!r}): give the name that the {kind} was told by"
        raise ConfigurationError(message)


def _kind_of(reference: Any) -> Kind:
    if reference is None:
        return "number"
    if isinstance(reference, (int, float)):
        return "share"
    first = next((each for each in reference if each is not None), None)
    if isinstance(first, str):
        return "category"
    return "share" if type(first).__name__ in {"bool", "bool_"} else "number"


_OPTIONS: Final = frozenset(
    {
        "both",
        "calls",
        "quantile",
        "reads_content",
        "reference",
        "scale",
        "severity",
        "shift",
        "usual",
        "name",
    }
)


def _signal(
    name: str, kind: Kind, read: Callable[[Any], Any], options: Mapping[str, Any]
) -> Signal:
    unknown = sorted(set(options) - _OPTIONS)
    if unknown:
        message = (
            f"signals.{name}({unknown[0]}=…) is no setting; there are {', '.join(sorted(_OPTIONS))}"
        )
        raise ConfigurationError(message)
    if not callable(read):
        raise ConfigurationError(f"signals.{name}: {read!r} is no function of a record")
    calls = options.get("calls")
    about = None if calls is None else frozenset({calls} if isinstance(calls, str) else calls)
    fields: dict[str, Any] = {"name": name, "kind": kind, "read": read, **options, "calls": about}
    return Signal(**fields)
