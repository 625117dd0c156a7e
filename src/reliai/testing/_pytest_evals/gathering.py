"""The process that leads the session: it takes in what became of each item, and ends the runs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from reliai.testing._pytest_evals.judging import Places, Result, judged
from reliai.testing._pytest_evals.payload import unpacked
from reliai.testing._pytest_evals.writing import Writing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pytest

    from reliai.testing._pytest_evals.payload import Payload

__all__ = ["Gathered", "Gathering"]

_INTERRUPTED = (2, 3, 4)
"""Exit codes of pytest for a session that did not get through: nothing is judged."""


_UNREAD = 3
"""Exit code where something that a worker told could not be read: inconclusive."""

_PHASES = ("setup", "call", "teardown")


class Gathered:
    """What came of one experiment so far.

    Args:
        name: of the experiment.

    Attributes:
        header: what the first of its items told; empty before that.
        passes, tries, planned: of each case that counts: how many of its tries passed, were run,
            and there are.
        seen: items that were run, also those that are left out.
        left_out: of these, those that were skipped, or are expected to fail.
        missed: the ids of tests whose failure is for `min_pass` or the gate to judge, by case.
        said: what the first of them said.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.header: Mapping[str, Any] = {}
        self.passes: Counter[str] = Counter()
        self.tries: Counter[str] = Counter()
        self.planned: dict[str, int] = {}
        self.seen: set[tuple[str, int]] = set()
        self.left_out = 0
        self.again = 0
        self.errors = 0
        self.missed: dict[str, list[Any]] = {}
        self.said: dict[str, str] = {}
        self.scores: set[str] = set()
        self.writing: Writing | None = None

    @property
    def whole(self) -> bool:
        """Whether all items of the experiment were run."""
        return len(self.seen) >= int(self.header.get("tries", 0))

    def add(self, payload: Payload) -> bool:
        """Count a try; False for one that is there already, as when a test is run again."""
        trial = payload.trial
        if trial is None:
            return False
        place = trial.case, trial.repeat
        if place in self.seen:
            self.again += 1
            return False
        self.seen.add(place)
        if trial.status == "skipped":
            self.left_out += 1
            return True
        self.tries[trial.case] += 1
        self.planned[trial.case] = payload.of
        self.passes[trial.case] += payload.passed
        self.errors += trial.status != "ok"
        self.scores.update(trial.scores)
        return True


class Gathering:
    """Takes in reports; closes and judges the runs at the end.

    Args:
        config: pytest's.
        run: the id of the run.

    Attributes:
        results: what came of each experiment; empty before the end.
        trouble: what workers told that could not be read.
    """

    def __init__(self, config: pytest.Config, run: str) -> None:
        self._config = config
        self._run = run
        self._all: dict[str, Gathered] = {}
        self._tolerated: dict[str, tuple[Any, str]] = {}
        self._broken: set[str] = set()
        self._started: dict[str, str] = {}
        self._failures = 0
        self.results: list[Result] = []
        self.trouble: list[str] = []

    def take(self, report: pytest.TestReport) -> None:
        """Take in a report; the last one of each item carries what came of it."""
        name, told = report.nodeid, vars(report)
        if told.get("reliai_missed"):
            self._tolerated[name] = told.get("id", name), _last_line(report)
        if report.failed:
            self._broken.add(name)
        if "reliai_started" in told:
            self._started[name] = told["reliai_started"]
            self._read(name, told["reliai_started"], self._begin)
        text = told.get("reliai")
        if text is None and report.failed and report.when not in _PHASES:
            text = self._started.get(name)  # its worker died
        if text is None:
            return
        self._started.pop(name, None)
        self._read(name, text, self._receive)

    def _read(self, name: str, text: object, then: Callable[[str, Payload], object]) -> None:
        try:
            then(name, unpacked(text))
        except (ValueError, KeyError, TypeError) as error:
            self.trouble.append(f"{name}: {error}")

    def _begin(self, name: str, payload: Payload) -> Gathered:
        """What there is of an experiment, begun with its first payload."""
        gathered = self._all.setdefault(payload.experiment, Gathered(payload.experiment))
        if payload.header is not None:
            gathered.header = payload.header
        return gathered

    def _receive(self, name: str, payload: Payload) -> None:
        self._failures += name in self._broken
        gathered = self._begin(name, payload)
        if gathered.writing is None:
            gathered.writing = Writing(self._config.rootpath, payload.experiment, self._run)
        missed = self._tolerated.pop(name, None)
        if gathered.add(payload) and payload.trial is not None:
            gathered.writing.write(payload.trial)
            if missed is not None:
                gathered.missed.setdefault(payload.trial.case, []).append(missed[0])
                gathered.said.setdefault(payload.trial.case, missed[1])

    def finish(self, session: pytest.Session) -> None:
        """Close the runs, judge them, and have the session end accordingly."""
        stopped = int(session.exitstatus) in _INTERRUPTED
        option = self._config.getoption
        root, asked = self._config.rootpath, option("--reliai-report", default=None)
        reports = None if asked is None else root / asked
        places = Places(root, reports, bool(option("--reliai-evidence", default=False)))
        for gathered in self._all.values():
            self.results.append(judged(gathered, places, stopped=stopped))
        if stopped:
            return
        for result in self.results:
            self._fail_again(result)
        codes = [each.exit_code for each in self.results]
        code = _worst([*codes, _UNREAD] if self.trouble else codes)
        others = session.testsfailed > self._failures
        if others and code not in {0, 2}:
            code = 1
        if code != 0:
            session.exitstatus = code

    def _fail_again(self, result: Result) -> None:
        """Have `--lf` run what missed next time, where that is why the session fails."""
        known: Any = getattr(self._config.pluginmanager.get_plugin("lfplugin"), "lastfailed", None)
        if known is not None:
            known.update(dict.fromkeys(result.to_run_again, True))


def _worst(codes: list[int]) -> int:
    """One exit code for several experiments: what is known to be bad goes first."""
    return next((each for each in (2, 1, 4, 3, 5) if each in codes), 0)


def _last_line(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = report.longreprtext if crash is None else str(crash.message)
    return text.strip().partition("\n")[0][:200]
