"""One report, in the formats that people and programs read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reliai.evals.comparison import RunComparison, compare
from reliai.evals.reports.annotations import annotations_of
from reliai.evals.reports.facts import Facts, facts_of
from reliai.evals.reports.junit import junit_of
from reliai.evals.reports.markdown import LIMIT, markdown_of
from reliai.evals.reports.plain import text_of

if TYPE_CHECKING:
    from os import PathLike

    from reliai.evals.results import GateResult

__all__ = ["Report", "report"]

_FILES: Final = {
    "gate.md": "markdown",
    "gate.html": "html",
    "gate.xml": "junit",
    "gate.json": "json",
    "gate.txt": "text",
}


@dataclass(frozen=True, slots=True)
class Report:
    """A gate's result with what led to it.

    Attributes:
        facts: what it tells, as plain values.
    """

    facts: Facts

    def text(self, *, width: int = 100) -> str:
        """For a terminal.

        Args:
            width: characters of a line.
        """
        return text_of(self.facts, width)

    def markdown(self, *, limit: int = LIMIT) -> str:
        """For a comment on a pull request, or the summary of a job.

        Nothing in it is taken for markup, a mention or a link but what reliai wrote.

        Args:
            limit: characters that it has at most; what does not fit is left out, and counted.
        """
        return markdown_of(self.facts, limit)

    def annotations(self) -> str:
        """Workflow commands of GitHub Actions, a line each: to be printed by a step."""
        return annotations_of(self.facts)

    def junit(self) -> str:
        """JUnit XML: a test case for each rule, and for each of its slices."""
        return junit_of(self.facts)

    def html(self) -> str:
        """A page that needs nothing else: no scripts, no network, its plots drawn in it."""
        from reliai.evals.reports.html import html_of  # noqa: PLC0415  loads matplotlib

        return html_of(self.facts)

    def data(self) -> dict[str, Any]:
        """Plain data."""
        return self.facts.to_dict()

    def json(self) -> str:
        """The same as JSON text."""
        text = json.dumps(self.data(), indent=2, ensure_ascii=False, default=str)
        return text.encode("utf-8", "replace").decode() + "\n"  # half an emoji is no UTF-8

    def write(self, folder: str | PathLike[str]) -> tuple[Path, ...]:
        """Write all formats into a folder: gate.md, gate.html, gate.xml, gate.json, gate.txt."""
        where = Path(folder)
        where.mkdir(parents=True, exist_ok=True)
        written: list[Path] = []
        for name, form in _FILES.items():
            text: str = getattr(self, form)()
            path = where / name
            path.write_text(text, encoding="utf-8", errors="replace")
            written.append(path)
        return tuple(written)

    def __str__(self) -> str:
        return self.text()


def report(
    result: GateResult,
    given: Any = None,
    *,
    title: str | None = None,
    content: bool = False,
) -> Report:
    """The report of a gate's result.

    Args:
        result: what the gate said.
        given: the comparison or run that it was judged on: for scores, changed and flaky cases.
        title: None for the experiment's name.
        content: whether outputs of the cases that became worse are shown, in the HTML page and
            the data; they may hold what is confidential.
    """
    if given is None:
        comparison = None
    else:
        comparison = given if isinstance(given, RunComparison) else compare(given)
    return Report(facts_of(result, comparison, title=title, content=content))
