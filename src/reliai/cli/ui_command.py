"""`reliai ui`: the web page, served to this machine until Ctrl-C."""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from reliai.cli.missing import explain
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["register"]

USAGE = 2
"""Exit code of a command that was asked for something impossible."""

TOKEN = "RELIAI_UI_TOKEN"  # noqa: S105  the name of a variable


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ui")(ui)


def ui(
    *,
    store: Annotated[
        str | None,
        typer.Option(
            help="The database: a URL, or the path of a SQLite file. Without it: what the "
            "environment variable RELIAI_RECORDS says, else reliai.db where there is one."
        ),
    ] = None,
    datasets: Annotated[
        str | None, typer.Option(help="Where datasets live. [default: .reliai/datasets]")
    ] = None,
    runs: Annotated[
        Path | None, typer.Option(help="Where experiments' runs live. [default: .reliai/runs]")
    ] = None,
    state: Annotated[
        str | None, typer.Option(help="What rollouts share. [default: RELIAI_STATE]")
    ] = None,
    snapshot: Annotated[
        str | None,
        typer.Option(
            help="A running service's `monitor.snapshot()` as JSON: a file or an address."
        ),
    ] = None,
    slo: Annotated[
        list[str] | None,
        typer.Option(help="An objective, as for `reliai monitor`; may be given several times."),
    ] = None,
    write: Annotated[
        bool,
        typer.Option(
            "--write",
            help=f"Let people who sign in change things. The token is what {TOKEN} says, of 16 "
            "characters or more; without it one is made and printed.",
        ),
    ] = False,
    host: Annotated[
        str, typer.Option(help="The address to listen on; any but this machine needs --write.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 7070,
    name: Annotated[
        list[str] | None,
        typer.Option("--name", help="A further name that browsers find this server by."),
    ] = None,
) -> None:
    """Calls, monitoring, datasets, experiments, reviews and rollouts in a browser.

    It listens to this machine alone, and shows without changing anything, unless told otherwise.
    """
    try:
        import uvicorn  # noqa: PLC0415  needs an extra

        from reliai.ui import create_app  # noqa: PLC0415  the same

        token = _token() if write else None
        local = is_local(host)
        if not local and token is None:
            raise ConfigurationError(
                f"--host {host}: others could read everything; give --write, so that they must "
                "sign in to see anything"
            )
        app = create_app(
            store=_store(store),
            datasets=datasets,
            runs=runs,
            state=state or os.environ.get("RELIAI_STATE"),
            monitor=snapshot,
            slos=_slos(slo or ()),
            token=token,
            private=not local,
            hosts=(*(name or ()), *([] if _is_any(host) else [host])),
        )
        listening = _listen(host, port)
    except ConfigurationError as error:
        _leave(str(error))
    except ModuleNotFoundError as error:
        _leave(explain(error, "ui"))
    _tell(listening, token, name or ())
    options: dict[str, Any] = {"log_level": "warning", "server_header": False, "ws": "none"}
    server = uvicorn.Server(uvicorn.Config(app, timeout_graceful_shutdown=2, **options))
    with suppress(KeyboardInterrupt), listening:
        server.run([listening])


def is_local(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_any(host: str) -> bool:
    return host in {"0.0.0.0", "::"}  # noqa: S104  to tell these apart is what this is for


def _token() -> str:
    return os.environ.get(TOKEN) or secrets.token_urlsafe(24)


def _store(given: str | None) -> str | None:
    """The store's URL; None where none is named, and none is here."""
    url = given or os.environ.get("RELIAI_RECORDS")
    if url is None:
        return "sqlite:///reliai.db" if Path("reliai.db").exists() else None
    url = url if "://" in url else f"sqlite:///{url}"
    path = url.removeprefix("sqlite:///")
    if url.startswith("sqlite:") and not Path(path).exists():
        raise ConfigurationError(
            f"there is no record store {path}; give --store or set RELIAI_RECORDS"
        )
    return url


def _slos(given: Sequence[str]) -> list[Any]:
    if not given:
        return []
    from reliai.cli.monitor import objectives  # noqa: PLC0415  only when asked for

    return list(objectives(given))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)  # who asks before the server is ready waits, and is not turned away
    except OSError as error:
        listening.close()
        message = f"cannot listen on {host} port {port}: {error.strerror}; try another --port"
        raise ConfigurationError(message) from error
    return listening


def _tell(listening: socket.socket, token: str | None, names: Sequence[str]) -> None:
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else "127.0.0.1" if _is_any(host) else host
    address = f"http://{shown}:{port}"
    print(f"{address}/  (Ctrl-C ends it)")
    if token is None:
        print("read-only; --write lets people who sign in change things")
    elif os.environ.get(TOKEN):
        print(f"sign in with the token of {TOKEN}")
    else:
        # Behind "#", so that it is sent nowhere; the page takes it into its form.
        print(f"sign in: {address}/sign-in#token={token}")
    if _is_any(host) and not names:
        print("other machines are answered only by a name or address that --name gives")
    sys.stdout.flush()


def _leave(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    raise typer.Exit(USAGE)
