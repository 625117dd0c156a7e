"""The report as JUnit XML, which all CI systems read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from reliai.evals.verdicts import Verdict

if TYPE_CHECKING:
    from reliai.evals.reports.facts import Facts
    from reliai.evals.results import RuleResult

__all__ = ["junit_of"]

_NOT_IN_XML: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PROPERTIES: Final = (
    *("estimate", "low", "high", "candidate", "baseline", "n", "clusters", "missing"),
    *("p_value", "p_adjusted", "detectable", "cases_needed", "repeats_needed"),
)


def junit_of(facts: Facts) -> str:
    """A suite for the gate, with a test case for each rule and for each of its slices."""
    suite = ET.Element("testsuite", name=_clean(f"reliai gate {facts.title}"))
    counts = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    properties = ET.SubElement(suite, "properties")
    for name in ("verdict", "n", "missing", "exit_code"):
        value = str(getattr(facts.result, name))
        ET.SubElement(properties, "property", name=name, value=_clean(value))
    for note in facts.result.notes:
        ET.SubElement(properties, "property", name="note", value=_clean(note))
    for rule in facts.result.rules:
        _case(suite, rule, None, counts, facts.title)
        for part in rule.slices:
            _case(suite, part, rule, counts, facts.title)
    if not facts.result.n:
        counts["errors"] += 1
        counts["tests"] += 1
        case = ET.SubElement(suite, "testcase", classname=_clean(facts.title), name="evaluated")
        ET.SubElement(case, "error", type="nothing_evaluated", message="no case was evaluated")
    for name, count in counts.items():
        suite.set(name, str(count))
    root = ET.Element("testsuites", {name: str(count) for name, count in counts.items()})
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(
    suite: ET.Element, rule: RuleResult, whole: RuleResult | None, counts: dict[str, int], of: str
) -> None:
    counts["tests"] += 1
    name = rule.rule if rule.slice is None else f"{rule.rule} [{rule.slice}]"
    case = ET.SubElement(suite, "testcase", classname=_clean(of), name=_clean(name))
    properties = ET.SubElement(case, "properties")
    for each in _PROPERTIES:
        value = getattr(rule, each)
        if value is not None:
            ET.SubElement(properties, "property", name=each, value=str(value))
    kind = _kind(rule, whole)
    if kind is not None:
        counts[{"failure": "failures", "error": "errors", "skipped": "skipped"}[kind]] += 1
        said = ET.SubElement(case, kind, message=_clean(f"{rule.verdict}: {rule.reason}"))
        if kind != "skipped":
            said.set("type", str(rule.verdict))
    notes = [*rule.notes, *(f"below: {key}" for key in rule.cases)]
    if notes:
        ET.SubElement(case, "system-out").text = _clean("\n".join(notes))


def _kind(rule: RuleResult, whole: RuleResult | None) -> str | None:
    """What JUnit calls it: what does not block, and slices that cannot tell, are skipped."""
    if rule.verdict is Verdict.PASS:
        return None
    if not rule.blocking:
        return "skipped"
    if whole is not None and rule.verdict is not Verdict.FAIL and not _must_pass(whole):
        return "skipped"
    return "error" if rule.verdict is Verdict.INCOMPLETE else "failure"


def _must_pass(rule: RuleResult) -> bool:
    """Whether each of its slices must."""
    return "slices_must=pass" in rule.rule


def _clean(text: str) -> str:
    """Without the signs that no XML may hold."""
    return _NOT_IN_XML.sub("�", text)
