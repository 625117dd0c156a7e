"""What marked tests show of the ML Test Score, kept when the session ends: `--reliai-evidence`.

A test marked `ml_test("DT7")` shows DT7 when it passes; one that uses the fixture `fault_server`
shows IN3 besides. Loaded only when the option is given.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import pytest

from reliai.errors import ConfigurationError
from reliai.evals.ml_test_score import write_evidence
from reliai.evals.ml_test_score.catalogue import known_tests

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["MLTests"]

_BY_FIXTURE: Final = {"fault_server": "IN3"}
_ATTRIBUTE: Final = "reliai_ml_tests"


class MLTests:
    """Counts marked tests, in whichever process they ran, and writes the evidence at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._worker = hasattr(config, "workerinput")
        self._counts: dict[str, dict[str, int]] = defaultdict(lambda: {"passed": 0, "failed": 0})

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Refuse marks that name no test of the score."""
        for item in items:
            try:
                _ids(item)
            except ConfigurationError as error:
                message = f"{item.nodeid}: ml_test: {error}"
                raise pytest.UsageError(message) from None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put on the report what the test is about: it may be read in another process."""
        report = yield
        ids = _ids(item)
        if ids:
            setattr(report, _ATTRIBUTE, ids)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a report; what was skipped, or was expected to fail, says nothing."""
        if hasattr(report, "wasxfail"):
            return
        for test in getattr(report, _ATTRIBUTE, ()):
            if report.failed:
                self._counts[test]["failed"] += 1
            elif report.passed and report.when == "call":
                self._counts[test]["passed"] += 1

    def pytest_sessionfinish(self) -> None:
        """Keep what the tests showed; in the process that leads the others, if there are any."""
        if self._worker or not self._counts:
            return
        run = {"kind": "pytest", "id": f"session-{time.time():.0f}", "name": "session"}
        write_evidence(None, None, run, {"tests": {**self._counts}})

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say what was kept."""
        if self._counts:
            said = ", ".join(sorted(self._counts))
            terminalreporter.write_line(f"reliai: kept what the tests show of {said}")


def _ids(item: pytest.Item) -> list[str]:
    """The tests of the score that a test shows.

    Raises:
        ConfigurationError: for a mark that names none.
    """
    found: list[str] = []
    for mark in item.iter_markers("ml_test"):
        if not mark.args:
            raise ConfigurationError("name the tests: @pytest.mark.ml_test('DT7')")
        found += known_tests(list(mark.args))
    used = getattr(item, "fixturenames", ())
    found += [test for fixture, test in _BY_FIXTURE.items() if fixture in used]
    return list(dict.fromkeys(found))
