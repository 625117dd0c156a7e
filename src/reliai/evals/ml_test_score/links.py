"""The run behind a piece of evidence: what it was, where it lies, and whether it still is that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import Enum
from math import isfinite
from pathlib import Path
from typing import Any, Final, NamedTuple

from reliai.errors import ConfigurationError
from reliai.evals._fingerprints import digest_of
from reliai.evals._journal import RUNS, folder_name
from reliai.evals.gate import GateResult
from reliai.evals.run import Run

__all__ = ["Link", "content_of", "link_of", "plain"]

_OF_A_RUN: Final = (
    "id",
    "experiment",
    "dataset",
    "version",
    "root",
    "target",
    "scorers",
    "seed",
    "repeats",
    "git",
    "started_at",
    "ended_at",
    "state",
    "cases",
    "evaluated",
    "failed_cases",
)
"""What is kept of a run's manifest."""

_IDENTITY: Final = ("id", "experiment", "root", "started_at")
"""What of a manifest never changes, whatever is scored later."""


class Link(NamedTuple):
    """A run.

    Attributes:
        kind: what it was: "gate", "experiment", …
        id: of the run.
        name: tells it from other runs of its kind; a later run of the same name takes its place.
        path: where it lies, from the project's folder; None when it has left nothing but numbers.
        content: the digest of what lies there; None without a path.
    """

    kind: str
    id: str
    name: str
    path: str | None = None
    content: str | None = None

    def problem(self, root: Path) -> str | None:
        """Why the run cannot be looked at any more; None when it can.

        Args:
            root: the project's folder.
        """
        if self.path is None:
            return None
        found = content_of(root / self.path)
        if found is None:
            return f"{self.path} is not here"
        return None if found == self.content else f"{self.path} is another one by now"


def link_of(
    run: Any, detail: Mapping[str, Any] | None, *, root: Path
) -> tuple[Link, dict[str, Any]]:
    """The run, and its numbers.

    Args:
        run: as `write_evidence` takes it.
        detail: more of its numbers.
        root: the project's folder, which paths are told from.

    Raises:
        ConfigurationError: when it is no run.
    """
    more = dict(detail or {})
    if isinstance(run, Run):
        return _of_run(run, more, root)
    if isinstance(run, GateResult):
        return _of_gate(run.to_dict(), more, root)
    if isinstance(run, Mapping) and isinstance(run.get("kind"), str) and run.get("id"):
        link = Link(str(run["kind"]), str(run["id"]), str(run.get("name") or run["kind"]))
        return (_lying(link, run["path"], root) if run.get("path") else link), more
    message = (
        f"run={type(run).__name__}: give a Run, a GateResult, or a mapping with 'kind' and 'id'"
    )
    raise ConfigurationError(message)


def _of_run(run: Run, more: dict[str, Any], root: Path) -> tuple[Link, dict[str, Any]]:
    manifest = run.manifest
    result = {name: manifest[name] for name in _OF_A_RUN if name in manifest}
    name = str(manifest.get("experiment") or "experiment")
    link = Link("experiment", run.id, name)
    return _lying(link, run.path, root), {**result, **more}


def _of_gate(
    result: dict[str, Any], more: dict[str, Any], root: Path
) -> tuple[Link, dict[str, Any]]:
    about = result.get("about") or {}
    rules = digest_of(str(result.get("gate")))[7:13]
    name = f"{about.get('experiment') or 'gate'}-{rules}"
    link = Link("gate", str(about.get("candidate") or name), name)
    judged = root / RUNS / folder_name(str(about.get("experiment") or "none")) / link.id
    link = _lying(link, judged, root) if content_of(judged) else link
    return link, {**result, **more}


def _lying(link: Link, path: Any, root: Path) -> Link:
    where = Path(path).resolve()
    content = content_of(where)
    if content is None:
        raise ConfigurationError(f"path={str(path)!r}: there is nothing that evidence could be of")
    if where.is_relative_to(root.resolve()):
        shown = where.relative_to(root.resolve()).as_posix()
    else:
        raise ConfigurationError(f"path={str(path)!r}: lies outside of the project, {root}")
    return link._replace(path=shown, content=content)


def content_of(path: Path) -> str | None:
    """The digest of a file, or of a run's folder; None when there is neither.

    Of a run it is that of what it was about and of all its trials: later scores change nothing.
    """
    try:
        if path.is_file():
            return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = hashlib.sha256(digest_of({name: manifest.get(name) for name in _IDENTITY}).encode())
    for part in sorted(path.glob("trials-*.jsonl")):
        with part.open("rb") as opened:
            whole.update(hashlib.file_digest(opened, "sha256").digest())
    return f"sha256:{whole.hexdigest()}"


def plain(value: Any) -> Any:
    """`value` as data that JSON can say; numbers that it cannot say are None."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    return str(value)
