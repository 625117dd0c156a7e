"""The pytest plugin, in suites of its own: with the plugins that people have, and with none."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from reliai import _core, checks, policies, providers, telemetry, testing
from reliai.testing import pytest_plugin

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["pytester"]

PLUGIN = "reliai.testing.pytest_plugin"
QUIET = ("-p", "no:randomly", "-p", "no:cacheprovider", "-W", "error")

SUITE = """
    import reliai

    calls = []

    @reliai.Retry(3, wait=0)
    def ask(prompt: str) -> str:
        calls.append(prompt)
        return f"answer to {prompt}"
"""


@pytest.fixture(scope="session", autouse=True)
def _everything_loaded() -> None:
    """Load what the suites will: pytester forgets modules that were loaded while it ran one."""
    for package in (_core, checks, policies, providers, telemetry, testing):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(app=SUITE)
    pytester.syspathinsert()
    return pytester


def run(suite: pytest.Pytester, *args: str) -> pytest.RunResult:
    # once: an installed reliai has pytest load it as "reliai" by itself
    return suite.runpytest_inprocess("-p", "no:reliai", *QUIET, *args, plugins=[pytest_plugin])


def files(suite: pytest.Pytester) -> list[str]:
    folder = suite.path / "cassettes"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.json"))


# --- fixtures ---------------------------------------------------------------------------------


def test_each_fixture_gives_what_it_is_named_for(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import reliai
        from app import ask

        def test_records(records):
            ask("a")
            assert records[-1].status == "success"

        def test_virtual_clock(virtual_clock):
            reliai.clock.active().sleep(1000)
            assert virtual_clock.slept == [1000]

        def test_fault_server(fault_server):
            assert fault_server.url.startswith("http://127.0.0.1:")

        def test_deactivated(deactivated):
            tried = []

            @reliai.Retry(5)
            def fail():
                tried.append(1)
                raise ConnectionError

            assert not reliai.execute(fail).ok
            assert len(tried) == 1

        def test_all_are_gone_afterwards():
            from reliai import clock
            assert type(clock.active()).__name__ != "VirtualClock"
        """
    )
    suite.makepyfile(conftest="import reliai.clock")
    run(suite).assert_outcomes(passed=5)


def test_a_fixture_of_the_same_name_in_the_suite_wins(suite: pytest.Pytester) -> None:
    suite.makeconftest(
        """
        import pytest

        @pytest.fixture
        def records():
            return "mine"
        """
    )
    suite.makepyfile("def test_it(records): assert records == 'mine'")
    run(suite).assert_outcomes(passed=1)


# --- cassettes --------------------------------------------------------------------------------


def test_each_test_has_a_file_of_its_own_next_to_its_module(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        test_answers="""
        import pytest
        import app

        def test_one(reliai_cassette):
            assert app.ask("a") == "answer to a"

        @pytest.mark.parametrize("prompt", ["plain", "a/b: c", "x" * 300])
        def test_many(reliai_cassette, prompt):
            app.ask(prompt)

        class TestGroup:
            def test_one(self, reliai_cassette):
                app.ask("b")

        def test_without():
            app.ask("c")
        """
    )
    run(suite).assert_outcomes(passed=6)
    names = files(suite)
    assert names[0] == "test_answers/TestGroup.test_one.json"
    assert "test_answers/test_one.json" in names
    assert len(names) == 5
    assert all(len(name) < 140 for name in names)


