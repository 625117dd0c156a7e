"""pyproject.toml, changelog, lock and scripts agree with each other and with the code."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
SCRIPTS = [*sorted((ROOT / "scripts").iterdir()), *sorted((ROOT / ".ci").iterdir())]

# Distributions whose import name is not their own.
IMPORT_NAMES = {
    "openfeature-sdk": "openfeature",
    "opentelemetry-api": "opentelemetry",
    "opentelemetry-sdk": "opentelemetry",
    "opentelemetry-exporter-otlp-proto-http": "opentelemetry",
    "lingua-language-detector": "lingua",
    "scikit-learn": "sklearn",
}


def requirement_name(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower()


def declared() -> set[str]:
    """Names of all distributions that the package or an extra of it asks for."""
    extras = PROJECT["optional-dependencies"].values()
    listed = [*PROJECT["dependencies"], *(one for extra in extras for one in extra)]
    return {requirement_name(one) for one in listed} - {PROJECT["name"]}


def imported_by(path: Path) -> set[str]:
    """Top-level names of the modules a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_module":
            given = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
            names |= {name.partition(".")[0] for name in given if isinstance(name, str)}
    return names


def test_the_installed_version_is_the_one_of_pyproject() -> None:
    assert importlib.metadata.version("reliai") == PROJECT["version"]


def test_the_changelog_names_the_version_or_what_is_unreleased() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] in {"Unreleased", PROJECT["version"]}
    assert len(headings) == len(set(headings))
    released = [tuple(map(int, heading.split("."))) for heading in headings if heading[0].isdigit()]
    assert released == sorted(released, reverse=True)


def test_every_module_imported_is_a_declared_dependency() -> None:
    allowed = {IMPORT_NAMES.get(name, name).replace("-", "_") for name in declared()}
    # Parts of pydantic, jsonschema and presidio; and pytest, for who runs its plugin has it.
    allowed |= {
        "pydantic_core",
        "typing_extensions",
        "referencing",
        "spacy",
        "tldextract",
        "pytest",
    }
    allowed |= set(sys.stdlib_module_names) | {"reliai"}
    strangers = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "src").rglob("*.py")
        for name in imported_by(path) - allowed
    }
    assert not strangers


def test_every_extra_that_is_named_exists() -> None:
    extras = set(PROJECT["optional-dependencies"])
    folders = [ROOT / name for name in ("src", "docs", "examples", "benchmarks", "scripts")]
    files = [ROOT / "README.md", *(path for folder in folders for path in folder.rglob("*"))]
    for path in files:
        if path.suffix in {".py", ".md", ""} and path.is_file():
            for named in re.findall(r"reliai\[([a-z,]+)\]", path.read_text()):
                assert set(named.split(",")) <= extras, path


def test_the_lock_holds_every_dependency_and_no_address() -> None:
    lock = (ROOT / "requirements" / "dev.txt").read_text()
    pinned = {requirement_name(line) for line in lock.splitlines() if "==" in line}
    groups = PYPROJECT["dependency-groups"].values()
    tools = {requirement_name(one) for group in groups for one in group if isinstance(one, str)}
    assert declared() | tools <= pinned
    assert "://" not in lock
    assert " /" not in lock


def test_the_extra_all_holds_every_extra() -> None:
    extras = PROJECT["optional-dependencies"]
    (everything,) = extras["all"]
    assert set(everything.partition("[")[2].rstrip("]").split(",")) == set(extras) - {"all"}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_script_is_valid_shell_and_short(script: Path) -> None:
    subprocess.run(["/bin/sh", "-n", str(script)], check=True)
    text = script.read_text()
    assert len(text.splitlines()) <= 70
    if text.startswith("#!"):
        assert os.access(script, os.X_OK)


def test_the_readme_names_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text()
    for command in ("scripts/demo", "scripts/test"):
        assert f"\n{command} " in readme
