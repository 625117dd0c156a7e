"""Observers by name: our own, and those of distributions that are installed."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import zipfile
from typing import TYPE_CHECKING

import pytest

import reliai
from reliai._core.settings import settings
from reliai.records import RecordStore
from reliai.telemetry import JsonLines, Memory, Structlog
from tests.programs import environment, run_program

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "tiny-observers"
version = "1.2"

[project.entry-points."reliai.observers"]
tiny = "tiny_observers:Tiny"
broken = "tiny_observers.broken:Broken"
refusing = "tiny_observers:refusing"
nothing = "tiny_observers:nothing"
"""

MODULE = """
class Tiny:
    inline = True
    def __init__(self, prefix="tiny"):
        self.prefix = prefix
    def on_end(self, record):
        print(self.prefix, record.name, record.status)

def refusing():
    raise ValueError("no key is set")

def nothing():
    return 5
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that a real distribution is installed in."""
    project = tmp_path_factory.mktemp("project")
    package = project / "tiny_observers"
    package.mkdir()
    (project / "pyproject.toml").write_text(PROJECT)
    (package / "__init__.py").write_text(MODULE)
    (package / "broken.py").write_text("import a_module_that_nobody_has\n")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=project,
        check=True,
        capture_output=True,
    )
    (wheel,) = (project / "dist").glob("*.whl")
    target = tmp_path_factory.mktemp("target")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def output(installed: Path, code: str, **variables: str) -> tuple[list[str], str]:
    """What a program prints, and says on the side, where the distribution is installed."""
    path = f"{environment()['PYTHONPATH']}:{installed}"
    done = run_program(textwrap.dedent(code), PYTHONPATH=path, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr


CALL = """
import reliai
ask = reliai.reliable(name="ask")(lambda: "a")
assert ask() == "a"
"""
TRY = """
import sys, reliai
try:
    reliai.configure(observers=["{name}"])
except reliai.ConfigurationError as error:
    print(error)
"""


def test_observer_of_a_distribution_is_used_by_its_name(installed: Path) -> None:
    configured = "import reliai\nreliai.configure(observers=['tiny', 'tiny:loud'])\n" + CALL
    lines, _ = output(installed, configured)
    assert lines == ["tiny ask success", "loud ask success"]


def test_observers_are_named_by_the_environment(installed: Path) -> None:
    lines, said = output(installed, CALL, RELIAI_OBSERVERS="tiny, tiny:loud")
    assert lines == ["tiny ask success", "loud ask success"]
    assert said == ""


def test_configure_stands_above_the_environment(installed: Path) -> None:
    code = "import reliai\nreliai.configure(observers=['tiny:mine'])\n" + CALL
    lines, _ = output(installed, code, RELIAI_OBSERVERS="tiny")
    assert lines == ["mine ask success"]


def test_environment_that_names_what_cannot_be_had_stops_no_call(installed: Path) -> None:
    lines, said = output(installed, CALL, RELIAI_OBSERVERS="prommetheus,tiny,broken")
    assert lines == ["tiny ask success"]
    first, second = said.splitlines()
    assert first.startswith("RELIAI_OBSERVERS: there is no observer 'prommetheus'; there are")
    assert second.startswith("RELIAI_OBSERVERS: observer 'broken' of tiny-observers 1.2 cannot")


def test_name_that_nobody_offers_lists_what_there_is(installed: Path) -> None:
    lines, _ = output(installed, TRY.format(name="prommetheus"))
    (line,) = lines
    assert line == (
        "there is no observer 'prommetheus'; there are broken, json-lines, memory, nothing, "
        "opentelemetry, otel, prometheus, records, refusing, structlog, tiny, webhook"
    )


BROKEN = (
    "observer 'broken' of tiny-observers 1.2 cannot be loaded: ModuleNotFoundError: "
    "No module named 'a_module_that_nobody_has'"
)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", BROKEN),
        ("refusing", "observer 'refusing' cannot be made: ValueError: no key is set"),
        ("nothing", "observer 'nothing': what its plug-in gives is no observer: 5"),
    ],
)
def test_broken_plug_in_is_an_error_of_who_asks_for_it(
    installed: Path, name: str, message: str
) -> None:
    lines, _ = output(installed, TRY.format(name=name) + CALL)
    assert lines == [message]


def test_broken_plug_in_breaks_nobody_who_does_not_ask_for_it(installed: Path) -> None:
    code = "import reliai\nreliai.configure(observers=['memory', 'tiny'])\n" + CALL
    code += "import sys\nprint('tiny_observers.broken' in sys.modules)"
    lines, said = output(installed, code)
    assert lines == ["tiny ask success", "False"]
    assert said == ""


def test_plug_ins_are_not_looked_for_unless_a_name_asks(installed: Path) -> None:
    lines, _ = output(installed, CALL + "import sys\nprint('reliai.telemetry' in sys.modules)")
    assert lines == ["False"]


# --- our own --------------------------------------------------------------------------------------
def test_our_own_are_made_by_name_with_what_follows_the_colon(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    own = Memory()
    reliai.configure(observers=[f"json-lines:{path}", "structlog", "memory:2", own])
    lines, structlog, memory, last = settings.observers
    assert isinstance(lines, JsonLines)
    assert lines.path == path
    assert isinstance(structlog, Structlog)
    assert isinstance(memory, Memory)
    assert last is own
    ask = reliai.reliable()(lambda: "a")
    for _ in range(3):
        ask()
    assert (len(memory), len(own)) == (2, 3)


def test_same_name_is_the_same_observer_until_it_is_shut_down() -> None:
    reliai.configure(observers=["memory"])
    (first,) = settings.observers
    reliai.configure(observers=["memory"])
    assert settings.observers == (first,)
    assert reliai.shutdown(60)
    reliai.configure(observers=["memory"])
    assert settings.observers != (first,)
    reliai.shutdown(60)


def test_store_is_made_by_name(tmp_path: Path) -> None:
    reliai.configure(observers=[f"records:sqlite:///{tmp_path}/calls.db"])
    (store,) = settings.observers
    reliai.reliable(name="ask")(lambda: "a")()
    assert isinstance(store, RecordStore)
    assert [call.name for call in store.calls()] == ["ask"]
    assert reliai.shutdown(60)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("json-lines", "observer 'json-lines' needs a path: 'json-lines:…'"),
        ("webhook", "observer 'webhook' needs a URL: 'webhook:…'"),
        ("webhook:nothing", "must be a URL with http"),
        ("memory:many", "observer 'memory:many' cannot be made: ValueError"),
        ("", "there is no observer ''"),
    ],
)
def test_what_cannot_be_made_says_why(text: str, message: str) -> None:
    with pytest.raises(reliai.ConfigurationError) as caught:
        reliai.configure(observers=[text])
    assert message in str(caught.value)
    assert settings.observers == ()
