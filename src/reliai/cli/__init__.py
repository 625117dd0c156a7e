"""The command line: `reliai`, also `python -m reliai`. Nothing of the library imports it.

Heavy imports wait until the command that needs them runs, so that `reliai --help` is quick.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; ends the process."""
    try:
        _run()
    except KeyboardInterrupt:  # before a command began: imports take a second
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def _run() -> None:
    try:
        from reliai.cli.app import app  # noqa: PLC0415  needs an extra
    except ModuleNotFoundError as error:
        from reliai.cli.missing import explain  # noqa: PLC0415

        extra = "demo" if sys.argv[1:2] == ["demo"] else "cli"
        print(explain(error, extra), file=sys.stderr)
        sys.exit(2)
    app()
