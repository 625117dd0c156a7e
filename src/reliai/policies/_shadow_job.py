"""One call that is shadowed: what is kept of it, and all that happens after it has ended.

Written once, as a coroutine. On a thread it never suspends; in an event loop it is a task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from reliai._core.ambient import ambient, current
from reliai._core.delivery import complain
from reliai._core.frames import empty_frames
from reliai._core.shadowing import Shadowing
from reliai.comparisons import Judgement, judged
from reliai.errors import BudgetExceeded, ErrorKind
from reliai.policies._shadow_report import ShadowResult
from reliai.policies._shadow_request import detached

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextvars import Context

    from reliai._core.binding import Bound
    from reliai._core.call import Call
    from reliai.comparisons import Comparator
    from reliai.decisions.shadow_tally import Tally

__all__ = ["Answer", "Desk", "Job", "Means", "Place", "Request", "examine"]


class Answer(NamedTuple):
    """What one function came to; `error` is None for a value."""

    value: Any = None
    error: BaseException | None = None
    seconds: float = 0.0
    usd: float | None = None
    kind: str = ErrorKind.UNKNOWN.value


class Desk(NamedTuple):
    """What a shadow does with the calls of one function.

    Attributes:
        candidate: the function that is tried.
        baseline: the primary, without its policies, to be asked again; None when it never is.
        timeout: seconds for each thing that is called.
    """

    name: str
    candidate: Bound
    baseline: Bound | None
    comparator: Comparator
    publish: Callable[[ShadowResult], Any] | None
    stand_ins: Mapping[int, Callable[..., Any]]
    timeout: float
    tally: Tally


class Place(Protocol):
    """Where jobs run: a pool of threads, or an event loop."""

    def submit(self, job: Job) -> None:
        """Run a job, now or later; lose it when that cannot be."""


class Means(Protocol):
    """How a job calls functions: on threads, or in an event loop."""

    async def ask(self, bound: Bound, request: Request) -> Answer:
        """Call a function, and read its stream to the end."""
        ...

    async def call(self, function: Callable[..., Any], seconds: float, *args: Any) -> Any:
        """Call a comparator, or another function of the user's, for at most `seconds`."""
        ...

    def ends_by(self, error: BaseException) -> bool:
        """Whether an error ends the job itself, and not only what it called."""
        ...


class Request(NamedTuple):
    """The arguments of one call."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def copy(self) -> Request:
        """The same, with containers of its own."""
        return Request(detached(self.args), detached(self.kwargs))


class Job:
    """A call that is shadowed.

    Attributes:
        desk: what is done with it.
        context: what it runs in: a copy of the caller's.
        primary: what the primary came to; None until it has ended.
        paired: whether the primary is asked again.
        counted: whether the tally has what came of it.
        over: whether its place was given back.
    """

    __slots__ = (
        "_place",
        "call",
        "context",
        "counted",
        "desk",
        "errors",
        "over",
        "paired",
        "primary",
        "request",
    )

    def __init__(
        self, call: Call, desk: Desk, request: Request, context: Context, place: Place
    ) -> None:
        self.call = call
        self.desk = desk
        self.request = request
        self.context = context
        self.primary: Answer | None = None
        self.paired = False
        self._place = place
        self.counted = self.over = False
        self.errors: list[BaseException] = []

    @property
    def attached(self) -> bool:
        """Whether it begins when the call has ended."""
        after = self.call._record._after  # noqa: SLF001  the record is the call's own
        return after is not None and self in after

    def attach(self) -> None:
        """Begin when the call has ended."""
        record = self.call._record  # noqa: SLF001  as above
        record._after = [*(record._after or ()), self]  # noqa: SLF001

    def leave(self) -> bool:
        """Do not begin after all; False when it was not to."""
        if not self.attached:
            return False
        record = self.call._record  # noqa: SLF001  as above
        record._after = [each for each in record._after or () if each is not self]  # noqa: SLF001
        return True

    def __call__(self) -> None:
        """The call has ended: what it takes is known, and the shadow may begin."""
        assert self.primary is not None  # noqa: S101  set when it was started
        seconds = self.call._record.duration  # noqa: SLF001  the record is the call's own
        self.primary = self.primary._replace(seconds=seconds or 0.0)
        self._place.submit(self)

    def surround(self, role: str) -> None:
        """Put what surrounds the shadow's calls into the context that this runs in."""
        here = self.call.ambient
        tags = {**here.tags, "shadow": self.desk.name, "shadow_role": role}
        shadowing = Shadowing(self.desk.name, self.call.id, self.desk.stand_ins)
        changes: dict[str, Any] = {
            "call_ids": [],
            "collectors": (),
            "deadline": None,
            "limit": 0.0,
            "meters": (),
            "run_id": None,
            "shadow": shadowing,
            "tags": tags,
        }
        ambient.set(here.but(**changes))
        current.set(None)

    def lose(self) -> None:
        """It will not run: there is nobody to run it."""
        if not self.over and not self.counted:
            self.desk.tally.take_back()
        self.finish()

    def note(self, *found: object) -> None:
        """Remember what was raised until `empty_frames`."""
        self.errors += [each for each in found if isinstance(each, BaseException)]

    def empty_frames(self) -> None:
        """Leave no cycle from what was raised, over the finished frames, back to it."""
        for error in self.errors:
            empty_frames(error)
        self.errors.clear()

    def finish(self) -> None:
        """Give its place back; once."""
        if not self.over:
            self.over = True
            self.desk.tally.finish()


