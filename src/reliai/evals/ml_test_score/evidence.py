"""Evidence: a file for each kind of run that shows something, with the numbers that show it.

Only the latest run of a kind and name is kept, those in CI and those by hand apart. A file says
what the run was, where it lies, of which commit, and its numbers; its digest shows that nobody has
changed it since.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reliai import clock
from reliai.errors import ConfigurationError
from reliai.evals._fingerprints import digest_of
from reliai.evals._git import git_state
from reliai.evals.ml_test_score.catalogue import known_tests
from reliai.evals.ml_test_score.earning import KINDS, shown_by
from reliai.evals.ml_test_score.links import Link, link_of, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reliai.evals.ml_test_score.earning import Shown

__all__ = ["SCHEMA", "Evidence", "evidence_folder", "in_ci", "read_evidence", "write_evidence"]

SCHEMA: Final = 1
FOLDER: Final = Path(".reliai") / "evidence"
"""Where evidence lies, below the folder of the project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one run shows.

    Attributes:
        tests: ids of the tests that it is about.
        automated: whether it ran by itself, as in CI, and not by hand.
        link: the run.
        result: its numbers.
        at: when it ended; Unix seconds.
        commit: of the tree it ran on; None outside of git.
        dirty: whether that tree had changes that were not committed; None outside of git.
        file: where this is kept.
    """

    tests: tuple[str, ...]
    automated: bool
    link: Link
    result: Mapping[str, Any]
    at: float
    commit: str | None
    dirty: bool | None
    file: Path

    @property
    def shown(self) -> dict[str, Shown]:
        """What its numbers show, of the tests that it is about."""
        shown = shown_by(self.link.kind, self.result)
        return {test: each for test, each in shown.items() if test in self.tests}


def evidence_folder(start: Path | None = None) -> Path | None:
    """Where the project's evidence lies: below the nearest folder that has `.reliai`.

    Args:
        start: where to look first; None: the working directory.

    Returns:
        The folder, which may not be there yet; None when no folder has `.reliai`.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / FOLDER.parent).is_dir():
            return folder / FOLDER
        if (folder / ".git").exists():
            return None
    return None


def in_ci() -> bool:
    """Whether this runs by itself: CI systems say so with `CI=true`."""
    return os.environ.get("CI", "").strip().lower() not in {"", "0", "false", "no"}


def write_evidence(
    test_ids: Iterable[str] | None,
    automated: bool | None,  # noqa: FBT001  the order of the contract
    run: Any,
    detail: Mapping[str, Any] | None = None,
    *,
    folder: Path | None = None,
) -> Path | None:
    """Keep what a run shows, in place of what the one of its kind and name before showed.

    Args:
        test_ids: what it is about, such as ["IN4"]; None: all that such a run can show.
        automated: whether it ran by itself; None: whether `CI` is set.
        run: a `Run`, a `GateResult`, or a mapping with "kind" ("gate", "experiment", "replay",
            "health", "monitor", "pytest", "records", "app", "document", or a word of your own),
            "id", and if need be "name" and "path".
        detail: its numbers; of a `Run` and a `GateResult` they are known. Those of a kind of your
            own say with "passed" whether it is as it should be, and with "why" in a sentence.
        folder: where evidence lies; None: where the project's does, or below the working directory.

    Returns:
        The file; None when the run shows nothing.

    Raises:
        ConfigurationError: for ids that are none, or a run that is none.
    """
    tests = None if test_ids is None else known_tests(_listed(test_ids))
    folder = folder or evidence_folder() or Path.cwd() / FOLDER
    link, result = link_of(run, detail, root=folder.parent.parent)
    if link.kind not in KINDS:
        result = {"passed": False, **result, "tests": tests or (), "said_kind": link.kind}
        link = link._replace(kind="custom", name=f"{link.kind} {link.name}")
    result = json.loads(json.dumps(plain(result)))
    tests = tuple(shown_by(link.kind, result)) if tests is None else tests
    if not tests:
        return None
    automated = in_ci() if automated is None else bool(automated)
    return _written(folder, _data(tests, automated=automated, link=link, result=result))


def _listed(given: Iterable[str]) -> list[str]:
    return [given] if isinstance(given, str) else list(given)


def _data(tests: tuple[str, ...], *, automated: bool, link: Link, result: Any) -> dict[str, Any]:
    git = git_state() or {}
    data = {
        "schema": SCHEMA,
        "tests": list(tests),
        "automated": automated,
        "run": link._asdict(),
        "at": clock.active().time(),
        "git": {"commit": git.get("commit"), "dirty": git.get("dirty")},
        "result": result,
    }
    return {**data, "digest": digest_of(data)}


def _written(folder: Path, data: Mapping[str, Any]) -> Path:
    run = data["run"]
    ending = "json" if data["automated"] else "by-hand.json"
    file = folder / f"{_plain_name(run['kind'])}-{_plain_name(run['name'])}.{ending}"
    folder.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        part.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        part.replace(file)  # whoever reads sees the one or the other, whole
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return file


def _plain_name(text: str) -> str:
    plain_text = "".join(each if each.isalnum() or each in "-_." else "-" for each in text)
    if plain_text == text and 0 < len(text) <= 80 and not text.startswith("."):
        return text
    return f"{plain_text[:60].strip('.-') or 'run'}-{digest_of(text)[7:13]}"


def _moment(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError("no moment")
    return float(value)


def read_evidence(file: Path) -> Evidence:
    """What a file of evidence says.

    Raises:
        ConfigurationError: when it is none, was changed since it was written, or was written by
            another version that keeps it otherwise. The message goes on from "it …".
    """
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"cannot be read ({type(error).__name__})") from None
    if not isinstance(data, dict) or "digest" not in data:
        raise ConfigurationError("is no evidence that reliai wrote")
    if data.get("schema") != SCHEMA:
        message = f"is of schema {data.get('schema')!r}, and this reliai reads {SCHEMA}"
        raise ConfigurationError(message)
    digest = data.pop("digest")
    if digest_of(data) != digest:
        raise ConfigurationError("was changed after it was written")
    try:
        return Evidence(
            tests=known_tests(list(data["tests"])),
            automated=data["automated"] is True,
            link=Link(**data["run"]),
            result=dict(data["result"]),
            at=_moment(data["at"]),
            commit=data["git"]["commit"],
            dirty=data["git"]["dirty"],
            file=file,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(f"lacks something ({type(error).__name__}: {error})") from None
