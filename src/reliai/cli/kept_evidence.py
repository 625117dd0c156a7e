"""Evidence for `reliai score` that commands leave by the way, in projects that have any."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["keep"]


def keep(kind: str, id: str, name: str, numbers: Mapping[str, Any]) -> None:  # noqa: A002  as in records
    """Keep what a run shows, where the project has a folder `.reliai`.

    That it cannot be kept is said, and is no failure of the command.
    """
    from reliai.errors import ConfigurationError  # noqa: PLC0415  when it runs
    from reliai.evals.ml_test_score import evidence_folder, write_evidence  # noqa: PLC0415

    folder = evidence_folder()
    if folder is None:
        return
    try:
        write_evidence(None, None, {"kind": kind, "id": id, "name": name}, numbers, folder=folder)
    except (ConfigurationError, OSError) as error:
        print(f"no evidence was written: {error}", file=sys.stderr)
