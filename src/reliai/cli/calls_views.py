"""Calls as a person reads them: a table, a line, or one call explained."""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reliai._core.record_parts import Attempt, ErrorInfo
    from reliai.records import StoredCall

__all__ = ["print_call", "print_lines", "print_table", "shortened"]

_COLOURS = {
    "success": "green",
    "degraded": "yellow",
    "rejected": "magenta",
    "error": "red",
    "cancelled": "bright_black",
}

_WITHHELD = "(its message may quote content, and the store keeps none)"


_UNLIMITED = 200
"""Columns where nobody says how many there are: in a pipe, in a file."""
_NARROW = 120
"""Columns below which names are cut and tokens left out."""
_ID = 8


def console_for_calls() -> Console:
    """Where calls are printed: as wide as the terminal, and wide where there is none."""
    wide = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, width=_UNLIMITED if wide else None)


def print_table(calls: Sequence[StoredCall], console: Console | None = None) -> None:
    """A row for each call."""
    console = console or console_for_calls()
    if not calls:
        console.print("no calls")
        return
    narrow = console.width < _NARROW
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    for title in ("when", "call", "name", "status"):
        table.add_column(title, no_wrap=True)
    for title in ("took", "tries", "cost", *(() if narrow else ("tokens",))):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("what happened", ratio=1)  # the only one that gives way
    for call in calls:
        table.add_row(
            _when(call.started_at),
            Text(short_id(call.id)),
            Text(shortened(call.name, 14 if narrow else 40)),
            _status(call.status),
            _seconds(call.duration),
            str(len(call.attempts)),
            _dollars(call.cost_usd),
            *(() if narrow else (_tokens(call),)),
            Text(_story(call), no_wrap=True, overflow="ellipsis"),
        )
    console.print(table)


def print_lines(calls: Sequence[StoredCall], console: Console | None = None) -> None:
    """A line for each call, without a heading."""
    console = console or console_for_calls()
    for call in calls:
        line = Text.assemble(
            (_when(call.started_at), "bright_black"),
            f" {short_id(call.id):<{_ID}} ",
            (f"{call.status or '?':<9}", _COLOURS.get(call.status or "", "")),
            f" {_seconds(call.duration):>8} {_dollars(call.cost_usd):>7} ",
            f"{shortened(call.name, 24)} ",
            (_story(call), "bright_black"),
        )
        console.print(line, soft_wrap=True)


def short_id(identifier: str) -> str:
    """The end of an id, which is where ids of one moment differ; `show` finds the call by it."""
    return identifier[-_ID:]


def shortened(name: str, width: int) -> str:
    """A name that fits, with its beginning and its end."""
    if len(name) <= width:
        return name
    end = (width - 1) // 2
    return f"{name[: width - 1 - end]}…{name[-end:]}"


def print_call(call: StoredCall, console: Console | None = None) -> None:
    """All that is known of one call."""
    console = console or console_for_calls()
    console.print(Text.assemble((call.name, "bold"), "  ", _status(call.status), f"  {call.id}"))
    console.print(_facts(call))
    if call.error is not None:
        error = Text.assemble((f"{call.error.kind}  {call.error.type}", "red"))
        console.print(error, Text(f"  {call.error.message or _WITHHELD}"), sep="\n")
    for title, table in (
        ("Attempts", _attempts(call)),
        ("Events", _events(call)),
        ("Checks", _checks(call)),
        ("Values", _pairs(call.values)),
        ("Feedback", _pairs({said.name: said.value for said in call.feedback})),
        ("Content", _content(call)),
    ):
        if table.row_count:
            console.print(Text(f"\n{title}", style="bold"))
            console.print(table)


def _chunks(count: int | None) -> str:
    return "1 chunk" if count == 1 else f"{count} chunks"


def _facts(call: StoredCall) -> Table:
    facts = {
        "started": datetime.fromtimestamp(call.started_at)
        .astimezone()
        .isoformat(" ", "milliseconds"),
        "took": _seconds(call.duration),
        "first chunk": None
        if call.time_to_first_chunk is None
        else f"{_seconds(call.time_to_first_chunk)}, {_chunks(call.chunks)}",
        "answered by": call.target,
        "variant": call.variant,
        "model": _model(call),
        "finish": call.finish_reason,
        "tokens": f"{_tokens(call)} ({call.usage_state})" if _tokens(call) else None,
        "cost": _dollars(call.cost_usd) or None,
        "of it wasted": _dollars(call.wasted_usd) or None,
        "subject": call.subject,
        "session": call.session,
        "tenant": call.tenant,
        "run": call.run_id,
        "inside": call.parent_id,
        "trace": call.trace_id,
        "tags": ", ".join(f"{key}={value}" for key, value in call.tags.items()) or None,
        "policies": call.fingerprint,
        "service": " ".join(filter(None, (call.service, call.release, call.environment))) or None,
    }
    return _pairs({name: value for name, value in facts.items() if value is not None})


