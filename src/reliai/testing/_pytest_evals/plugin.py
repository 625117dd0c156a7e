"""The hooks and fixtures of `@pytest.mark.reliai`, registered once a suite uses it."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

import pytest

from reliai._core.evaluation import Evaluation
from reliai.errors import ReliaiError
from reliai.evals._outputs import fresh_case
from reliai.testing._pytest_evals.asking import Asked, Trying, asked_of, tries_of
from reliai.testing._pytest_evals.gathering import Gathering
from reliai.testing._pytest_evals.going import Going, Scoring
from reliai.testing._pytest_evals.heading import (
    Planned,
    experiment_of,
    function_of,
    given_of,
    header_of,
)
from reliai.testing._pytest_evals.payload import Payload, packed
from reliai.testing._pytest_evals.summing_up import write_summary

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from reliai.datasets import Case

__all__ = ["EvalsPlugin"]

TRIAL = "_reliai_trial"
"""The fixture that holds an item's case and the number of the try."""

_GOING = pytest.StashKey[Going]()
MISSED = "missed"


class EvalsPlugin:
    """What a session does for tests that are marked.

    Args:
        config: pytest's.
        run: the id of the run; one for all processes of the session.
        surround: has an async test entered by something too, of a request and what to enter.
    """

    def __init__(
        self, config: pytest.Config, run: str, surround: Callable[[Any, Any], None]
    ) -> None:
        self._config = config
        self._surround = surround
        self._leads = not hasattr(config, "workerinput")
        self._planned: dict[str, Planned] = {}
        self._told: set[str] = set()
        self._run = run
        self._evaluations: dict[str, Evaluation] = {}
        self._gathering = Gathering(config, run)

    # --- collecting ---------------------------------------------------------------------------
    @pytest.hookimpl(tryfirst=True)
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make an item of each case and each try of it."""
        if metafunc.definition.get_closest_marker("reliai") is None:
            return
        if TRIAL not in metafunc.fixturenames:
            raise pytest.Collector.CollectError(
                f"{metafunc.definition.nodeid}: a test marked reliai takes the fixture `case`"
            )
        try:
            asked = asked_of(metafunc.definition)
            given = given_of(asked.dataset, self._config.rootpath)
            tries = tries_of(asked, given.cases)
        except (ReliaiError, OSError) as error:
            raise pytest.Collector.CollectError(f"{metafunc.definition.nodeid}: {error}") from error
        self._planned[metafunc.definition.nodeid] = Planned(asked, given, len(tries))
        ids = [each.id for each in tries]
        metafunc.parametrize(TRIAL, tries, ids=ids, indirect=True)

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Refuse tests that cannot be parametrized, which would count for nothing."""
        if item.get_closest_marker("reliai") is not None and _trying(item) is None:
            pytest.fail(
                "a test marked reliai must be a function, or a method of a class that is no "
                "unittest.TestCase, and the marker must stand there when it is collected",
                pytrace=False,
            )

    # --- running ------------------------------------------------------------------------------
    @pytest.fixture(name=TRIAL)
    def _trial(self, request: pytest.FixtureRequest) -> Iterator[Trying]:
        going = self._going(request.node)
        if going is None:
            pytest.fail("the fixture is for tests marked reliai", pytrace=False)
        with going.active():
            self._surround(request, going.active)
            yield going.trying

    @pytest.fixture
    def case(self, _reliai_trial: Trying) -> Case:
        """The case of a dataset that this item tries, as a copy: the next try has another."""
        return fresh_case(_reliai_trial.case)

    @pytest.fixture
    def score(self, request: pytest.FixtureRequest, _reliai_trial: Trying) -> Scoring:
        """`score(name, value, explanation=None)`: a score of this try, beside "passed"."""
        return Scoring(request.node.stash[_GOING])

    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Run an `async def` test that no other plugin takes."""
        if not inspect.iscoroutinefunction(pyfuncitem.obj) or _GOING not in pyfuncitem.stash:
            return None
        names = pyfuncitem._fixtureinfo.argnames  # noqa: SLF001  as pytest does it
        asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Take note of each phase; have the last report carry what came of the item."""
        report = yield
        planned = self._planned_of(item)
        if planned is None:
            return report
        going = self._going(item)
        if going is not None:
            going.phase(call, report)
            if call.when == "call" and report.failed and going.tolerated:
                report.outcome = "passed"
                vars(report)["reliai_missed"] = True
        if call.when == "setup" and going is not None and not self._leads:
            # should this process die now, the one that leads the session writes this
            stub = self._payload(item, planned, going, lost=True)
            vars(report)["reliai_started"] = packed(stub)
        if call.when == "teardown":
            vars(report)["reliai"] = packed(self._payload(item, planned, going))
            if going is not None:
                del item.stash[_GOING]
        return report

    def _payload(
        self, item: pytest.Item, planned: Planned, going: Going | None, *, lost: bool = False
    ) -> Payload:
        name = experiment_of(item, planned, going.trying.id if going else "NOTSET")
        header: Mapping[str, Any] | None = None
        if name not in self._told:
            self._told.add(name)
            header = header_of(item, planned)
        if going is None:
            return Payload(name, None, passed=False, of=0, header=header)
        return going.payload(name, header, lost=lost)

    def _planned_of(self, item: pytest.Item) -> Planned | None:
        return self._planned.get(function_of(item))

    def _going(self, item: Any) -> Going | None:
        trying, planned = _trying(item), self._planned_of(item)
        if trying is None or planned is None:
            return None
        known: Going | None = item.stash.get(_GOING, None)
        if known is None:
            known = Going(planned.asked, trying, self._evaluation(planned.asked))
            item.stash[_GOING] = known
        return known

    def _evaluation(self, asked: Asked) -> Evaluation:
        """One for all tests with the same way of running policies."""
        if asked.policies not in self._evaluations:
            self._evaluations[asked.policies] = Evaluation(
                isolates=asked.policies == "evaluation",
                run_id=self._run,
                mode="off" if asked.policies == "bare" else None,
            )
        return self._evaluations[asked.policies]

    # --- the session --------------------------------------------------------------------------
    def received(self, report: pytest.TestReport) -> None:
        """Take in a report, in the process that leads the session."""
        if self._leads:
            self._gathering.take(report)

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Show tests whose failure is for `min_pass` or the gate to judge as what they are."""
        if getattr(report, "reliai_missed", False):
            return MISSED, "m", "MISSED"
        return None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Close the runs and judge them."""
        for each in self._evaluations.values():
            each.close()
        if self._leads:
            self._gathering.finish(session)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what came of each experiment."""
        gathering = self._gathering
        write_summary(terminalreporter, gathering.results, gathering.trouble)


def _trying(item: Any) -> Trying | None:
    callspec = getattr(item, "callspec", None)
    found = None if callspec is None else callspec.params.get(TRIAL)
    return found if isinstance(found, Trying) else None
