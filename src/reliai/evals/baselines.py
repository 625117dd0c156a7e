"""The baseline of a change: the pin that its target branch had when the change began."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from reliai.errors import ConfigurationError
from reliai.evals._absent import NoBaseline
from reliai.evals._repository import GitError, repository_of
from reliai.evals.pins import Pin, pin, pin_path

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MissingPolicy", "NoBaseline", "Pin", "baseline", "pin", "pin_path"]

MissingPolicy: TypeAlias = Literal["fail", "warn", "run"]

_POLICIES: Final = ("fail", "warn", "run")
_MERGE_BASE: Final = "merge-base"


def baseline(
    which: str = _MERGE_BASE,
    *,
    experiment: str,
    missing: MissingPolicy = "fail",
    run: Callable[[str | None], Any] | None = None,
    folder: str | Path | None = None,
    target: str | None = None,
) -> Any:
    """What to compare a run with.

    Args:
        which: "merge-base" reads `.reliai/baselines/<experiment>.json` as git has it at the commit
            where this change left its target branch; a path reads that file, or that run's
            folder; anything else is the id of a run.
        experiment: its name.
        missing: what to do when there is none. "fail" and "warn" give a `NoBaseline`, for which
            rules that compare fail, or are INCONCLUSIVE; "run" makes one.
        run: with "run", a function of the commit (None where it is not known) that runs the
            experiment as it was there, and gives the run.
        folder: where to look; None for the working directory.
        target: the target branch; None for what RELIAI_BASE or the CI system says, or origin's
            default branch.

    Returns:
        A `Pin`, a run, or a `NoBaseline`.

    Raises:
        ConfigurationError: for a setting that is none, or a file that is no pin.
    """
    if missing not in _POLICIES:
        raise ConfigurationError(f"baseline(missing={missing!r}): must be one of {_POLICIES}")
    if (missing == "run") != (run is not None):
        raise ConfigurationError(
            'baseline(missing="run", run=…): the two go together: a function that makes the run'
        )
    where = Path() if folder is None else Path(folder)
    pin_path(experiment)
    if which == _MERGE_BASE:
        found, commit = _at_merge_base(experiment, where, target)
    else:
        found, commit = _named(which, experiment, where), None
    if isinstance(found, str):
        if run is not None:
            return run(commit)
        return NoBaseline(found, "warn" if missing == "warn" else "fail")
    return found


def _at_merge_base(
    experiment: str, folder: Path, target: str | None
) -> tuple[Pin | str, str | None]:
    """The pin, or why there is none, and the commit."""
    commit: str | None = None
    try:
        git = repository_of(folder)
        path = git.path_of(pin_path(experiment, folder))
        commit = git.before(git.merge_base(target), path)
        text = git.file_at(commit, path)
    except GitError as error:
        return str(error), commit
    if text is None:
        return f"the merge base {commit[:12]} has no {path}", commit
    return Pin.read(text, f"{path} at {commit[:12]}"), commit


def _named(which: str, experiment: str, folder: Path) -> Any:
    path = folder / which
    if path.is_file() and path.name != "manifest.json":
        return Pin.read(path.read_bytes(), str(path))
    if which.endswith(".json") and not path.exists():
        return f"there is no file {path}"
    from reliai.evals.run import Run  # noqa: PLC0415  it compares

    try:
        return Run.load(str(path) if path.exists() else which)
    except (ConfigurationError, OSError) as error:
        return f"there is no run {which!r} of {experiment!r}: {error}"
