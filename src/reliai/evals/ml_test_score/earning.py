"""What a run shows, by its kind: read from its numbers each time, never from what it claims."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reliai.evals.ml_test_score.catalogue import TESTS
from reliai.stats.correlations import correlation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["KINDS", "Shown", "shown_by"]


class Shown(NamedTuple):
    """What a run shows of one test.

    Attributes:
        test: its id.
        passed: whether it is as it should be.
        why: in a sentence, with the numbers.
        most: the most that such a run can earn, of 1.
    """

    test: str
    passed: bool
    why: str
    most: float = 1.0


def shown_by(kind: str, result: Mapping[str, Any]) -> dict[str, Shown]:
    """What a run of this kind with these numbers shows, by test.

    Numbers that make no sense show nothing.
    """
    rule = KINDS.get(kind)
    if rule is None:
        return {}
    try:
        return {each.test: each for each in rule(result) if each.test in TESTS}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def _gate(result: Mapping[str, Any]) -> Iterator[Shown]:
    verdict, n = result["verdict"], int(result["n"])
    passed = verdict == "PASS" and n > 0
    yield Shown("IN4", passed, f"{verdict} on {n:,} cases: {result.get('gate', '')}".rstrip(": "))
    slices = [each for rule in result["rules"] for each in rule.get("slices") or ()]
    if slices:
        bad = [each["slice"] for each in slices if each["verdict"] != "PASS"]
        why = f"{len(slices) - len(bad)} of {len(slices)} slices pass"
        yield Shown("MO6", passed and not bad, why + (f"; not {', '.join(bad[:3])}" if bad else ""))
    if (result.get("about") or {}).get("baseline") == PRODUCTION:
        yield Shown("MN7", passed, f"{verdict} on the last {n:,} calls of production")


PRODUCTION: Final = "what production answered"
"""What a replay gate compares with."""


def _experiment(result: Mapping[str, Any]) -> Iterator[Shown]:
    git = result.get("git") or {}
    target = result.get("target") or {}
    lacking = [
        what
        for what, there in (
            ("it was not run to its end", result.get("state") == "complete"),
            ("nothing was evaluated", int(result.get("evaluated") or 0) > 0),
            ("it names no version of a dataset", bool(result.get("dataset"))),
            ("its cases have no digest", bool(result.get("root"))),
            ("its target has no fingerprint", bool(target.get("fingerprint"))),
            ("its scorers have no digests", all((result.get("scorers") or {}).values())),
            ("it has no seed", result.get("seed") is not None),
            ("there is no commit", bool(git.get("commit"))),
            ("the tree had changes that were not committed", not git.get("dirty")),
        )
        if not there
    ]
    why = lacking[0] if lacking else f"{result['dataset']} at commit {str(git['commit'])[:10]}"
    yield Shown("IN1", not lacking, why)


def _replay(result: Mapping[str, Any]) -> Iterator[Shown]:
    incidents = result["incidents"]
    bad = [each["id"] for each in incidents if not each["ok"]]
    why = f"{len(incidents) - len(bad)} of {len(incidents)} incidents are contained"
    yield Shown("IN3", bool(incidents) and not bad, why, most=0.5)


def _health(result: Mapping[str, Any]) -> Iterator[Shown]:
    live, warnings = int(result["live"]), list(result["warnings"])
    why = f"against {live:,} live calls: {len(warnings)} warnings"
    yield Shown("MN3", live > 0 and not warnings, why)


_HEALTH_OF_ANSWERS: Final = ("empty", "truncated", "cut_off", "script", "language")
_CONTRACTS: Final = ("guard_hits", "validation_failures")


def _monitor(result: Mapping[str, Any]) -> Iterator[Shown]:
    calls = sum(int(each["count"]) for each in result["calls"].values())
    watched = {
        str(each["signal"]): each for each in result["signals"] if each["state"] != "insufficient"
    }
    firing = {str(each.get("signal")) for each in result["alerts"]}

    def of(test: str, *names: str, every: bool = False) -> Iterator[Shown]:
        found = [name for name in watched if any(_is(name, wanted) for wanted in names)]
        missing = [wanted for wanted in names if not any(_is(name, wanted) for name in watched)]
        if not found or (every and missing):
            return
        alarmed = sorted(set(found) & firing)
        state = f"{', '.join(alarmed)} fires" if alarmed else "quiet"
        yield Shown(test, not alarmed, f"{', '.join(sorted(found))} of {calls:,} calls: {state}")

    if calls:
        changes = len(result["changes"])
        yield Shown("MN1", passed=True, why=f"{changes} changes seen in {calls:,} calls")
    yield from of("MN2", *_CONTRACTS)
    yield from of("MN5", *_HEALTH_OF_ANSWERS)
    yield from of("MN6", "latency", "cost", every=True)
    yield from of("MN7", "score")


def _is(name: str, wanted: str) -> bool:
    """Whether a signal is of a kind: "script" is also "script(output)" and "score:thumbs"."""
    return name == wanted or (name.startswith(wanted) and not name[len(wanted)].isalnum())


def _rollouts(result: Mapping[str, Any]) -> Iterator[Shown]:
    seen = list(result["rollouts"])
    if not seen:
        return
    bad = [each["name"] for each in seen if not _is_stepped(each)]
    first = max(float(each["steps"][0]) for each in seen)
    why = f"{len(seen) - len(bad)} of {len(seen)} rollouts went in steps, from {first:.2%} or less"
    yield Shown("IN6", not bad, why + (f"; not {', '.join(bad[:3])}" if bad else ""))
    back = [str(each["taken_back"]) for each in seen if each["taken_back"]]
    if back:
        of_itself = back.count("guardrail")
        why = f"{len(back)} of {len(seen)} rollouts were taken back, {of_itself} by a guardrail"
        yield Shown("IN7", passed=True, why=why)


def _is_stepped(rollout: Mapping[str, Any]) -> bool:
    """Whether a few came before all: by guardrails that act, and with no step passed over."""
    small = float(rollout["steps"][0]) <= MOST_AT_FIRST and len(rollout["steps"]) > 1
    watched = bool(rollout["guardrails"]) and not rollout["observe"]
    return small and watched and not rollout["by_hand"]


MOST_AT_FIRST: Final = 0.5
"""Share of the units that the first step of a rollout may have."""


def _drill(result: Mapping[str, Any]) -> Iterator[Shown]:
    kill, rollback, within = (float(result[name]) for name in ("kill", "rollback", "within"))
    passed = 0 < within <= LONGEST_DRILL and 0 <= max(kill, rollback) <= within
    why = f"the control was served {kill:.2f} s after a kill, {rollback:.2f} s after a rollback"
    yield Shown("IN7", passed, why)


LONGEST_DRILL: Final = 60.0
"""Seconds that a drill may allow, to show that a change is taken back quickly."""


def _releases(result: Mapping[str, Any]) -> Iterator[Shown]:
    pairs = [(float(each["score"]), float(each["feedback"])) for each in result["releases"]]
    found = correlation([score for score, _ in pairs], [said for _, said in pairs])
    what = f"{result['scorer']} and {result['metric']} of {found.n} releases"
    if found.low is None or found.high is None:
        yield Shown("MO2", passed=False, why=f"{what}: too few, or always the same")
        return
    shown = f"{found.estimate:.2f} [{found.low:.2f}, {found.high:.2f}]"
    yield Shown("MO2", found.sign == 1, f"{what} go together by {shown}")


def _pytest(result: Mapping[str, Any]) -> Iterator[Shown]:
    for test, seen in result["tests"].items():
        passed, failed = int(seen["passed"]), int(seen["failed"])
        why = f"{passed} tests pass" + (f", {failed} fail" if failed else "")
        yield Shown(str(test), passed > 0 and not failed, why)


def _looked_at(result: Mapping[str, Any]) -> Iterator[Shown]:
    for test, seen in result["tests"].items():
        yield Shown(str(test), seen["passed"] is True, str(seen["why"]))


def _document(result: Mapping[str, Any]) -> Iterator[Shown]:
    for test in result["tests"]:
        yield Shown(str(test), passed=True, why=str(result.get("note") or ""), most=0.5)


def _custom(result: Mapping[str, Any]) -> Iterator[Shown]:
    for test in result["tests"]:
        yield Shown(str(test), result["passed"] is True, str(result.get("why") or ""))


KINDS: Final[dict[str, Callable[[Mapping[str, Any]], Iterator[Shown]]]] = {
    "gate": _gate,
    "experiment": _experiment,
    "replay": _replay,
    "health": _health,
    "monitor": _monitor,
    "rollouts": _rollouts,
    "drill": _drill,
    "releases": _releases,
    "pytest": _pytest,
    "records": _looked_at,
    "app": _looked_at,
    "document": _document,
    "custom": _custom,
}
"""The kinds of runs, each with what reads its numbers."""
