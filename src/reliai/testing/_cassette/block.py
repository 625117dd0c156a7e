"""`cassette`: the block inside which guarded calls are recorded once and replayed afterwards."""

from __future__ import annotations

import functools
import inspect
import os
import threading
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    NamedTuple,
    ParamSpec,
    TypeAlias,
    TypeVar,
    cast,
    get_args,
)

from reliai._core.ambient import ambient, surroundings
from reliai.errors import ConfigurationError
from reliai.testing._cassette.arguments import Match, checked_match, describe
from reliai.testing._cassette.codec import Codec, Encode
from reliai.testing._cassette.file import Document, canonical, merge, read
from reliai.testing._cassette.leaf import between
from reliai.testing._cassette.redaction import Redact, Redactor
from reliai.testing._cassette.replay import Replay
from reliai.testing._cassette.take import Take
from reliai.testing._cassette.tape import Identity, Tape
from reliai.testing._cassette.trouble import CassetteError, CassetteMismatch
from reliai.testing._filters import with_tape

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from types import TracebackType

    from reliai._core.call import Call
    from reliai._core.record import Attempt

__all__ = ["Cassette", "Mode", "cassette"]

P = ParamSpec("P")
R = TypeVar("R")

Mode: TypeAlias = Literal["once", "replay", "record", "new"]

MODE_VARIABLE = "RELIAI_CASSETTES"
KEY_VARIABLE = "RELIAI_CASSETTE_KEY"
_TIMES = frozenset({"seconds", "waits"})


def cassette(
    path: str | os.PathLike[str],
    *,
    mode: Mode | None = None,
    match: Match | None = None,
    redact: Redact | Sequence[Redact] | None = None,
    encode: Encode | None = None,
    key: str | bytes | None = None,
    speed: float | None = None,
    strict: bool = False,
) -> Block:
    """Record the guarded calls made inside, once; replay them from then on, without network.

    What is recorded is each attempt, below all policies: its arguments, and its answer, stream or
    error. It holds for the calls of this thread and of the tasks started inside. Where a guarded
    function calls others, the innermost calls are recorded, and the outer ones run.

    Args:
        path: the JSON file, made with its folders when something was recorded.
        mode: "once" records when there is no file and replays when there is one; "replay" never
            calls a model; "record" calls it always and replaces what the file held; "new" replays
            what is there and records the rest. Default: $RELIAI_CASSETTES, else "once".
        match: the names of the parameters that tell calls apart, or a function of the call that
            gives what does. Default: all; objects that are no data count by their type.
        redact: takes content out of what is written: functions from text to text and checks, such
            as `Pii(action="redact")`. Secrets are taken out in any case. It must do the same to
            the same text each time.
        encode: for types that cannot be stored by themselves, a pair of functions: to data, and
            back from it.
        key: tells calls apart that differ only in what was redacted, by an HMAC in the file; keep
            it out of the repository. Default: $RELIAI_CASSETTE_KEY, else such calls are replayed
            in the order in which they were recorded.
        speed: how many times as fast as recorded a replay is (1.0: as slow as the model was);
            None to wait for nothing.
        strict: whether the block fails at its end when a recording was not used, or when a call
            without one was made and its error kept from the test.

    Returns:
        A block for `with`, which gives a `Cassette`; or a decorator of a test, `async def` or not.

    Raises:
        ConfigurationError: a setting is none of those above.
        CassetteError: the file cannot be read, or a call cannot be recorded.
        CassetteMismatch: a call was made that the file has no recording of.
    """
    settings = Settings(
        Path(path),
        _mode(mode),
        checked_match(match),
        Codec(encode),
        Redactor(redact, _key(key)),
        _speed(speed),
        strict,
    )
    return Block(settings)


class Settings(NamedTuple):
    """What `cassette` was given, checked."""

    path: Path
    mode: str
    match: Any
    codec: Codec
    redactor: Redactor
    speed: float | None
    strict: bool


