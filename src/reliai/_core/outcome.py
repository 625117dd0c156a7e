"""What a call came to. Travels between policies in place of exceptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from reliai._core.record import CallRecord
    from reliai._core.workers import Worker
    from reliai.providers import Failure

__all__ = ["LeavingOutcome", "Outcome", "StreamOutcome"]


_classify: Callable[[BaseException], Failure] | None = None


def _classifier() -> Callable[[BaseException], Failure]:
    """`reliai.providers.classify`, loaded with the first failure: that takes 15 ms."""
    global _classify  # noqa: PLW0603  kept for the failures that follow
    from reliai.providers import classify  # noqa: PLC0415

    _classify = classify
    return classify


class Outcome:
    """A value or an error, never both.

    Attributes:
        value: what the call returned; None when it failed.
        error: the exception it ended in; None when it succeeded.
        degraded: whether the value is a stand-in: a fallback's answer, a stale one, an `otherwise`.
        streaming: whether the value is a `Stream`.
        left: the thread that was left behind and still runs the function; None nearly always.
    """

    __slots__ = ("_failure", "_record", "degraded", "error", "value")

    streaming = False
    left: Worker | None = None

    value: Any
    error: BaseException | None
    degraded: bool
    _failure: Failure | None
    _record: CallRecord

    def __init__(self, value: Any = None, error: BaseException | None = None) -> None:
        self.value = value
        self.error = error
        self.degraded = False
        self._failure = None

    @property
    def ok(self) -> bool:
        """Whether the call succeeded."""
        return self.error is None

    @property
    def failure(self) -> Failure | None:
        """What kind of failure the error is; None for a success. Classified when first asked."""
        if self._failure is None and self.error is not None:
            self._failure = (_classify or _classifier())(self.error)
        return self._failure

    @property
    def record(self) -> CallRecord | None:
        """The call's record; None inside a policy, and for a stream that has not ended."""
        record: CallRecord | None = getattr(self, "_record", None)
        return record if record is not None and record.ended else None

    @property
    def call_id(self) -> str | None:
        """The call's id; None inside a policy."""
        record: CallRecord | None = getattr(self, "_record", None)
        return None if record is None else record.id

    def unwrap(self) -> Any:
        """The value.

        Raises:
            BaseException: the error, when there is one.
        """
        if self.error is None:
            return self.value
        try:
            raise self.error
        finally:
            # The traceback refers to this frame; a frame that referred back would be a cycle.
            del self

    def __await__(self) -> Generator[Any, None, Outcome]:
        """Awaited, an outcome gives itself: who has one at hand needs no coroutine around it."""
        return self
        yield  # makes this the generator that `await` asks for

    def __repr__(self) -> str:
        if self.error is None:
            return f"<reliai.Outcome value={type(self.value).__name__}>"
        return f"<reliai.Outcome error={self.error!r}>"


class StreamOutcome(Outcome):
    """An outcome whose value is a `Stream` with its first chunk read."""

    __slots__ = ()

    streaming = True


class LeavingOutcome(Outcome):
    """An outcome for which a thread was left behind; what it holds is freed when that ends."""

    __slots__ = ("left",)

    left: Worker | None

    def __init__(self, failed: Outcome, left: Worker) -> None:
        super().__init__(error=failed.error)
        self._failure = failed._failure  # noqa: SLF001  it is one of ours
        self.left = left
