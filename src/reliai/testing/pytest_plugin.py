"""Fixtures for tests of guarded calls; nothing happens in a suite that asks for none of them.

pytest loads this module in every run of every project that has reliai installed. It imports
nothing of reliai before a fixture is used.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import os
import re
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from reliai.telemetry import Memory
    from reliai.testing import Cassette, FaultServer, VirtualClock
    from reliai.testing._pytest_evals.plugin import EvalsPlugin

__all__ = [
    "deactivated",
    "fault_server",
    "records",
    "reliai_cassette",
    "reliai_cassette_settings",
    "virtual_clock",
]

_MODE_VARIABLE = "RELIAI_CASSETTES"
_MODES = ("once", "replay", "record", "new")
_MARKER = (
    "reliai_cassette(**settings): how this test's cassette is made, such as match= and redact="
)
_EVALS_MARKER = (
    "reliai(dataset, name=None, repeats=1, min_pass=None, gate=None, baseline=None): try each case "
    "of a dataset, record a run, and judge it when the session ends"
)
_SCORE_MARKER = (
    'ml_test(*ids): what of the ML Test Score this test shows, such as "DT7"; counted with '
    "--reliai-evidence"
)
_AROUND = pytest.StashKey[list["Callable[[], AbstractContextManager[object]]"]]()
_FAILED = pytest.StashKey[BaseException]()
_KEPT = pytest.StashKey[str | None]()


# --- options ----------------------------------------------------------------------------------
def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--reliai-cassettes`, `--reliai-evidence` and `--reliai-report`."""
    parser.getgroup("reliai").addoption(
        "--reliai-report",
        metavar="FOLDER",
        default=None,
        help="where gates of tests marked reliai write their reports (gate.md, gate.html, "
        "gate.json, and gate.xml as JUnit), in a folder for each experiment",
    )
    parser.getgroup("reliai").addoption(
        "--reliai-evidence",
        action="store_true",
        default=False,
        help="keep what tests marked `ml_test` show, as evidence for `reliai score`",
    )
    parser.getgroup("reliai").addoption(
        "--reliai-cassettes",
        choices=_MODES,
        default=None,
        help="what cassettes that name no mode do: once (record where there is no file; the "
        "default), replay (never call a model: for CI), record (all anew), new (record what is "
        "missing)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the option known to every cassette, and the markers to pytest."""
    config.addinivalue_line("markers", _MARKER)
    config.addinivalue_line("markers", _EVALS_MARKER)
    config.addinivalue_line("markers", _SCORE_MARKER)
    if config.getoption("--reliai-evidence", default=False):
        from reliai.testing._pytest_evidence import MLTests  # noqa: PLC0415  when asked for

        config.pluginmanager.register(MLTests(config), "reliai-evidence")
    config.pluginmanager.register(_Evals(config), "reliai-evals-door")
    mode: str | None = config.getoption("--reliai-cassettes", default=None)
    if mode is not None:
        config.stash[_KEPT] = os.environ.get(_MODE_VARIABLE)
        os.environ[_MODE_VARIABLE] = mode


def pytest_unconfigure(config: pytest.Config) -> None:
    """Put the environment back."""
    if _KEPT in config.stash:
        kept = config.stash[_KEPT]
        os.environ.pop(_MODE_VARIABLE, None)
        if kept is not None:
            os.environ[_MODE_VARIABLE] = kept


# --- tests marked `reliai` --------------------------------------------------------------------
class _Evals:
    """Waits for a test that is marked `reliai`, and loads what such tests need then.

    In the process that leads workers, the first report of such a test is what it waits for.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._plugin: EvalsPlugin | None = None
        self._collector: pytest.Collector | None = None
        self._run: str | None = getattr(config, "workerinput", {}).get(_RUN)

    def pytest_pycollect_makeitem(self, collector: pytest.Collector, obj: object) -> None:
        """See whether what is collected is marked, or what holds it."""
        if self._plugin is None:
            if collector is not self._collector:
                self._collector = collector
                if collector.get_closest_marker("reliai") is not None:
                    self._load()
                    return
            if _is_marked(obj):
                self._load()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Hand on what is reported."""
        if self._plugin is not None or _is_of_ours(report):
            self._load().received(report)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of pytest-xdist the run that it takes part in."""
        node.workerinput[_RUN] = self._id()

    def _id(self) -> str:
        if self._run is None:
            # as reliai makes ids: by time, without loading what does so
            self._run = f"{int(time.time() * 1e6):013x}{os.urandom(10).hex()[:19]}"
        return self._run

    def _load(self) -> EvalsPlugin:
        if self._plugin is None:
            from reliai.testing._pytest_evals.plugin import (  # noqa: PLC0415  see above
                EvalsPlugin,
            )

            self._plugin = EvalsPlugin(self._config, self._id(), _surround)
            self._config.pluginmanager.register(self._plugin, "reliai-evals")
        return self._plugin


_RUN = "reliai_run"


def _is_of_ours(report: pytest.TestReport) -> bool:
    told = vars(report)
    return "reliai" in told or "reliai_started" in told


def _is_marked(obj: object) -> bool:
    """Whether a function or a class is; of other things nothing is asked, they may be anything."""
    if inspect.isclass(obj):
        unittest = sys.modules.get("unittest")
        methods = unittest is not None and issubclass(obj, unittest.TestCase)
        # its methods are not collected one by one
        return _has_mark(obj) or (methods and any(map(_has_mark, vars(obj).values())))
    return _has_mark(obj)


def _has_mark(obj: object) -> bool:
    if not (inspect.isfunction(obj) or inspect.isclass(obj)):
        return False
    marks = getattr(obj, "pytestmark", None)
    return isinstance(marks, list) and any(
        getattr(each, "name", None) == "reliai" for each in marks
    )


# --- what surrounds a test --------------------------------------------------------------------
@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Have an `async def` test run in the surroundings that its fixtures made.

    A fixture's context variables hold for the thread; a task that a plugin has started before, and
    runs the test in, has a context of its own.
    """
    around = pyfuncitem.stash.get(_AROUND, [])
    test = pyfuncitem.obj
    if not around or not inspect.iscoroutinefunction(test):
        return (yield)

    @functools.wraps(test)
    async def surrounded(*args: Any, **kwargs: Any) -> Any:
        with ExitStack() as stack:
            for each in around:
                stack.enter_context(each())
            return await test(*args, **kwargs)

    pyfuncitem.obj = surrounded
    try:
        return (yield)
    finally:
        pyfuncitem.obj = test


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the error a test failed with, for the fixtures that end after it."""
    report = yield
    if _AROUND in item.stash and call.when == "call" and call.excinfo is not None:
        item.stash[_FAILED] = call.excinfo.value
    return report


def _surround(request: Any, make: Callable[[], AbstractContextManager[object]]) -> None:
    request.node.stash.setdefault(_AROUND, []).append(make)


# --- fixtures ---------------------------------------------------------------------------------
@pytest.fixture
def records() -> Iterator[Memory]:
    """The records of the guarded calls that end during the test, from all threads."""
    from reliai.testing import records as gathered  # noqa: PLC0415  see above

    with gathered() as seen:
        yield seen


@pytest.fixture
def virtual_clock() -> Iterator[VirtualClock]:
    """All of reliai's time is virtual during the test: waits jump, deadlines follow."""
    from reliai.testing import virtual_clock as clock  # noqa: PLC0415  see above

    with clock() as made:
        yield made


@pytest.fixture
def fault_server() -> Iterator[FaultServer]:
    """A server that speaks as providers do, on this machine; `.reset([…])` gives it a script."""
    from reliai.testing import fault_server as serve  # noqa: PLC0415  see above

    with serve() as server:
        yield server


@pytest.fixture
def deactivated(request: pytest.FixtureRequest) -> Iterator[None]:
    """The test's calls make one attempt, wait for nothing and leave circuits alone."""
    from reliai import deactivated as off  # noqa: PLC0415  see above

    _surround(request, off)
    with off():
        yield


@pytest.fixture
def reliai_cassette_settings() -> dict[str, Any]:
    """Settings of every test's cassette; override it in a `conftest.py`."""
    return {}


@pytest.fixture
def reliai_cassette(
    request: pytest.FixtureRequest, reliai_cassette_settings: dict[str, Any]
) -> Iterator[Cassette]:
    """A cassette for the test: `cassettes/<module>/<test>.json`, next to the module.

    Its settings are those of the marker `reliai_cassette`, over those of the fixture
    `reliai_cassette_settings`.
    """
    from reliai.testing import cassette  # noqa: PLC0415  see above

    settings = dict(reliai_cassette_settings)
    for marker in reversed(list(request.node.iter_markers("reliai_cassette"))):
        settings.update(marker.kwargs)
    path = settings.pop("path", None) or _path(request.node)
    with _told(request.node), cassette(path, **settings) as tape:
        _surround(request, tape.active)
        try:
            yield tape
        finally:
            tape.failure = request.node.stash.get(_FAILED, None)


@contextmanager
def _told(node: Any) -> Iterator[None]:
    """Nothing of the test is kept longer than its cassette."""
    try:
        yield
    finally:
        if _FAILED in node.stash:
            del node.stash[_FAILED]


def _path(node: Any) -> Path:
    """The file of one test; a name that no file can have gets a digest of what it was."""
    module: Path = node.path
    parts = [each for each in (node.cls.__name__ if node.cls else None, node.name) if each]
    name = ".".join(parts)
    safe = re.sub(r"[^\w.=-]+", "_", name, flags=re.ASCII)[:100].strip("._") or "test"
    if safe != name:
        safe = f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return module.parent / "cassettes" / module.stem / f"{safe}.json"
