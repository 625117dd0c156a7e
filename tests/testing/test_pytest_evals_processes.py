"""The plugin in processes of its own: in suites that do not use it, and among workers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai.evals.run import Run
from reliai.evals.trial import Score, Trial
from reliai.testing._pytest_evals.payload import LIMIT, VERSION, Payload, packed, unpacked

if TYPE_CHECKING:
    from pathlib import Path

PLUGIN = ("-p", "reliai.testing.pytest_plugin")
HEAVY = ("numpy", "scipy", "pyarrow", "reliai.evals", "reliai.datasets", "reliai._core", "asyncio")


def session(folder: Path, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


# --- suites that do not use it ----------------------------------------------------------------

PLAIN = """
import pytest

@pytest.fixture(params=[1, 2])
def number(request): return request.param

def test_passes(number): assert number
def test_fails(): assert [1, 2] == [1, 3]
class TestGroup:
    @pytest.mark.skip("later")
    def test_skipped(self): pass
    @pytest.mark.xfail
    def test_xfails(self): assert 0
def test_lacks_a_fixture(case, score): pass
"""

SEEN = """
import json, sys
def pytest_unconfigure():
    with open("modules.json", "w") as out: json.dump(sorted(sys.modules), out)
"""


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    (tmp_path / "test_plain.py").write_text(PLAIN)
    (tmp_path / "conftest.py").write_text(SEEN)
    return tmp_path


def test_a_suite_that_does_not_use_it_says_the_same_and_loads_nothing(plain: Path) -> None:
    without = session(plain, "-q")
    before = set(json.loads((plain / "modules.json").read_text()))
    with_it = session(plain, "-q", *PLUGIN)
    after = set(json.loads((plain / "modules.json").read_text()))
    assert _timeless(with_it.stdout) == _timeless(without.stdout)
    assert (with_it.stderr, with_it.returncode) == (without.stderr, without.returncode)
    assert "fixture 'case' not found" in with_it.stdout
    more = after - before
    assert not [name for name in more if name.startswith(HEAVY)]
    assert {name.partition(".")[0] for name in more} <= {"reliai"}
    assert not (plain / ".reliai").exists()


def _timeless(text: str) -> str:
    """Without the seconds, and what fixtures a suite could have asked for."""
    return re.sub(r"available fixtures: .*", "", re.sub(r"in \d+\.\d+s", "in …", text))


MEASURE = """
import pytest, sys, time
sys.dont_write_bytecode, sys.pycache_prefix = False, sys.argv[1]  # as installed packages are
def once():
    for name in [name for name in sys.modules if name.partition(".")[0] == "reliai"]:
        del sys.modules[name]
    began = time.process_time()
    import reliai.testing.pytest_plugin
    return time.process_time() - began
print(min(once() for _ in range(25)))
"""


def test_loading_it_costs_less_than_five_milliseconds(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MEASURE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 0.005


# --- workers ----------------------------------------------------------------------------------

SUITE = """
import os, pytest
from reliai.datasets import Case
CASES = [Case(inputs={"n": n}, id=f"c{n:03}", tags={"half": "ab"[n % 2]}) for n in range(100)]

@pytest.mark.reliai(dataset=CASES, repeats=3, gate="passed >= .5 by half")
def test_it(case, score, request):
    number = case.inputs["n"]
    score("number", number / 100)
    score("try", request.node.name.endswith("r1]"))
    assert number % 10
"""


@pytest.mark.slow
def test_four_workers_make_one_run_with_the_numbers_of_one_process(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SUITE)
    folders = tmp_path / ".reliai" / "runs"
    alone = session(tmp_path, "-q", *PLUGIN)
    (one,) = Run.list(root=folders)
    spread = session(tmp_path, "-q", "-n", "4", *PLUGIN, "-p", "xdist")
    runs = Run.list(root=folders)
    assert len(runs) == 2
    other = next(run for run in runs if run.id != one.id)
    assert _numbers(one) == _numbers(other)
    assert sum(_numbers(other).values()) == 300
    assert one.state == other.state == "complete"
    assert alone.returncode == spread.returncode == 0
    assert _section(alone.stdout) == _section(spread.stdout)


def _numbers(run: Run) -> Counter[Any]:
    return Counter(
        (each.case, each.digest, each.repeat, each.status, json.dumps(each.to_dict()["scores"]))
        for each in run.trials()
    )


def _section(text: str) -> list[str]:
    lines = text.splitlines()
    begin = next(at for at, line in enumerate(lines) if re.fullmatch("=+ reliai =+", line))
    section = lines[begin + 1 : begin + 7]
    return [line for line in section if not line.startswith("  run ") and " in " not in line[-12:]]


# --- what travels -----------------------------------------------------------------------------


def test_a_payload_of_another_version_is_refused() -> None:
    text = packed(Payload("e", None, passed=False, of=0, header={"a": "\ud800ü"}))
    assert text.isascii()
    assert unpacked(text).header == {"a": "\ud800ü"}
    other = text.replace(f'"v":{VERSION}', f'"v":{VERSION + 1}')
    with pytest.raises(ValueError, match="another version"):
        unpacked(other)


_TEXTS = st.text(st.characters(), max_size=20)  # with halves of surrogate pairs, as models emit
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(output=_JSON, explanation=_TEXTS, length=st.sampled_from([0, 10, LIMIT]))
def test_what_travels_fits_and_comes_back(output: Any, explanation: str, length: int) -> None:
    score = Score(value=1.0, explanation=explanation * (length // 10 + 1))
    trial = Trial(
        case="c",
        digest="d",
        repeat=1,
        status="ok",
        output=[output, "x" * length],
        scores={"s": score},
    )
    text = packed(Payload("e", trial, passed=True, of=1, header=None))
    assert text.isascii()
    assert len(text) <= LIMIT
    back = unpacked(text).trial
    assert back is not None
    assert (back.case, back.repeat, back.status) == ("c", 1, "ok")
    if length < LIMIT:
        assert back == trial


@pytest.mark.parametrize("text", [None, b"x", "[]", "x" * (LIMIT + 1), "{}"])
def test_what_is_no_payload_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"payload|JSON|Expecting"):
        unpacked(text)
