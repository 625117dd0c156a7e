"""How pages write numbers, moments and amounts; each is a filter of the templates."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup, escape

from reliai import clock
from reliai.evals._names import short_case as named
from reliai.ui.charts import sparkline as drawn

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ago",
    "amount",
    "as_json",
    "dollars",
    "moment",
    "one_line",
    "percent",
    "plain",
    "seconds",
    "short_case",
    "short_id",
    "shown",
    "sparkline",
    "tokens",
]


def seconds(value: float | None) -> str:
    """A duration: "15 µs", "3.2 ms", "1.25 s", "4 min"; empty for none."""
    if value is None:
        return ""
    if 0 < value < 0.0001:
        return f"{value * 1_000_000:.3g} µs"
    if value < 1:
        return f"{value * 1000:.1f} ms" if 0 < value < 0.01 else f"{value * 1000:.0f} ms"
    if value < 120:
        return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if value >= 2 * size:
            return f"{value / size:,.{0 if value >= 10 * size else 1}f} {unit}"
    return f"{value:.0f} s"


def dollars(value: float | None) -> str:
    """US dollars; empty where the price is not known."""
    if value is None:
        return ""
    if value == 0:
        return "$0"
    return (
        f"${value:,.2f}" if value >= 100 else f"${value:.4f}" if value >= 0.01 else f"${value:.6f}"
    )


def amount(value: float | None) -> str:
    """A count with thousands told apart; empty for none."""
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def percent(value: float | None, digits: int = 1) -> str:
    """A share as a percentage; empty for none."""
    return "" if value is None else f"{100 * value:.{digits}f} %"


def moment(value: float | None) -> str:
    """A Unix time as a `<time>` element in the server's time zone; the date only of other days."""
    if value is None:
        return ""
    try:
        at = datetime.fromtimestamp(value).astimezone()
    except (ValueError, OverflowError, OSError):  # no year that a calendar has
        return f"{value:g}"
    today = datetime.now().astimezone().date()
    shown = at.strftime("%H:%M:%S" if at.date() == today else "%Y-%m-%d %H:%M")
    whole = at.isoformat(" ", "milliseconds")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(at.isoformat(), whole, shown)


def ago(value: float | None) -> str:
    """How long ago a Unix time was: "12 s ago"; empty for none."""
    if value is None:
        return ""
    passed = max(0.0, clock.active().time() - value)
    if passed < 120:
        return f"{int(passed)} s ago" if passed >= 1 else "now"
    return f"{seconds(passed)} ago"


def one_line(value: Any) -> str:
    """Any value on one line, up to 200 characters of it: a text as it is, else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return " ".join(text[:400].split())[:200]


def short_case(key: str) -> str:
    """A case's id; of one that is known by its digest, the beginning of that."""
    return named(key)


def short_id(identifier: str) -> str:
    """The end of an id, which is where ids of one moment differ."""
    return identifier[-8:]


def plain(value: Any) -> str:
    """A value of an event or an evidence in a line: floats to four digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, default=str)


def sparkline(minutes: Sequence[Sequence[Any]]) -> str:
    """What a signal was minute by minute, as a path of SVG; empty where it is no number."""
    values = [row[2] for row in minutes][-30:]
    if not all(value is None or isinstance(value, int | float) for value in values):
        return ""
    return drawn(values)


_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b\u2028\u2029\u202a-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""What a person cannot see though a program or a model may read it: controls, characters that turn
lines of text around, tags that spell out hidden words."""


def shown(text: object) -> Markup:
    """A text with what hides in it made visible: `⟨U+202E⟩`."""
    escaped = str(escape(str(text)))
    return Markup(_HIDDEN.sub(_spelt, escaped))  # noqa: S704  what is put in is digits


def _spelt(match: re.Match[str]) -> str:
    return f'<span class="hidden-sign">⟨U+{ord(match[0]):04X}⟩</span>'


def as_json(value: Any) -> str:
    """Any value as indented JSON; a text as it is."""
    if isinstance(value, str):
        return value
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def tokens(used: Any) -> str:
    """Tokens in and out: "812 + 64"; "?" for what is not known, empty where nothing is."""
    if used.input_tokens is None and used.output_tokens is None:
        return ""
    both = (used.input_tokens, used.output_tokens)
    return " + ".join("?" if count is None else f"{count:,}" for count in both)
