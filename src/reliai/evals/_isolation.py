"""Running what is evaluated: a function, guarded or bare, away from everything that serves users.

An experiment asks for one `Isolated` a run, and calls that for each trial.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

from reliai._core.binding import Options, bound_of, guard
from reliai._core.evaluation import Evaluation
from reliai._core.outcome import Outcome
from reliai._core.target import target_name
from reliai.errors import ConfigurationError
from reliai.evals._fingerprints import code_of, digest_of
from reliai.evals._streams import collected, collected_async

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from reliai._core.binding import Bound

__all__ = ["POLICIES", "Isolated", "isolated"]

POLICIES: Final = ("evaluation", "deployed", "bare")


class Isolated:
    """A function as an evaluation calls it; what it takes for itself it lets go with the block.

    The calls, and those of all guarded functions that they lead to, have `environment="eval"` on
    their records, and are seen by no observer that does not ask for evaluations: no monitor, no
    capture, no metrics, nor `report()`.

    Attributes:
        name: the function's.
        kind: "sync", "async", "generator" or "async_generator".
        policies: "evaluation", "deployed" or "bare".
        effects: "none", "idempotent" or "once", as `reliable(effects=)` says.
    """

    def __init__(self, target: Callable[..., Any], policies: str, run_id: str | None) -> None:
        if policies not in POLICIES:
            known = ", ".join(map(repr, POLICIES))
            message = f"policies={policies!r} is unknown; use one of {known}"
            raise ConfigurationError(message)
        self.policies = policies
        self._given = target
        self._bound = _bound(target)
        self._owner = getattr(target, "__self__", None) if bound_of(target) else None
        site = self._bound.site
        self.name, self.kind, self.effects = site.name, site.kind, site.effects
        self._evaluation = Evaluation(
            isolates=policies == "evaluation",
            run_id=run_id,
            mode="off" if policies == "bare" else None,
        )
        self._evaluation.site_of(site)  # what cannot be set up fails here, not in the first case

    @property
    def asynchronous(self) -> bool:
        """Whether an event loop runs the function: then `acall` is the way to call it."""
        return self._bound.asynchronous

    @property
    def fingerprint(self) -> str:
        """The digest of the function's own code, its policies and the way they are used.

        What it names of other modules counts too, but for installed packages; what classes do, what
        a function imports inside of itself, and models behind an API are not in it.
        """
        site = self._bound.site
        kept = None if self.policies == "bare" else site.fingerprint
        return digest_of([self.name, self.policies, kept, code_of(site.function)])

    def call(self, inputs: Mapping[str, Any]) -> Outcome:
        """Call the function once, with `inputs` as its keyword arguments.

        Never raises an `Exception`. A stream is read to its end: the value is its text, or else the
        list of its chunks. An asynchronous function is run in an event loop of its own.
        """
        if self.asynchronous:
            if _in_a_loop():
                return Outcome(
                    error=ConfigurationError(f"{self.name} is asynchronous: await acall")
                )
            return asyncio.run(self.acall(inputs))
        with self.scope():
            try:
                return collected(self._bound.execute(self._args(), dict(inputs)))
            except Exception as error:  # noqa: BLE001  arguments that do not fit a generator
                return Outcome(error=error)

    async def acall(self, inputs: Mapping[str, Any]) -> Outcome:
        """`call` from an event loop; a synchronous function runs in a thread."""
        if not self.asynchronous:
            return await asyncio.to_thread(self.call, inputs)
        with self.scope():
            try:
                outcome = await self._bound.execute(self._args(), dict(inputs))
                return await collected_async(outcome)
            except Exception as error:  # noqa: BLE001  as above
                return Outcome(error=error)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Have what is called inside, such as a judge, isolated like the function itself."""
        with self._evaluation.trial():
            yield

    def _args(self) -> tuple[Any, ...]:
        return () if self._owner is None else (self._owner,)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._evaluation.close()

    def __repr__(self) -> str:
        return f"<reliai.evals.Isolated {self.name} policies={self.policies!r}>"


def isolated(
    target: Callable[..., Any], policies: str = "evaluation", *, run_id: str | None = None
) -> Isolated:
    """`target` as an evaluation calls it.

    Args:
        target: a function, guarded or bare, of any kind; `inputs` are its keyword arguments.
        policies: "evaluation": the function's policies with nothing kept from other calls and
            nothing shared; Cache, Hedge, Shadow and Route left out. "deployed": the policies that
            serve users, with all they know; only observers are spared. "bare": no policies, also
            of guarded functions that it calls.
        run_id: goes on the records.

    Raises:
        ConfigurationError: for other `policies`, or what cannot be called.
    """
    return Isolated(target, policies, run_id)


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _bound(target: Callable[..., Any]) -> Bound:
    bound = bound_of(target)
    if bound is not None:
        return bound
    if isinstance(target, type) or not callable(target):
        message = f"target={target!r}: must be a function, guarded with @reliai.reliable() or bare"
        raise ConfigurationError(message)
    made = bound_of(guard(target, (), Options(name=target_name(target))))
    assert made is not None  # noqa: S101  guard made it
    return made
