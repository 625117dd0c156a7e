"""What is known of an experiment before its first item runs, and what it is called."""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reliai.datasets.case import Case
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from reliai.testing._pytest_evals.asking import Asked

__all__ = ["Given", "Planned", "experiment_of", "function_of", "given_of", "header_of"]


@dataclass(frozen=True, slots=True)
class Given:
    """The cases that a marker names.

    Attributes:
        cases: all of them.
        reference: as text; None where there is none, as for a list of cases.
        version: its name, such as "v3"; None where there is none.
        root: the digest of all.
    """

    cases: Sequence[Case]
    reference: str | None
    version: str | None
    root: str


@dataclass(frozen=True, slots=True)
class Planned:
    """What one test function is to run.

    Attributes:
        asked: its markers.
        given: its cases.
        tries: how many items that makes.
    """

    asked: Asked
    given: Given
    tries: int


def given_of(dataset: Any, root: Path) -> Given:
    """The cases behind a reference, a version, a view, or a list.

    Args:
        dataset: of the marker.
        root: pytest's: datasets are looked for below it, wherever pytest was started.

    Raises:
        ConfigurationError: when it is none of these.
        DatasetError: when there is no such version, or it is damaged.
    """
    from reliai.datasets.references import resolve  # noqa: PLC0415  when it is used
    from reliai.datasets.views import listed  # noqa: PLC0415  the same

    if isinstance(dataset, str):
        version = resolve(_placed(dataset, root))
        return Given(list(version), dataset, version.name, version.root)
    if not hasattr(dataset, "root"):
        if not isinstance(dataset, Iterable) or not all(isinstance(one, Case) for one in dataset):
            raise ConfigurationError(
                f"reliai(dataset={dataset!r}): must be a reference such as "
                '"support-refunds@v3", a version, a view, or a list of cases'
            )
        dataset = listed(dataset)
    reference = getattr(dataset, "reference", None)
    return Given(list(dataset), reference, getattr(dataset, "name", None), dataset.root)


def _placed(reference: str, root: Path) -> str:
    """A reference that holds in the working directory, of one that holds in pytest's root."""
    name = reference.partition("@")[0]
    here = root / ".reliai" / "datasets" / name
    if Path.cwd() == root or not re.fullmatch(r"[\w.-]+", name) or not here.is_dir():
        return reference
    return f"{here}{reference[len(name) :]}"


def function_of(item: Any) -> str:
    """The id of the test function that an item belongs to, without its parameters."""
    node = str(item.nodeid)
    name, plain = str(item.name), getattr(item, "originalname", None)
    return node if plain is None else f"{node.removesuffix(name)}{plain}"


def experiment_of(item: pytest.Item, planned: Planned, trying: str) -> str:
    """The name of the experiment that an item belongs to.

    Other parameters of the test make experiments of their own, for a case is tried with each. It
    is a name that a file can have; where that takes something away, a digest tells it from others.
    """
    name = planned.asked.name
    if name is None:
        function = function_of(item).replace(".py::", "::")
        name = function.replace("::", ".").replace("/", ".")
    others = _others(getattr(item, "callspec", None), trying)
    wanted = f"{name}.{others}" if others else name
    fits = re.sub(r"[^\w.-]+", "_", wanted).strip("._")
    if fits == wanted:
        return fits
    return f"{fits}-{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"


def _others(callspec: Any, trying: str) -> str:
    """What the id of an item says of other parameters than the case.

    The case is parametrized before all others, so its part of the id is the first; pytest writes
    what is not printable ASCII as escapes.
    """
    if callspec is None or len(callspec.params) < 2:
        return ""
    whole = str(callspec.id)
    for part in (trying, trying.encode("unicode_escape").decode("ascii")):
        if whole.startswith(f"{part}-"):
            return whole[len(part) + 1 :]
        if whole.endswith(f"-{part}"):
            return whole[: -len(part) - 1]
    return whole


def header_of(item: pytest.Item, planned: Planned) -> dict[str, Any]:
    """What the process that leads the session must know, as JSON data."""
    asked, given = planned.asked, planned.given
    return {
        "dataset": given.reference,
        "version": given.version,
        "root": given.root,
        "cases": len(given.cases),
        "tries": planned.tries,
        "repeats": asked.repeats,
        "min_pass": asked.min_pass,
        "gate": asked.gate,
        "baseline": None if asked.baseline is None else str(asked.baseline),
        "policies": asked.policies,
        "inconclusive": asked.inconclusive,
        "no_baseline": asked.no_baseline,
        "function": function_of(item),
        "code": _code_of(getattr(item, "function", None)),
    }


def _code_of(test: Any) -> str:
    """The digest of a test's own statements: scores of tests that assert something else differ.

    What it calls is left out, for that is what is evaluated.
    """
    try:
        tree: Any = ast.parse(textwrap.dedent(inspect.getsource(test)))
        tree.body[0].decorator_list = []
        text = ast.unparse(tree)
    except (OSError, TypeError, SyntaxError, AttributeError, IndexError):
        text = repr(getattr(getattr(test, "__code__", None), "co_code", None))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