class Block(AbstractContextManager["Cassette"]):
    """What `cassette` returns: a block for `with`, or a decorator."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._entered: list[AbstractContextManager[Cassette]] = []

    def __enter__(self) -> Cassette:
        block = _inside(Cassette(self._settings))
        made = block.__enter__()
        self._entered.append(block)
        return made

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return self._entered.pop().__exit__(kind, error, traceback)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Have a function run inside a block of its own each time.

        Raises:
            ConfigurationError: it is a generator function, whose code runs after the call.
        """
        run: Any = function
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise ConfigurationError(
                f"@cassette(…) on {function!r}, a generator function: use `with cassette(…):` in it"
            )
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def later(*args: Any, **kwargs: Any) -> Any:
                with Block(self._settings):
                    return await run(*args, **kwargs)

            return cast("Callable[P, R]", later)

        @functools.wraps(function)
        def at_once(*args: P.args, **kwargs: P.kwargs) -> R:
            with Block(self._settings):
                return function(*args, **kwargs)

        return at_once


@contextmanager
def _inside(made: Cassette) -> Generator[Cassette]:
    error: BaseException | None = None
    try:
        with made.active():
            yield made
    except BaseException as raised:
        error = raised
        raise
    finally:
        made.end(error)
        del error


class Cassette:
    """What `cassette` gives.

    Attributes:
        path: the file.
        mode: "once", "replay", "record" or "new".
        recorded, replayed: attempts so far.
        unmatched: the errors of the calls that had no recording.
        failure: what a test failed with whose fixture holds the block; the block itself sees the
            errors that pass through it.
    """

    def __init__(self, settings: Settings) -> None:
        self.path = settings.path
        self.mode = settings.mode
        self.recorded = 0
        self.replayed = 0
        self.unmatched: list[CassetteMismatch] = []
        self.failure: BaseException | None = None
        self._settings = settings
        self._codec = settings.codec
        self._plain = Codec(settings.codec.own, lenient=True)
        self._base = read(self.path)
        there = self.path.exists()
        if self.mode == "replay" and not there:
            raise CassetteError(
                f'{self.path} does not exist, and mode="replay" records nothing; record it with '
                'mode="once"'
            )
        self._records = self.mode in ("record", "new") or (self.mode == "once" and not there)
        self._outer = set[str]() if self.mode == "record" else set(self._base.outer)
        self._tape = Tape([] if self.mode == "record" else self._base.entries)
        self._lock = threading.Lock()
        self._takes: list[Take] = []
        self._open: set[Take] = set()
        self._raised: list[Exception] = []

    @property
    def unused(self) -> list[str]:
        """The recordings that were not replayed so far: the call, and its arguments as JSON."""
        return [
            f"{entry['call']}({canonical(entry['arguments'])})" for entry in self._tape.unused()
        ]

    @contextmanager
    def active(self) -> Generator[None]:
        """Use it in another context as well: that of a task which was started before the block."""
        filters = with_tape(ambient.get().leaf_filter, self._filter)
        with surroundings(leaf_filter=filters):
            yield

    # --- each attempt ----------------------------------------------------------------------
    def _filter(self, call: Call, function: Callable[..., Any]) -> Callable[..., Any]:
        return between(self, call, function)

    def begin(self, call: Call, attempt: Attempt) -> Replay | Take | None:
        """Decide what becomes of an attempt.

        Raises:
            CassetteMismatch: it has no recording, and none is to be made.
        """
        identity = self._identity(call)
        entry = self._tape.take(identity)
        if entry is not None:
            with self._lock:
                self.replayed += 1
            return Replay(entry, call, attempt, self._codec, self._settings.speed)
        if self._records:
            return self._record(call, attempt, identity)
        if call.name in self._outer:
            return None
        mismatch = self._tape.mismatch(identity, self.path)
        self.unmatched.append(mismatch)
        raise mismatch

    def _identity(self, call: Call) -> Identity:
        described = describe(call, self._settings.match, self._plain)
        arguments, digest = self._settings.redactor.arguments(described)
        target = None if call.primary else call.target
        return Identity(call.name, target, arguments, digest)

    def _record(self, call: Call, attempt: Attempt, identity: Identity) -> Take:
        take = Take(call, attempt, identity, self._codec, self._settings.redactor)
        call.meters = (*call.meters, take)
        with self._lock:
            self._mark_those_outside(call)
            self._takes.append(take)
            self._open.add(take)
        return take

    def _mark_those_outside(self, call: Call) -> None:
        outside: set[int] = set()
        above = call.parent
        while above is not None:
            outside.add(id(above._record))  # noqa: SLF001  identity of the call
            above = above.parent
        for take in self._open:
            if id(take.call._record) in outside:  # noqa: SLF001  the same
                take.composite = True
                self._outer.add(take.call.name)

    def keep(self, take: Take) -> None:
        """Count a recording that has ended; what is dropped needs no place among those open."""
        if take.open:
            return
        with self._lock:
            if take in self._open:
                self._open.remove(take)
                self.recorded += take.entry is not None
        take.detach()

    def failed(self, take: Take, error: Exception) -> None:
        """Keep the error an attempt ended in."""
        self._raised.append(error)
        take.failed(error)

    # --- the end ---------------------------------------------------------------------------
    def end(self, error: BaseException | None) -> None:
        """Write what was recorded, and complain of what a strict block must not leave.

        Args:
            error: what the block ended in.

        Raises:
            CassetteError: a recording was not used, or cannot be written.
            CassetteMismatch: a call had no recording, and its error went nowhere.
        """
        error, self.failure = error or self.failure, None
        for take in self._takes:
            take.finish()
            take.detach()
        self._open.clear()
        failed, self._raised = self._raised, []
        if error is None or not any(each is error for each in failed):
            self._write()
        self._takes.clear()
        if self._settings.strict and error is None:
            self._complain()

    def _write(self) -> None:
        new = [take.entry for take in self._takes if take.entry is not None]
        if self.mode == "record":
            new = _as_before(new, self._base.entries)
        replace = self.mode == "record" and new != self._base.entries
        changed = replace or (self.mode != "record" and bool(new))
        if changed or (self._records and self._outer != self._base.outer):
            ours = Document([] if self.mode == "record" and not replace else new, self._outer)
            merge(self.path, self._base, ours, replace=replace)

    def _complain(self) -> None:
        if self.unmatched:
            raise self.unmatched[0]
        unused = self.unused
        if unused:
            raise CassetteError(
                f"{self.path} holds {len(unused)} recordings that no call used: "
                f"{'; '.join(unused[:8])}. Record it anew, or pass strict=False"
            )

    def __repr__(self) -> str:
        return (
            f"<reliai.testing.Cassette {str(self.path)!r}, mode {self.mode!r}, "
            f"{self.replayed} replayed, {self.recorded} recorded>"
        )


