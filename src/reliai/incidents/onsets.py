"""How long a guard takes to notice: the same onset many times over, each with fresh chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias

from reliai.incidents.load import offer
from reliai.incidents.simulated import Provider, Watch
from reliai.incidents.trial import percentile

if TYPE_CHECKING:
    from reliai.incidents.trial import Trial

    Ill: TypeAlias = Literal["failing", "slow"]

__all__ = ["Delays", "Guard", "detection"]

_LONGEST = 60.0
"""Seconds after an onset at which one gives up."""


class Guard(Protocol):
    """Decorates a function that asks the provider."""

    def __call__(self, provider: Provider, /, *observers: Any, name: str) -> Any: ...


class Delays(NamedTuple):
    """How long it took, each time.

    Attributes:
        waits: virtual seconds from the onset to the open circuit.
        requests: requests that reached the provider meanwhile.
    """

    waits: list[float]
    requests: list[int]

    def seconds(self, share: float) -> float:
        """Seconds that `share` of the onsets did not exceed."""
        return percentile(self.waits, share)

    def calls(self, share: float) -> float:
        """Requests that `share` of the onsets did not exceed."""
        return percentile(self.requests, share)

    @property
    def text(self) -> str:
        """Median and 95 %, for a reader."""
        seconds = " / ".join(f"{self.seconds(share):.1f}" for share in (0.5, 0.95))
        calls = " / ".join(f"{self.calls(share):.0f}" for share in (0.5, 0.95))
        return f"{seconds} s ({calls} calls)"


async def detection(
    trial: Trial,
    rate: float,
    *,
    before: float,
    after: float,
    guard: Guard,
    times: int,
    warm: float = 10.0,
    ill: Ill = "failing",
) -> Delays:
    """Let a share of the requests jump from `before` to `after`, and see when a circuit opens.

    Args:
        trial: gives time and chance.
        rate: calls a second.
        before: share of ill requests before the onset.
        after: and after it.
        guard: decorates the function.
        times: how often.
        warm: seconds of calls before the onset.
        ill: whether the requests fail, or take long.
    """
    delays = Delays([], [])
    for _ in range(times):
        await _once(trial, rate, (before, after), guard, warm, ill, delays)
    return delays


async def _once(  # noqa: PLR0917  a part of `detection`
    trial: Trial,
    rate: float,
    shares: tuple[float, float],
    guard: Guard,
    warm: float,
    ill: Ill,
    delays: Delays,
) -> None:
    begin = trial.now + warm
    watch = Watch(trial)

    def share(now: float) -> float:
        return shares[now >= begin]

    quick = ill == "failing"
    provider = Provider(trial, failing=share) if quick else Provider(trial, slow=share)
    ask = guard(provider, watch, name=f"onset at {begin!r}")

    def noticed() -> bool:
        return watch.first_opened(begin) is not None

    await offer(trial, ask, rate=rate, seconds=warm + _LONGEST, until=noticed, keep=False)
    opened = watch.first_opened(begin) or begin + _LONGEST
    delays.waits.append(opened - begin)
    delays.requests.append(provider.requests_between(begin, opened + 1e-9))