async def examine(job: Job, means: Means) -> None:
    """Ask the candidate, compare, and say what came of it."""
    desk, primary = job.desk, job.primary
    assert primary is not None  # noqa: S101  it has ended
    paired = job.paired and primary.error is None and desk.baseline is not None
    job.surround("candidate")
    request = job.request.copy() if paired else job.request
    candidate = await means.ask(desk.candidate, request)
    job.note(candidate.error)
    if isinstance(candidate.error, BudgetExceeded):
        desk.tally.take_back("budget")
        job.counted = True
        return
    said = await _compared(desk, means, primary, candidate)
    again: Answer | None = None
    baseline: Judgement | BaseException | None = None
    if paired and desk.baseline is not None:
        job.surround("baseline")
        again = await means.ask(desk.baseline, job.request)
        baseline = await _compared(desk, means, primary, again)
        job.note(again.error, baseline)
    job.note(said)
    _count(desk.tally, job.call.id, primary, candidate, said)
    job.counted = True
    same = _count_pair(desk.tally, candidate, said, again, baseline)
    if desk.publish is not None:
        result = _result(job.call.id, primary, candidate, said, baseline_matched=same)
        await _publish(desk, desk.publish, means, result)


async def _compared(
    desk: Desk, means: Means, primary: Answer, other: Answer
) -> Judgement | BaseException | None:
    """The verdict; what the comparator raised; None when there are no two answers to compare."""
    if primary.error is not None or other.error is not None:
        return None
    try:
        given = await means.call(desk.comparator, desk.timeout, primary.value, other.value)
        return judged(desk.comparator, given)
    except BaseException as error:
        if means.ends_by(error):
            raise
        return error


def _count(
    tally: Tally,
    call_id: str,
    primary: Answer,
    candidate: Answer,
    said: Judgement | BaseException | None,
) -> None:
    with tally.lock:
        if candidate.usd is not None:
            tally.usd = (tally.usd or 0.0) + candidate.usd
        if primary.error is not None:
            tally.primary_failed += 1
        if candidate.error is not None:
            tally.failures[candidate.kind] += 1
        if said is None:
            return
        tally.seconds = (
            tally.seconds[0] + primary.seconds,
            tally.seconds[1] + candidate.seconds,
        )
        if not isinstance(said, Judgement):
            tally.unjudged += 1
            return
        if said.score is not None:
            tally.scores = (tally.scores[0] + 1, tally.scores[1] + said.score)
        if said.same:
            tally.same += 1
        else:
            tally.different += 1
            tally.lately.append(call_id)


def _count_pair(
    tally: Tally,
    candidate: Answer,
    said: Judgement | BaseException | None,
    again: Answer | None,
    baseline: Judgement | BaseException | None,
) -> bool | None:
    """Take a pair in; whether the primary gave its own answer again, None when that is unknown.

    To fail is to give another answer, for either. A failed comparison tells nothing.
    """
    if again is None:
        return None
    with tally.lock:
        if again.usd is not None:
            tally.usd = (tally.usd or 0.0) + again.usd
        if isinstance(again.error, BudgetExceeded):
            return None
        unjudged = isinstance(said, BaseException) or isinstance(baseline, BaseException)
        same = _is_same(again, baseline)
        if not unjudged:
            tally.evidence.add(candidate_same=_is_same(candidate, said), primary_same=same)
    return None if isinstance(baseline, BaseException) else same


def _is_same(answer: Answer, said: Judgement | BaseException | None) -> bool:
    return answer.error is None and isinstance(said, Judgement) and said.same


def _result(
    call_id: str,
    primary: Answer,
    candidate: Answer,
    said: Judgement | BaseException | None,
    *,
    baseline_matched: bool | None,
) -> ShadowResult:
    judgement = said if isinstance(said, Judgement) else None
    if primary.error is not None:
        status = "primary_failed"
    elif candidate.error is not None:
        status = "candidate_failed"
    elif judgement is None:
        status = "compare_error"
    else:
        status = "matched" if judgement.same else "mismatched"
    return ShadowResult(
        call_id=call_id,
        status=status,
        primary=primary.value,
        candidate=candidate.value,
        primary_error=primary.error,
        candidate_error=candidate.error,
        compare_error=said if isinstance(said, BaseException) else None,
        score=None if judgement is None else judgement.score,
        reason=None if judgement is None else judgement.reason,
        baseline_matched=baseline_matched,
        primary_seconds=primary.seconds,
        candidate_seconds=candidate.seconds,
    )


async def _publish(
    desk: Desk, publish: Callable[[ShadowResult], Any], means: Means, result: ShadowResult
) -> None:
    try:
        await means.call(publish, desk.timeout, result)
    except BaseException as error:
        if means.ends_by(error):
            raise
        with desk.tally.lock:
            desk.tally.unpublished += 1
        complain(publish, "raised while a shadow's result was published; the others are too")
