"""The files of a run: a manifest, and trials one to a line, only ever appended.

    .reliai/runs/<experiment>/<run id>/
        manifest.json           what was run; rewritten as a whole
        trials-<part>.jsonl     one part for each process that wrote
        scores-<digest>.jsonl   of a later scoring, a line for each trial in their order

A process that dies leaves at most half a line at the end of its own part, which is not read.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import contextmanager, suppress
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reliai import clock
from reliai._core import ids
from reliai.errors import ConfigurationError
from reliai.evals._outputs import json_form

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reliai.evals.run import Run
    from reliai.evals.trial import Trial

__all__ = [
    "RUNS",
    "RunWriter",
    "alone",
    "encoded",
    "folder_name",
    "is_written",
    "json_lines",
    "lines_of",
    "new_run_id",
    "out_of_git",
    "parts_of",
    "read_manifest",
    "write_manifest",
]

RUNS: Final = Path(".reliai") / "runs"
"""Where runs live, below the working directory."""

MANIFEST: Final = "manifest.json"
_BUFFERED: Final = 64
_FLUSH_SECONDS: Final = 0.05
_TAIL: Final = 1 << 16
_SURROGATES: Final = "surrogatepass"  # half of a pair, which models do emit


def _shown(value: Any) -> Any:
    """What a scorer gave as an explanation, or beside it, and JSON cannot say."""
    try:
        return json_form(value)
    except Exception:  # noqa: BLE001  a foreign object may raise anything
        return repr(value)


encoded = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_shown).encode
"""A line of JSON; what JSON cannot say is shown by its JSON form, or else by its repr."""


def new_run_id() -> str:
    """A fresh id: ordered by time, 32 hexadecimal digits."""
    return ids.as_text(ids.new(clock.active().time()))


def folder_name(experiment: str) -> str:
    """The name of an experiment as that of a folder; of each name another one.

    Raises:
        ConfigurationError: when it is empty, or only dots.
    """
    name = re.sub(r"[^\w.\[\]=,+@ -]", "_", experiment).strip(" .")[:120]
    if not name:
        raise ConfigurationError(f"name={experiment!r}: an experiment needs a name with letters")
    if name == experiment:
        return name
    told = experiment.encode("utf-8", "surrogatepass")  # "q/y" and "q:y" are not the same
    return f"{name}-{blake2b(told, digest_size=4).hexdigest()}"


def out_of_git(folder: Path) -> None:
    """Make a folder whose files hold what went in and came out, and git leaves alone.

    One that is there already is left as it is.
    """
    with suppress(FileExistsError):
        folder.mkdir(parents=True)
        (folder / ".gitignore").write_text("*\n", "utf-8")


class RunWriter:
    """Writes one part of a run.

    Lines are written in batches: at once when the last batch is 50 ms old, else with the next line
    or `flush()`. Not for several threads at a time.

    Args:
        path: the folder.
        part: the name of the part; None: the next number.
        alone: whether no other process may write the run meanwhile.

    Raises:
        ConfigurationError: when another process writes it, and one of the two wants to be alone.

    Attributes:
        path: the folder.
        dirty: whether lines wait to be written.
    """

    def __init__(self, path: Path, part: str | None = None, *, alone: bool = False) -> None:
        self.path = path
        self._lock = _locked(path, alone=alone)
        name = part or f"{len(parts_of(path)):04d}-{os.getpid()}"
        file = path / f"trials-{name}.jsonl"
        if part is not None:
            _drop_half_a_line(file)
        self._file = file.open("ab", buffering=0)
        self._lines: list[str] = []
        self._written_at = 0.0
        self._clock = clock.active()

    @classmethod
    def create(
        cls,
        experiment: str,
        *,
        run_id: str | None = None,
        root: Path | str | None = None,
        manifest: Mapping[str, Any] | None = None,
        part: str | None = None,
        alone: bool = False,
    ) -> RunWriter:
        """Begin a run, or another part of the one with that id."""
        run_id = run_id or new_run_id()
        folder = Path(root or RUNS)
        out_of_git(folder)
        path = folder / folder_name(experiment) / run_id
        path.mkdir(parents=True, exist_ok=True)
        writer = cls(path, part, alone=alone)  # before anybody can find the run, and go on with it
        try:
            if not (path / MANIFEST).exists():
                told = {
                    "format": 1,
                    "id": run_id,
                    "experiment": experiment,
                    "scorers": {},
                    "started_at": clock.active().time(),
                    "ended_at": None,
                    "state": "partial",
                }
                write_manifest(path, {**told, **(manifest or {})})
        except BaseException:
            writer._let_go()
            raise
        return writer

    @property
    def dirty(self) -> bool:
        return bool(self._lines)

    def write(self, trial: Trial, *, last: bool = False) -> None:
        """Append a trial.

        Args:
            trial: what is appended.
            last: whether it is the last of its case, so that readers need not wait for more of it.
        """
        data = trial.to_dict()
        if last:
            data["last"] = True
        self.write_line(data)

    def write_line(self, data: Mapping[str, Any]) -> None:
        """Append the data of a trial."""
        self._lines.append(encoded(data))
        if (
            len(self._lines) >= _BUFFERED
            or self._clock.monotonic() - self._written_at >= _FLUSH_SECONDS
        ):
            self.flush()

    def flush(self) -> None:
        """Write what waits: it outlives the process from then on.

        Raises:
            OSError: when it cannot be written, the disk being full for example; then nothing of it
                is in the file, and it still waits.
        """
        if self._lines:
            lines, self._lines = self._lines, []
            try:
                _append(self._file.fileno(), "\n".join((*lines, "")).encode("utf-8", _SURROGATES))
            except BaseException:
                self._lines = lines
                raise
        self._written_at = self._clock.monotonic()

    def close(self, state: str | None = None, **manifest: Any) -> Run:
        """Write what waits, then the manifest's changes.

        Args:
            state: "complete" or "partial"; None: the manifest stays as it is.
            manifest: further entries.

        Raises:
            OSError: when the last of it cannot be written; the run is then unfinished, and whoever
                wants to may go on with it.
        """
        try:
            self._finish()
            if state is not None:
                told = read_manifest(self.path)
                told.update(manifest, state=state, ended_at=self._clock.time())
                write_manifest(self.path, told)
        finally:
            self._let_go()
        made: Run = import_module("reliai.evals.run").Run(self.path)  # it reads by this module
        return made

    def _let_go(self) -> None:
        self._file.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _finish(self) -> None:
        """Write what waits, and close the part whatever comes of it."""
        if self._file.closed:
            return
        try:
            self.flush()
            with suppress(OSError):  # some file systems cannot
                os.fsync(self._file.fileno())
        finally:
            self._file.close()


def read_manifest(path: Path) -> dict[str, Any]:
    """What a run says of itself.

    Raises:
        ConfigurationError: when there is none, or it is damaged.
    """
    file = path / MANIFEST
    try:
        told = json.loads(file.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ConfigurationError(f"{str(path)!r} is no run: it has no {MANIFEST}") from error
    except ValueError as error:
        raise ConfigurationError(f"{str(file)!r} is damaged: it is no JSON") from error
    if not isinstance(told, dict):
        raise ConfigurationError(f"{str(file)!r} is damaged: it is no JSON object")
    return told


def write_manifest(path: Path, told: Mapping[str, Any]) -> None:
    """Replace the manifest as a whole, so that no reader ever sees half of one."""
    beside = path / f".{MANIFEST}.{os.getpid()}"
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
            file.flush()
            with suppress(OSError):  # some file systems cannot
                os.fsync(file.fileno())
        beside.replace(path / MANIFEST)
    finally:
        beside.unlink(missing_ok=True)


def parts_of(path: Path) -> list[Path]:
    """The files with trials, in a stable order."""
    return sorted(path.glob("trials-*.jsonl"))


def lines_of(path: Path) -> Iterator[dict[str, Any]]:
    """The data of the trials of a run, in the order in which they were written.

    Raises:
        ConfigurationError: when its folder is gone, which would otherwise read as no trials.
    """
    if not path.is_dir():
        raise ConfigurationError(f"{str(path)!r}: the folder of this run is gone")
    for part in parts_of(path):
        yield from json_lines(part)


def json_lines(file: Path) -> Iterator[dict[str, Any]]:
    """The objects in a file, one to a line; a last line that was cut off is left out.

    Raises:
        ConfigurationError: for any other line that is no JSON object, naming file and line.
    """
    with file.open("rb") as opened:
        for number, line in enumerate(opened, 1):
            if not line.endswith(b"\n"):
                return
            try:
                data = json.loads(line.decode("utf-8", _SURROGATES))
            except ValueError as error:
                raise ConfigurationError(f"{file}:{number}: is damaged: no JSON") from error
            yield data


def _append(descriptor: int, data: bytes) -> None:
    """Write all of it, or nothing: a line after half of another one could never be read."""
    before = os.fstat(descriptor).st_size
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except BaseException:
        with suppress(OSError):
            os.ftruncate(descriptor, before)
        raise


def _drop_half_a_line(file: Path) -> None:
    """Of a part that another process wrote before, and died over its last line."""
    with suppress(FileNotFoundError), file.open("rb+") as opened:
        end = at = opened.seek(0, os.SEEK_END)
        while at:
            start = max(0, at - _TAIL)
            opened.seek(start)
            found = opened.read(at - start).rfind(b"\n")
            if found >= 0:
                at = start + found + 1
                break
            at = start
        if at < end:
            opened.truncate(at)


def _locked(path: Path, *, alone: bool) -> Any:
    """Hold a lock on the run, which the system lets go with the process."""
    try:
        import fcntl  # noqa: PLC0415  POSIX only
    except ImportError:
        return None
    file = (path / ".lock").open("ab")
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise ConfigurationError(f"another process works on the run {path.name}") from error
    except OSError:  # a file system without locks
        file.close()
        return None
    return file


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Have a run for oneself while the block lasts.

    Raises:
        ConfigurationError: when another process works on it.
    """
    lock = _locked(path, alone=True)
    try:
        yield
    finally:
        if lock is not None:
            lock.close()


def is_written(path: Path) -> bool:
    """Whether a process that lives writes this run."""
    try:
        import fcntl  # noqa: PLC0415  as above
    except ImportError:
        return False
    lock = path / ".lock"
    if not lock.exists():
        return False
    with lock.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
