"""The command line as a whole: quick to start, and clear about what is missing."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

from reliai.cli.missing import explain
from tests.cli.commands import command


def test_help_names_the_commands() -> None:
    done = command("--help")
    assert done.returncode == 0
    assert "demo" in done.stdout
    assert "doctor" in done.stdout


def test_version_is_that_of_the_package() -> None:
    assert command("--version").stdout.split() == ["reliai", version("reliai")]


def test_help_of_demo_shows_what_its_options_are_by_default() -> None:
    shown = " ".join(command("demo", "--help").stdout.replace("│", " ").split())
    assert "default: 36; with" in shown
    assert "default: 25; with" in shown


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "sys.argv = ['reliai', '--help']\n"
        "from reliai.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'asyncio', 'sklearn', 'numpy', 'pydantic', 'openai', 'anthropic', 'tenacity'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [
        ("typer", ["--help"], "reliai[cli]"),
        ("typer", ["demo"], "reliai[demo]"),
        ("sklearn", ["demo"], "reliai[demo]"),
        ("openai", ["demo", "--model", "openai:any"], "reliai[openai]"),
    ],
)
def test_what_is_not_installed_is_named_with_its_extra(
    missing: str, arguments: list[str], extra: str
) -> None:
    code = (
        "import os, sys\n"
        f"sys.modules[{missing!r}] = None\n"
        "os.environ['OPENAI_API_KEY'] = 'any'\n"
        f"sys.argv = ['reliai', *{arguments!r}]\n"
        "from reliai.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert missing in done.stderr
    assert f'pip install "{extra}"' in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_part_of_reliai_itself_is_no_matter_of_extras() -> None:
    defect = ModuleNotFoundError("gone", name="reliai.cli.gone")
    with pytest.raises(ModuleNotFoundError) as caught:
        explain(defect, "cli")
    assert caught.value is defect


def test_an_unknown_option_is_a_matter_of_usage() -> None:
    assert command("demo", "--colour").returncode == 2
