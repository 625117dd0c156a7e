"""The settings that signals have in common, for type checkers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reliai.monitoring.alert import Severity

__all__ = [
    "Kind",
    "NamedNumberOptions",
    "NamedOptions",
    "NamedShareOptions",
    "NumberOptions",
    "Options",
    "ShareOptions",
    "ValueOptions",
]

Kind = Literal["share", "number", "category", "vector"]


class Options(TypedDict, total=False):
    """Of every signal.

    Attributes:
        calls: the guarded functions it is about.
        severity: of its alerts.
        reference: what is normal: values, call records or a file.
    """

    calls: str | Iterable[str] | None
    severity: Severity
    reference: Any


class ShareOptions(Options, total=False):
    """Of a share, whose `reference` may be a share, too.

    Attributes:
        shift: the share to notice.
        both: whether a fall is noticed, too.
        usual: the most that is learnt as normal without a word.
    """

    shift: float | None
    both: bool
    usual: float | None


class NumberOptions(Options, total=False):
    """Of a number.

    Attributes:
        shift: standard deviations to notice.
        scale: numbers well below it count as nothing.
    """

    shift: float | None
    scale: float


class NamedOptions(Options, total=False):
    """The same, of a signal that has a name of its own; `name` is another one."""

    name: str


class NamedShareOptions(ShareOptions, total=False):
    """As above, of a share."""

    name: str


class NamedNumberOptions(NumberOptions, total=False):
    """As above, of a number."""

    name: str


class ValueOptions(Options, total=False):
    """Of a value that is one of several kinds.

    Attributes:
        kind: "number", "share" or "category"; by default what the reference is, or a number.
        shift, both, usual, scale: as of that kind.
        quantile: of numbers, the one whose share of larger numbers is watched as well.
    """

    kind: Kind
    shift: float | None
    both: bool
    usual: float | None
    scale: float
    quantile: float | None
