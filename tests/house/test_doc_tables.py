"""Tables of the documentation say what the code says."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import reliai
from reliai import errors

DOCS = Path(__file__).parents[2] / "docs"


def rows(text: str) -> list[list[str]]:
    """The cells of every table row."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_table_of_kinds_is_the_table_of_verdicts() -> None:
    answers = {"yes": True, "no": False}
    lessons = {"a failure": "failure", "nothing": "none", "a success": "success"}
    documented = {
        row[0].strip("`"): (answers[row[2]], answers[row[3]], lessons[row[4]])
        for row in rows((DOCS / "errors.md").read_text())
        if len(row) == 5 and row[0].startswith("`")
    }
    assert documented == {kind.value: tuple(verdict) for kind, verdict in errors.verdicts.items()}


def test_the_table_of_errors_has_every_error() -> None:
    documented = {
        match[1]
        for row in rows((DOCS / "errors.md").read_text())
        if (match := re.match(r"`([A-Z]\w+)`", row[0]))
    }
    raised = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.ReliaiError)
    }
    assert documented == raised - {"ReliaiError"}


def policy_sections() -> dict[str, str]:
    """The sections of policies.md that are about one policy, by its name."""
    sections = re.split(r"^## ", (DOCS / "policies.md").read_text(), flags=re.MULTILINE)
    return {section.split("`")[1]: section for section in sections if section.startswith("`")}


def as_documented(parameter: inspect.Parameter) -> tuple[str, str]:
    """Name and default of a setting, as a table shows them."""
    name = str(
        parameter.replace(annotation=inspect.Parameter.empty, default=inspect.Parameter.empty)
    )
    return name, "" if parameter.default is parameter.empty else f"`{parameter.default!r}`"


@pytest.mark.parametrize("name", sorted(policy_sections()))
def test_the_settings_of_a_policy_are_documented_with_their_defaults(name: str) -> None:
    table = rows(policy_sections()[name])
    documented = {row[0].strip("`"): row[1] for row in table if row[0].startswith("`")}
    parameters = inspect.signature(getattr(reliai, name)).parameters.values()
    assert documented == dict(map(as_documented, parameters))


def test_every_public_policy_has_a_section() -> None:
    public = {name for name in reliai.__all__ if inspect.isclass(getattr(reliai, name))}
    policies = {name for name in public if issubclass(getattr(reliai, name), reliai.Policy)}
    assert set(policy_sections()) >= policies - {"Policy"}
