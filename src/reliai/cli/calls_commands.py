"""`reliai calls`, `show` and `tail`: what the store of call records says, for a person."""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.records import RecordStore

__all__ = ["Store", "Where", "conditions", "moment", "register", "store_at"]

USAGE = 2
"""Exit code of a command that was asked for something impossible."""

STATUSES = ("success", "degraded", "rejected", "error", "cancelled")

Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        help="The database: a URL, or the path of a SQLite file. Without it: what the environment "
        "variable RELIAI_RECORDS says, else reliai.db.",
    ),
]
Name = Annotated[str | None, typer.Option(help="Only calls of this function.")]
Status = Annotated[
    str | None, typer.Option(help="success, degraded, rejected, error or cancelled.")
]
Subject = Annotated[str | None, typer.Option(help="Only calls made for this subject.")]
Where = Annotated[
    list[str] | None,
    typer.Option(
        help="A further condition, as in duration>5, tag:team=support, value:confidence<0.6; "
        "may be given several times."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("calls")(list_calls)
    app.command("show")(show_call)
    app.command("tail")(tail_calls)


def list_calls(
    *,
    store: Store = None,
    name: Name = None,
    status: Status = None,
    subject: Subject = None,
    since: Annotated[
        str | None, typer.Option(help="Only the last 30s, 10m, 2h or 7d, or since a date.")
    ] = None,
    where: Where = None,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="How many at most.")] = 20,
) -> None:
    """The last calls, a line each."""
    from reliai.cli.calls_views import print_table  # noqa: PLC0415  when it runs

    with store_at(store) as opened:
        found = opened.calls(
            name=name,
            status=_status(status),
            subject=subject,
            since=None if since is None else moment(since),
            where=conditions(where),
            limit=limit,
        )
        alike = _alike(opened, name) if name and not found else ()
    print_table(found[::-1])
    if alike:
        print(f"--name {name!r} is no whole name; there are calls of {', '.join(alike)}")


def show_call(
    call: Annotated[str, typer.Argument(metavar="CALL", help="The id, or how it begins or ends.")],
    *,
    store: Store = None,
) -> None:
    """One call explained: attempts, waits, events, checks, costs."""
    from reliai.cli.calls_views import print_call  # noqa: PLC0415  when it runs

    with store_at(store) as opened:
        found = opened.find(call)
    if not found:
        _leave(f"no call {call!r} in {opened!r}")
    if len(found) > 1:
        _leave(f"{call!r} begins or ends several ids: {', '.join(one.id for one in found)}, …")
    print_call(found[0])


def tail_calls(
    *,
    store: Store = None,
    name: Name = None,
    status: Status = None,
    subject: Subject = None,
    where: Where = None,
    last: Annotated[int, typer.Option("-n", min=0, help="How many to begin with.")] = 10,
    every: Annotated[float, typer.Option(min=0.05, help="Seconds between two looks.")] = 0.5,
) -> None:
    """Calls as they are written; ends with Ctrl-C."""
    from reliai.cli.calls_views import print_lines  # noqa: PLC0415  when it runs

    wanted: dict[str, Any] = {"name": name, "status": _status(status), "subject": subject}
    with store_at(store) as opened:
        try:
            begin, seq = opened.latest(last, where=conditions(where), **wanted)
            print_lines(begin)
            while True:
                time.sleep(every)
                new, seq = opened.after(seq, where=conditions(where), **wanted)
                print_lines(new)
        except KeyboardInterrupt:
            return


@contextmanager
def store_at(given: str | None) -> Iterator[RecordStore]:
    """The store that a command reads; where it cannot be read, the command ends and says why."""
    url = given or os.environ.get("RELIAI_RECORDS") or "reliai.db"
    if "://" not in url:
        url = f"sqlite:///{url}"
    path = url.removeprefix("sqlite:///")
    if url.startswith("sqlite:") and not os.path.exists(path):  # noqa: PTH110  a URL's part
        _leave(f"there is no record store {path}; give --store or set RELIAI_RECORDS")
    try:
        from reliai.records import RecordStore  # noqa: PLC0415  needs an extra
    except ConfigurationError as error:
        _leave(str(error))
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415  it is there, as the line above is

    try:
        with _unlogged():
            store = RecordStore(url)
        with closing(store) as opened:
            yield opened
    except ConfigurationError as error:
        _leave(str(error))
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        _leave(f"the record store cannot be read: {reason}; look at --store or RELIAI_RECORDS")


@contextmanager
def _unlogged() -> Iterator[None]:
    """Leave out what a store says that opens later: to who reads, the command says why it ends."""

    def is_told(record: logging.LogRecord) -> bool:
        return "cannot be opened now" not in str(record.msg)

    logger = logging.getLogger("reliai")
    logger.addFilter(is_told)
    try:
        yield
    finally:
        logger.removeFilter(is_told)


def _alike(store: RecordStore, name: str) -> list[str]:
    """Names that end so: what nobody named is called as in `shop.support.answer`."""
    seen = {call.name for call in store.calls(limit=1000)}
    return sorted(one for one in seen if one != name and one.rpartition(".")[2] == name)[:5]


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def moment(text: str) -> float:
    """The Unix seconds of a span ago, or of a date."""
    from datetime import datetime  # noqa: PLC0415  when it runs

    span = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text)
    if span:
        return time.time() - float(span[1]) * _UNITS[span[2]]
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        _leave(f"--since {text!r}: give a span such as 10m, 2h or 7d, or a date such as 2026-11-25")


def conditions(given: list[str] | None) -> dict[str, Any]:
    """Those of `--where`, as `RecordStore.calls` takes them."""
    return dict(_condition(text) for text in given or ())


def _condition(text: str) -> tuple[str, Any]:
    found = re.fullmatch(r"([\w:.-]+?)\s*(<=|>=|!=|=|<|>)\s*(.*)", text)
    if not found:
        _leave(f"--where {text!r}: give a name, one of = != < <= > >= and a value")
    key, sign, value = found.groups()
    typed: Any = value
    if not key.startswith("tag:"):
        try:
            typed = value if _is_text(key) else float(value)
        except ValueError:
            typed = value
        typed = None if value == "none" else typed
    return key, typed if sign == "=" else (sign, typed)


def _is_text(key: str) -> bool:
    """Whether a column holds texts, so that the 7 in `release=7` is one too."""
    from sqlalchemy import Text  # noqa: PLC0415  needs an extra

    from reliai.records._tables import calls  # noqa: PLC0415  the same

    column = calls.columns.get(key)
    return column is not None and isinstance(column.type, Text)


def _status(given: str | None) -> str | None:
    if given is not None and given not in STATUSES:
        _leave(f"--status {given!r}: use one of {', '.join(STATUSES)}")
    return given


def _leave(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    raise typer.Exit(USAGE)
