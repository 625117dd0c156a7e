"""What `Pipeline.check()` finds: settings that work, but not as their author probably meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai.policies.fallback import Fallback
from reliai.policies.retry import Retry
from reliai.policies.timeout import Timeout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai._core.binding import Options
    from reliai._core.policy import Policy
    from reliai._core.site import Site

__all__ = ["findings"]


def findings(policies: tuple[Policy, ...], options: Options, site: Site | None = None) -> list[str]:
    """One sentence for each finding, with the fix."""
    found = [
        *_inverted(policies),
        *_nested_retries(policies),
        *_unfitting_timeouts(policies),
        *_milliseconds(policies),
        *_short_of_time(policies, options),
    ]
    if site is not None:
        found += _of_the_function(policies, site)
    return found


def _inverted(policies: tuple[Policy, ...]) -> Iterator[str]:
    """Each pair of neighbours in the wrong order, and others where it is known to do harm."""
    ranked = [
        (_rank(policies, index), policy)
        for index, policy in enumerate(policies)
        if getattr(policy, "rank", None) is not None
    ]
    said: set[tuple[str, str]] = set()
    for place, (outer_rank, outer) in enumerate(ranked):
        for distance, (inner_rank, inner) in enumerate(ranked[place + 1 :]):
            names = _name(inner), _name(outer)
            known = names in _REASONS and names not in said
            if outer_rank > inner_rank and (distance == 0 or known):
                said.add(names)
                yield (
                    f"{_name(outer)} stands outside {_name(inner)}; the usual order is "
                    f"{_name(inner)} outside {_name(outer)}. {_why(inner, outer)}"
                )


def _rank(policies: tuple[Policy, ...], index: int) -> int:
    policy = policies[index]
    if isinstance(policy, Timeout):
        inside = any(getattr(p, "repeats", False) for p in policies[:index])
        return 120 if inside else 40
    return int(getattr(policy, "rank", 0))


def _why(outer: Policy, inner: Policy) -> str:
    names = _name(outer), _name(inner)
    return _REASONS.get(names, "Swap them, or keep them if that is what you mean")


_REASONS = {
    ("Guard", "Cache"): "As it stands the cache takes in what Guard has not looked at or redacted",
    ("Guard", "Validate"): "As it stands a question that asks again is looked at as an input",
    ("Guard", "Retry"): "As it stands a rejected input is looked at again for each attempt",
    ("Cache", "Budget"): "As it stands room is held, and calls are refused, for answers at hand",
    ("Cache", "Fallback"): "As it stands each target has a cache of its own",
    ("Cache", "Validate"): "As it stands an answer is kept before anybody has found it invalid",
    ("Cache", "Retry"): "As it stands each attempt asks the cache again",
    ("Cache", "RateLimit"): "As it stands answers at hand take something of the limit",
    ("Cache", "Bulkhead"): "As it stands answers at hand take places",
    ("Budget", "Fallback"): "As it stands each target is a call of its own to the budget",
    ("Budget", "Validate"): "As it stands an answer that is asked for again is a call of its own",
    ("Budget", "Retry"): "As it stands each attempt is a call of its own to the budget",
    ("Fallback", "Retry"): "As it stands Fallback answers first and Retry never retries",
    ("Fallback", "CircuitBreaker"): "As it stands the circuit sees answers of the fallback",
    ("Fallback", "Validate"): "As it stands an answer of the fallback is delivered unvalidated",
    ("Validate", "Once"): "As it stands an answer that is found invalid leaves its key in doubt",
    ("Validate", "Retry"): "As it stands an invalid answer is repeated as if the provider failed",
    ("Once", "Retry"): "As it stands each attempt is a call of its own to Once",
    ("Retry", "Hedge"): "As it stands each of the attempts side by side is retried by itself",
    ("Retry", "CircuitBreaker"): "As it stands the circuit sees one call for several attempts",
    ("Retry", "RateLimit"): "As it stands retries take nothing of the limit",
    ("Retry", "Bulkhead"): "As it stands a call keeps its place while it waits between attempts",
    ("Hedge", "CircuitBreaker"): "As it stands the circuit sees one call for two attempts",
    ("CircuitBreaker", "RateLimit"): "As it stands calls use up the limit of a target that is down",
    ("CircuitBreaker", "Bulkhead"): "As it stands calls wait in line for a target that is down",
}


def _nested_retries(policies: tuple[Policy, ...]) -> Iterator[str]:
    retries = [policy for policy in policies if isinstance(policy, Retry) and policy.attempts > 1]
    if len(retries) > 1:
        product = 1
        for retry in retries:
            product *= retry.attempts
        counts = " x ".join(str(retry.attempts) for retry in retries)
        yield f"{len(retries)} Retry policies: up to {counts} = {product} attempts; keep one"


def _unfitting_timeouts(policies: tuple[Policy, ...]) -> Iterator[str]:
    total: float | None = None
    for index, policy in enumerate(policies):
        if not isinstance(policy, Timeout) or policy.seconds is None:
            continue
        if _rank(policies, index) == 40:
            total = policy.seconds if total is None else min(total, policy.seconds)
        elif total is not None and policy.seconds > total:
            yield (
                f"one attempt may take {policy.seconds:g} s, the whole call only {total:g} s; "
                "give the attempt less, so that a second one fits"
            )


_PATIENCE = {"seconds": 3600, "first_chunk": 600, "idle": 600}
"""Seconds beyond which a limit was probably meant in milliseconds."""


def _milliseconds(policies: tuple[Policy, ...]) -> Iterator[str]:
    for policy in policies:
        for name, longest in _PATIENCE.items() if isinstance(policy, Timeout) else ():
            limit: float | None = getattr(policy, name)
            if limit is not None and limit > longest:
                yield (
                    f"Timeout({name}={limit:g}) is {limit / 3600:.1f} hours: limits are seconds; "
                    f"if milliseconds were meant, give {limit / 1000:g}"
                )


def _short_of_time(policies: tuple[Policy, ...], _options: Options) -> Iterator[str]:
    for index, policy in enumerate(policies):
        if not isinstance(policy, Fallback):
            continue
        for inner in policies[index + 1 :]:
            if isinstance(inner, Timeout) and inner.seconds and not _attempts_inside(policies):
                yield (
                    "Timeout stands inside Fallback without Retry: it limits each target by "
                    f"itself to {inner.seconds:g} s, not the whole call; put one outside Fallback"
                )
                return


def _attempts_inside(policies: tuple[Policy, ...]) -> bool:
    return any(getattr(policy, "repeats", False) for policy in policies)


def _of_the_function(policies: tuple[Policy, ...], site: Site) -> list[str]:
    found: list[str] = []
    timeouts = [policy for policy in policies if isinstance(policy, Timeout)]
    if site.streaming and timeouts and all(policy.idle is None for policy in timeouts):
        found.append(
            f"{site.name} gives a stream and has no idle timeout: a stall between two chunks is "
            "seen only when the whole call runs out of time; add Timeout(idle=…)"
        )
    if site.streaming and not timeouts:
        found.append(
            f"{site.name} gives a stream and has no time limit at all; add Timeout(…, idle=…)"
        )
    if not site.streaming and _returns_plain(site):
        found += [
            f"{site.name} gives no stream; first_chunk and idle of {policy!r} do nothing there"
            for policy in timeouts
            if policy.seconds is not None and (policy.first_chunk or policy.idle)
        ]
    found += _client_findings(policies, site, timeouts)
    return found


def _returns_plain(site: Site) -> bool:
    returns: Any = site.signature.return_annotation
    name = returns if isinstance(returns, str) else getattr(returns, "__name__", "")
    return str(name).partition("[")[0] in {"str", "bytes", "int", "float", "bool", "dict", "list"}


def _client_findings(
    policies: tuple[Policy, ...], site: Site, timeouts: list[Timeout]
) -> Iterator[str]:
    from reliai.providers import inner_retries  # noqa: PLC0415  asked for by check() only

    attempts = max((p.attempts for p in policies if isinstance(p, Retry)), default=1)
    limits = [policy.seconds for policy in timeouts if policy.seconds is not None]
    for client in inner_retries(site.function):
        if client.max_retries:
            yield (
                f"{client.description} retries {client.max_retries} times by itself: up to "
                f"{attempts * (client.max_retries + 1)} requests for one call; use "
                "client.with_options(max_retries=0)"
            )
        patience = None if client.wrapped else client.timeout
        if limits and patience is not None and patience > min(limits):
            yield (
                f"{client.description} waits up to {patience:g} s, longer than the limit of "
                f"{min(limits):g} s; pass timeout=reliai.remaining() with each request"
            )


def _name(policy: Policy) -> str:
    return type(policy).__name__
