"""`cassette`: the block inside which guarded calls are recorded once and replayed afterwards."""

from __future__ import annotations

import functools
import inspect
import os
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    ParamSpec,
    TypeAlias,
    TypeVar,
    cast,
    get_args,
)

from reliai.errors import ConfigurationError
from reliai.testing._cassette.arguments import Match, checked_match
from reliai.testing._cassette.codec import Codec, Encode
from reliai.testing._cassette.recorder import Cassette, Settings
from reliai.testing._cassette.redaction import Redact, Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from types import TracebackType

__all__ = ["Block", "Mode", "cassette"]

P = ParamSpec("P")
R = TypeVar("R")

Mode: TypeAlias = Literal["once", "replay", "record", "new"]

MODE_VARIABLE = "RELIAI_CASSETTES"
KEY_VARIABLE = "RELIAI_CASSETTE_KEY"


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


class Block(AbstractContextManager[Cassette]):
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