def test_a_second_run_replays(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import app

        def test_one(reliai_cassette):
            app.calls.clear()
            app.ask("a")
            print("called", len(app.calls), reliai_cassette.mode)
        """
    )
    run(suite, "-s").stdout.fnmatch_lines("*called 1 once*")
    run(suite, "-s", "--reliai-cassettes=replay").stdout.fnmatch_lines("*called 0 replay*")
    run(suite, "-s", "--reliai-cassettes=record").stdout.fnmatch_lines("*called 1 record*")


def test_replay_without_a_file_fails_and_names_it(suite: pytest.Pytester) -> None:
    suite.makepyfile("def test_one(reliai_cassette): pass")
    result = run(suite, "--reliai-cassettes=replay")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines("*cassettes*test_one.json does not exist*")


def test_an_unknown_mode_is_refused(suite: pytest.Pytester) -> None:
    result = run(suite, "--reliai-cassettes=maybe")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("*invalid choice: 'maybe'*")


def test_the_option_holds_for_blocks_that_name_no_mode(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELIAI_CASSETTES", "new")
    suite.makepyfile(
        """
        from reliai.testing import cassette

        def test_one(tmp_path):
            with cassette(tmp_path / "a.json") as tape:
                assert tape.mode == "record"
            with cassette(tmp_path / "a.json", mode="once") as tape:
                assert tape.mode == "once"
        """
    )
    run(suite, "--reliai-cassettes=record").assert_outcomes(passed=1)
    assert os.environ["RELIAI_CASSETTES"] == "new"


def test_settings_come_from_the_fixture_and_over_it_from_the_marker(
    suite: pytest.Pytester,
) -> None:
    suite.makeconftest(
        """
        import pytest

        @pytest.fixture
        def reliai_cassette_settings():
            return {"redact": lambda text: text.replace("Ana", "NAME"), "match": ["prompt"]}
        """
    )
    suite.makepyfile(
        """
        import pytest
        import app

        pytestmark = pytest.mark.reliai_cassette(strict=True)

        @pytest.mark.reliai_cassette(path="mine.json")
        def test_one(reliai_cassette):
            app.ask("I am Ana")
        """
    )
    run(suite, "--strict-markers").assert_outcomes(passed=1)
    (entry,) = json.loads((suite.path / "mine.json").read_text())["calls"]
    assert entry["arguments"] == {"prompt": "I am NAME"}
    suite.makepyfile(
        """
        import pytest

        @pytest.mark.reliai_cassette(path="mine.json", strict=True)
        def test_one(reliai_cassette):
            pass
        """
    )
    run(suite).stdout.fnmatch_lines("*1 recordings that no call used*")


def test_a_test_that_fails_with_a_recorded_error_writes_no_cassette(
    suite: pytest.Pytester,
) -> None:
    suite.makepyfile(
        """
        import reliai

        @reliai.reliable()
        def ask():
            raise PermissionError("no key")

        def test_one(reliai_cassette):
            ask()

        def test_two(reliai_cassette):
            assert not reliai.execute(ask).ok
            assert False
        """
    )
    run(suite).assert_outcomes(failed=2)
    assert [name.rpartition("/")[2] for name in files(suite)] == ["test_two.json"]


# --- other plugins ----------------------------------------------------------------------------

ASYNC_SUITE = """
    import asyncio
    import anyio
    import pytest
    import reliai
    from reliai.testing import CassetteMismatch

    pytestmark = pytest.mark.anyio
    calls = []

    @pytest.fixture(scope="module")
    def anyio_backend():
        return "asyncio"

    @pytest.fixture(scope="module")
    async def started_before():
        yield 1

    @reliai.Retry(3)
    async def ask(prompt: str) -> str:
        calls.append(prompt)
        await anyio.sleep(0)
        return prompt.upper()

    async def test_first(started_before):
        await ask("nobody records this")

    class TestGroup:
        async def test_one(self, started_before, reliai_cassette, records):
            assert await asyncio.gather(ask("a"), ask("b")) == ["A", "B"]
            assert reliai_cassette.recorded + reliai_cassette.replayed == 2
            assert len(records) == 2
            print("called", len(calls))

    async def test_clock(started_before, virtual_clock):
        await asyncio.sleep(1000)
        assert virtual_clock.now > 999

    async def test_deactivated(started_before, deactivated):
        tried = []

        @reliai.Retry(5)
        async def fail():
            tried.append(1)
            raise ConnectionError

        assert not (await reliai.aexecute(fail)).ok
        assert len(tried) == 1
"""


def test_asynchronous_tests_of_anyio_run_inside_what_the_fixtures_set_up(
    suite: pytest.Pytester,
) -> None:
    suite.makepyfile(ASYNC_SUITE)
    first = run(suite, "-s", "-p", "anyio")
    first.assert_outcomes(passed=4)
    first.stdout.fnmatch_lines("*called 3*")
    second = run(suite, "-s", "-p", "anyio", "--reliai-cassettes=replay")
    second.assert_outcomes(passed=4)
    second.stdout.fnmatch_lines("*called 1*")


@pytest.mark.slow
def test_tests_spread_over_workers_write_all_their_files(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    suite.makepyfile(
        """
        import pytest
        import app

        @pytest.mark.parametrize("number", range(8))
        def test_many(reliai_cassette, number):
            app.ask(f"prompt {number}")
            print("mode", reliai_cassette.mode)

        @pytest.mark.parametrize("number", range(8))
        @pytest.mark.reliai_cassette(path="shared.json")
        def test_shared(reliai_cassette, number):
            app.ask(f"prompt {number}")
        """
    )
    args = ("-p", PLUGIN, *QUIET, "-p", "xdist.plugin", "-n", "2", "--reliai-cassettes=new")
    result = suite.runpytest_subprocess(*args)
    result.assert_outcomes(passed=16)
    assert len(files(suite)) == 8
    shared = json.loads((suite.path / "shared.json").read_text())["calls"]
    assert sorted(each["arguments"]["prompt"] for each in shared) == [
        f"prompt {number}" for number in range(8)
    ]
    assert run(suite, "--reliai-cassettes=replay").parseoutcomes() == {"passed": 16}


# --- in suites that do not use it ---------------------------------------------------------------


def test_a_suite_that_uses_nothing_of_it_runs_as_before(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(
        """
        import os
        import sys
        import pytest

        def test_nothing_was_set():
            assert "RELIAI_CASSETTES" not in os.environ
            engine = [n for n in sys.modules if n.startswith("reliai._core")]
            assert not engine

        async def not_collected(): ...

        def test_fails():
            assert False

        @pytest.mark.skip
        def test_skipped(): ...
        """
    )
    result = pytester.runpytest_subprocess("-p", PLUGIN, *QUIET, "--strict-markers")
    result.assert_outcomes(passed=1, failed=1, skipped=1)


def test_importing_it_imports_nothing_else_of_reliai() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import reliai.testing.pytest_plugin; "
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["reliai", "reliai.testing", PLUGIN]


def test_the_file_of_a_test_is_the_same_on_every_machine(tmp_path: Path) -> None:
    def named(name: str, group: str | None = None) -> str:
        kind = None if group is None else type(group, (), {})
        node = SimpleNamespace(path=tmp_path / "test_a.py", cls=kind, name=name)
        return str(pytest_plugin._path(node).relative_to(tmp_path / "cassettes"))

    assert named("test_x") == "test_a/test_x.json"
    assert named("test_x", "TestA") == "test_a/TestA.test_x.json"
    assert named("test_x[a-b]").startswith("test_a/test_x_a-b-")
    assert len({named("test_x[a b]"), named("test_x[a_b]"), named("test_x[a:b]")}) == 3
    assert named("test_x[../../etc]").count("/") == 1
    assert len(named("test_" + "x" * 500)) < 130
