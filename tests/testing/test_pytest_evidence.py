"""`pytest --reliai-evidence`: marked tests as evidence for `reliai score`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from reliai.testing import pytest_plugin
from reliai.testing._pytest_evidence import MLTests

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["pytester"]

SUITE = """
    import pytest

    @pytest.mark.ml_test("DT7", "mo7")
    def test_prompt():
        pass

    @pytest.mark.ml_test("MO7")
    @pytest.mark.parametrize("name", ["Ana", "Bo"])
    def test_names(name):
        assert name == "Ana"

    @pytest.mark.ml_test("DT2")
    @pytest.mark.skip
    def test_later():
        pass

    @pytest.mark.ml_test("DT3")
    @pytest.mark.xfail
    def test_known_to_fail():
        raise AssertionError

    @pytest.fixture
    def broken():
        raise RuntimeError

    @pytest.mark.ml_test("MO3")
    def test_setup(broken):
        pass

    def test_other():
        pass
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.delenv("CI", raising=False)
    (pytester.path / ".reliai").mkdir()
    return pytester


def run(suite: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    quiet = ("-p", "no:reliai", "-p", "no:randomly", "-p", "no:cacheprovider", "-W", "error")
    return suite.runpytest_inprocess(*quiet, *arguments, plugins=[pytest_plugin])


def kept(suite: pytest.Pytester) -> Any:
    (file,) = (suite.path / ".reliai" / "evidence").iterdir()
    return json.loads(file.read_text())


def test_what_marked_tests_show_is_kept(suite: pytest.Pytester) -> None:
    suite.makepyfile(SUITE)
    done = run(suite, "--reliai-evidence")
    assert kept(suite)["result"]["tests"] == {
        "DT7": {"passed": 1, "failed": 0},
        "MO7": {"passed": 2, "failed": 1},
        "MO3": {"passed": 0, "failed": 1},
    }
    done.stdout.fnmatch_lines(["reliai: kept what the tests show of DT7, MO3, MO7"])


def test_without_the_option_nothing_is_kept(suite: pytest.Pytester) -> None:
    suite.makepyfile(SUITE)
    run(suite)
    assert not (suite.path / ".reliai" / "evidence").exists()


def test_a_suite_without_marks_keeps_nothing(suite: pytest.Pytester) -> None:
    suite.makepyfile("def test_a(): pass")
    assert run(suite, "--reliai-evidence").ret == 0
    assert not (suite.path / ".reliai" / "evidence").exists()


def test_a_test_against_the_fault_server_shows_the_whole_path(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        def test_path(fault_server):
            assert fault_server.url
        """
    )
    run(suite, "--reliai-evidence")
    assert kept(suite)["result"]["tests"] == {"IN3": {"passed": 1, "failed": 0}}


@pytest.mark.parametrize(("mark", "why"), [("'XX1'", "there is no test XX1"), ("", "name the")])
def test_a_mark_that_names_no_test_is_refused(mark: str, why: str, suite: pytest.Pytester) -> None:
    suite.makepyfile(
        f"""
        import pytest

        @pytest.mark.ml_test({mark})
        def test_a():
            pass
        """
    )
    done = run(suite, "--reliai-evidence")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"*test_a: ml_test: {why}*"])


class _Config:
    """A worker's, or that of the process that leads workers."""

    def __init__(self, **more: Any) -> None:
        vars(self).update(more)


def _told_by_a_worker() -> pytest.TestReport:
    """A report as it comes from another process, through JSON."""
    said = pytest.TestReport("a.py::test_a", ("a.py", 1, "test_a"), {}, "passed", None, "call")
    vars(said)["reliai_ml_tests"] = ["DT7"]
    return pytest.TestReport._from_json(json.loads(json.dumps(said._to_json())))


@pytest.mark.parametrize(("more", "files"), [({}, 1), ({"workerinput": {}}, 0)])
def test_of_several_processes_the_one_that_leads_keeps_what_all_show(
    more: dict[str, Any], files: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".reliai").mkdir()
    plugin = MLTests(cast("pytest.Config", _Config(**more)))
    plugin.pytest_runtest_logreport(_told_by_a_worker())
    plugin.pytest_sessionfinish()
    assert len(list(tmp_path.glob(".reliai/evidence/*.json"))) == files