def _as_before(new: list[dict[str, Any]], known: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Recordings, each as it was before when only the time it took is another."""
    before: dict[str, list[dict[str, Any]]] = {}
    for entry in known:
        before.setdefault(_timeless(entry), []).append(entry)
    kept: list[dict[str, Any]] = []
    for entry in new:
        same = before.get(_timeless(entry))
        kept.append(same.pop(0) if same else entry)
    return kept


def _timeless(entry: dict[str, Any]) -> str:
    return canonical({name: value for name, value in entry.items() if name not in _TIMES})


def _mode(mode: str | None) -> str:
    chosen = mode or os.environ.get(MODE_VARIABLE) or "once"
    if chosen not in get_args(Mode):
        where = "mode" if mode else f"${MODE_VARIABLE}"
        raise ConfigurationError(
            f"cassette({where}={chosen!r}): use one of {', '.join(get_args(Mode))}"
        )
    return chosen


def _key(key: str | bytes | None) -> str | bytes | None:
    return key or os.environ.get(KEY_VARIABLE) or None


def _speed(speed: object) -> float | None:
    if speed is None:
        return None
    if isinstance(speed, int | float) and not isinstance(speed, bool) and speed > 0:
        return float(speed)
    raise ConfigurationError(f"cassette(speed={speed!r}): must be a number above 0, or None")