def _model(call: StoredCall) -> str | None:
    asked, served = call.model_requested, call.model_served
    if asked and served and asked != served:
        return f"{served}, asked for as {asked} ({call.provider or '?'})"
    model = served or asked
    return f"{model} ({call.provider})" if model and call.provider else model


def _grid(*titles: str) -> Table:
    table = Table(box=None, header_style="bright_black", padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title)
    return table


def _pairs(values: Any) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bright_black")
    table.add_column()
    for name, value in values.items():
        shown = value if isinstance(value, str) else json.dumps(value, default=str)
        table.add_row(Text(f"  {name}"), Text(shown))
    return table


def _attempts(call: StoredCall) -> Table:
    """A row for each attempt; columns in which there is nothing are left out."""
    rows = [_attempt_row(call, attempt) for attempt in call.attempts]
    shown = [title for title in _ATTEMPT_TITLES if any(str(row[title]) for row in rows)]
    table = Table(box=None, header_style="bright_black", padding=(0, 2, 0, 0))
    for title in shown:
        table.add_column(title, no_wrap=title != "result", ratio=1 if title == "result" else None)
    for row in rows:
        table.add_row(*(row[title] for title in shown))
    return table


_ATTEMPT_TITLES = ("  #", "after", "waited", "took", "target", "model", "tokens", "cost", "result")


def _attempt_row(call: StoredCall, attempt: Attempt) -> dict[str, Any]:
    result = Text(attempt.status or "running", _COLOURS.get(attempt.status or "", ""))
    if attempt.error is not None:
        result.append(f" {_said(attempt.error)}", "default")
    return {
        "  #": f"  {attempt.number}",
        "after": _seconds(max(0.0, attempt.started_at - call.started_at)),
        "waited": _seconds(attempt.wait) if attempt.wait else "",
        "took": _seconds(attempt.duration),
        "target": Text(shortened(attempt.target, 24)),
        "model": Text(shortened(attempt.model or "", 24)),
        "tokens": _tokens(attempt),
        "cost": _dollars(attempt.cost_usd),
        "result": result,
    }


def _said(error: ErrorInfo) -> str:
    """What went wrong, in one line: the type where no message was kept."""
    return f"{error.kind}: {error.message or error.type}"


def _events(call: StoredCall) -> Table:
    table = _grid("  after", "what", "")
    for event in call.events:
        words = ", ".join(f"{key}={value}" for key, value in event.attributes.items())
        table.add_row(f"  {_seconds(event.at)}", Text(event.kind), Text(words))
    return table


def _checks(call: StoredCall) -> Table:
    table = _grid("  check", "", "")
    for check in call.checks:
        passed = Text("passed", "green") if check.passed else Text("failed", "red")
        table.add_row(Text(f"  {check.name}"), passed, Text(check.reason or ""))
    return table


def _content(call: StoredCall) -> Table:
    content = {"inputs": call.inputs, "output": call.output}
    return _pairs({name: value for name, value in content.items() if value is not None})


def _when(started_at: float) -> str:
    moment = datetime.fromtimestamp(started_at).astimezone()
    today = datetime.now().astimezone().date()
    return moment.strftime("%H:%M:%S" if moment.date() == today else "%m-%d %H:%M:%S")


def _status(status: str | None) -> Text:
    return Text(status or "?", _COLOURS.get(status or "", ""))


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _tokens(used: Any) -> str:
    if used.input_tokens is None and used.output_tokens is None:
        return ""
    return f"{used.input_tokens if used.input_tokens is not None else '?'}+" + (
        f"{used.output_tokens}" if used.output_tokens is not None else "?"
    )


def _dollars(cost: float | None) -> str:
    if cost is None:
        return ""
    return f"${cost:.4f}" if cost >= 0.01 else f"${cost:.6f}"


def _story(call: StoredCall) -> str:
    """What happened besides the answer, in a few words."""
    words = [event.kind for event in call.events[:4]]
    if call.error is not None:
        words.append(f"{call.error.kind}: {call.error.message or call.error.type}")
    return ", ".join(words).replace("\n", " ")
