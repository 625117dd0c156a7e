"""`reliai monitor`: how calls stand, from a store of records or from a running process."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from reliai.cli import calls_commands
from reliai.cli.kept_evidence import keep
from reliai.cli.missing import explain
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from reliai.monitoring import SLO, Monitor
    from reliai.monitoring.following import Follower
    from reliai.records import RecordStore

__all__ = ["objectives", "register"]

QUIET, FIRING, USAGE, NOTHING = 0, 1, 2, 5
"""Exit codes: all is well; something fires; asked for the impossible; there were no calls."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("monitor")(monitor)


def monitor(
    *,
    store: calls_commands.Store = None,
    since: Annotated[
        str, typer.Option(help="The last 30m, 6h or 3d, or since a date; objectives need days.")
    ] = "1h",
    snapshot: Annotated[
        str | None,
        typer.Option(
            help="In place of a store what `monitor.snapshot()` of a running process gave, as "
            "JSON: a file, or an address that a service shows it at."
        ),
    ] = None,
    slo: Annotated[
        list[str] | None,
        typer.Option(
            help="[FUNCTION/]INDICATOR=TARGET[@THRESHOLD], as in answer/latency=0.95@2; may be "
            "given several times. Without any: success=0.995."
        ),
    ] = None,
    slices: Annotated[
        list[str] | None,
        typer.Option("--slice", help="Look at parts too: variant, tenant, model, tag:NAME."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 2.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, a line for a look.")] = False,
) -> None:
    """Rates, errors, times, costs, objectives and what fires.

    Exit code 0: nothing fires, 1: a page or a ticket does, 2: it cannot be looked at, 5: there are
    no calls.
    """
    try:
        with _looking(store, since, snapshot, slo, slices, watch=watch) as look:
            if watch:
                code = _watched(look, every, as_json=as_json)
            else:
                seen = look()
                code = _shown(seen, as_json=as_json)
                _keep(seen)
    except ConfigurationError as error:
        _leave(str(error))
    except ModuleNotFoundError as error:
        _leave(explain(error, "monitoring"))
    raise typer.Exit(code)


def _keep(seen: dict[str, Any]) -> None:
    """Keep as evidence for `reliai score` what is watched."""
    signals = ("name", "signal", "slice", "state", "n")
    kept = {
        "calls": {name: {"count": each["count"]} for name, each in seen["calls"].items()},
        "signals": [{name: each[name] for name in signals} for each in seen["signals"]],
        "alerts": [{"signal": each.get("signal")} for each in seen["alerts"]],
        "changes": [{"kind": each.get("kind"), "at": each.get("at")} for each in seen["changes"]],
    }
    keep("monitor", str(seen.get("source") or "monitor"), "monitor", kept)


@contextmanager
def _looking(
    store: str | None,
    since: str,
    snapshot: str | None,
    slo: Sequence[str] | None,
    slices: Sequence[str] | None,
    *,
    watch: bool,
) -> Iterator[Callable[[], dict[str, Any]]]:
    """What gives the state of things, each time it is called."""
    if snapshot is not None:
        if store is not None or slo or slices:
            raise ConfigurationError(
                "--snapshot shows what the process itself watches; leave --store, --slo and "
                "--slice out"
            )
        yield lambda: _read(snapshot)
        return
    begin = calls_commands.moment(since)
    with calls_commands.store_at(store) as opened:
        yield _follower(opened, begin, slo, slices, watch=watch).look


def _follower(
    store: RecordStore,
    since: float,
    slo: Sequence[str] | None,
    slices: Sequence[str] | None,
    *,
    watch: bool,
) -> Follower:
    """Feeds stored calls to a monitor, those that are new at each look."""
    from reliai.monitoring import Monitor  # noqa: PLC0415  when it runs
    from reliai.monitoring.following import Follower  # noqa: PLC0415  the same

    watched: Monitor = Monitor(
        slos=objectives(slo or ()) or [_unset()], slices=tuple(slices or ()), alerts=[]
    )
    # One look alone misses nothing later.
    return Follower(store, watched, since=since, watch=watch)


def objectives(given: Sequence[str]) -> list[SLO]:
    """The objectives; those that differ in their targets alone are called as they were given."""
    made = [_objective(text) for text in given]
    names = [slo.name for slo in made]
    for text, slo in zip(given, made, strict=True):
        if names.count(slo.name) > 1:
            slo.name = text
    return made


def _objective(text: str) -> SLO:
    from reliai.monitoring import SLO  # noqa: PLC0415  when it runs
    from reliai.monitoring._indicators import INDICATORS  # noqa: PLC0415  the same
    from reliai.telemetry.dashboards.objectives import words_of  # noqa: PLC0415  the same

    words = words_of(text, (*INDICATORS, "score:NAME"))
    return SLO(words.indicator, words.target, threshold=words.threshold, calls=words.call)


def _unset() -> SLO:
    from reliai.monitoring import SLO  # noqa: PLC0415  when it runs

    return SLO("success")


def _read(where: str) -> dict[str, Any]:
    from reliai.monitoring.following import snapshot_at  # noqa: PLC0415  when it runs

    try:
        return snapshot_at(where)
    except ConfigurationError as error:
        raise ConfigurationError(f"--snapshot {error}") from error


def _shown(state: dict[str, Any], *, as_json: bool) -> int:
    if as_json:
        inner = {"fields", "objectives"}  # what `Monitor.merge` takes
        print(json.dumps({key: value for key, value in state.items() if key not in inner}))
    else:
        from rich.console import Console  # noqa: PLC0415  when it runs

        from reliai.cli.monitor_views import drawn  # noqa: PLC0415  the same

        console = Console(highlight=False)
        console.print(drawn(state, console.width))
    return _code(state)


def _watched(look: Callable[[], dict[str, Any]], every: float, *, as_json: bool) -> int:
    state = look()
    try:
        if as_json:
            while True:
                _shown(state, as_json=True)
                sys.stdout.flush()
                time.sleep(every)
                state = look()
        from rich.live import Live  # noqa: PLC0415  when it runs

        from reliai.cli.monitor_views import drawn  # noqa: PLC0415  the same

        with Live(auto_refresh=False, vertical_overflow="visible") as live:
            while True:
                live.update(drawn(state, live.console.width), refresh=True)
                time.sleep(every)
                state = look()
    except KeyboardInterrupt:
        return _code(state)


def _code(state: dict[str, Any]) -> int:
    if not any(counts.get("count") for counts in state["calls"].values()):
        return NOTHING
    loud = (a for a in state.get("alerts", ()) if a["severity"] != "info" and not a["muted"])
    return FIRING if any(loud) else QUIET


def _leave(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    raise typer.Exit(USAGE)
