"""Enough of PromQL to hold an expression against the series that there are.

Reads what the dashboards and rules are made of: selectors in both ways of writing names, ranges,
functions, aggregations, operators with their precedence, `on ()`. Evaluating gives the labels of
the result, and complains of a metric, a label or a value that no series has.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Found", "Series", "checked"]

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<span>\[[^\]]+\])|(?P<number>\d[\d.]*(?:e-?\d+)?)"""
    r"""|(?P<word>[A-Za-z_$:][\w:]*)|(?P<sign>=~|!~|!=|==|<=|>=|[-+*/%^<>=(){},]))"""
)
_AGGREGATIONS = {"sum", "max", "min", "avg", "count"}
_FUNCTIONS = {"rate", "increase", "histogram_quantile", "absent", "vector"}
_PRECEDENCE = [
    {"or"},
    {"and", "unless"},
    {"==", "!=", "<", ">", "<=", ">="},
    {"+", "-"},
    {"*", "/"},
]


class Series:
    """The series that there are: name and labels each."""

    def __init__(self, series: Iterable[tuple[str, Mapping[str, str]]]) -> None:
        self.by_name: dict[str, list[Mapping[str, str]]] = {}
        for name, labels in series:
            self.by_name.setdefault(name, []).append(labels)

    def select(self, name: str, matchers: list[tuple[str, str, str]]) -> set[str]:
        """The labels of a metric; complains when no series of it is chosen."""
        assert name in self.by_name, f"no metric {name!r} is emitted"
        every = self.by_name[name]
        labels = {label for each in every for label in each}
        for label, _, _ in matchers:
            assert label in labels, f"{name} has no label {label!r}, but {sorted(labels)}"
        assert any(_chosen(each, matchers) for each in every), (
            f"no series of {name} is chosen by {matchers}; there are {every[:20]}"
        )
        return labels


def _chosen(labels: Mapping[str, str], matchers: list[tuple[str, str, str]]) -> bool:
    def holds(sign: str, value: str, wanted: str) -> bool:
        if sign in {"=~", "!~"}:
            return (re.fullmatch(wanted, value) is not None) is (sign == "=~")
        return (value == wanted) is (sign == "=")

    return all(holds(sign, labels.get(label, ""), wanted) for label, sign, wanted in matchers)


@dataclass
class Found:
    """What an expression is about: metrics, and the labels of its result."""

    metrics: set[str] = field(default_factory=set[str])
    labels: set[str] = field(default_factory=set[str])
    scalar: bool = False


def checked(expression: str, series: Series) -> Found:
    """Read an expression and hold it against the series."""
    parser = _Parser(expression, series)
    found = parser.operation(0)
    assert parser.at == len(parser.tokens), f"cannot read on from {parser.tokens[parser.at :]}"
    return found


class _Parser:
    def __init__(self, expression: str, series: Series) -> None:
        self.series = series
        self.tokens: list[str] = []
        at = 0
        while at < len(expression.rstrip()):
            found = _TOKEN.match(expression, at)
            assert found, f"cannot read {expression[at:]!r}"
            self.tokens.append(found[0].strip())
            at = found.end()
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def next(self, *wanted: str) -> str:
        token = self.peek()
        assert not wanted or token in wanted, f"expected {wanted}, found {token!r}"
        self.at += 1
        return token

    def operation(self, level: int) -> Found:
        if level == len(_PRECEDENCE):
            return self.operand()
        left = self.operation(level + 1)
        while self.peek() in _PRECEDENCE[level]:
            sign = self.next()
            anywhere = self.peek() == "on"
            if anywhere:
                self.next()
                assert self.names() == []
            left = self.joined(left, sign, self.operation(level + 1), anywhere=anywhere)
        return left

    def joined(self, left: Found, sign: str, right: Found, *, anywhere: bool) -> Found:
        metrics = left.metrics | right.metrics
        if left.scalar or right.scalar:
            labels = right.labels if left.scalar else left.labels
            return Found(metrics, labels, scalar=left.scalar and right.scalar)
        assert anywhere or left.labels == right.labels, (
            f"{sign}: {sorted(left.labels)} never match {sorted(right.labels)}"
        )
        return Found(metrics, left.labels)

    def operand(self) -> Found:
        first = self.peek()
        if first == "(":
            self.next()
            found = self.operation(0)
            self.next(")")
            return found
        if re.fullmatch(r"\d[\d.]*(?:e-?\d+)?", first):
            self.next()
            return Found(scalar=True)
        if first in _AGGREGATIONS:
            return self.aggregation()
        if first in _FUNCTIONS:
            return self.function()
        return self.selector()

    def aggregation(self) -> Found:
        self.next()
        by = self.grouping()
        self.next("(")
        found = self.operation(0)
        self.next(")")
        by = by or self.grouping()
        assert by <= found.labels, f"by {sorted(by - found.labels)}: only {sorted(found.labels)}"
        return Found(found.metrics, by)

    def grouping(self) -> set[str]:
        if self.peek() != "by":
            return set()
        self.next()
        return set(self.names())

    def names(self) -> list[str]:
        self.next("(")
        found: list[str] = []
        while self.peek() != ")":
            token = self.next()
            found.append(json.loads(token) if token.startswith('"') else token)
            if self.peek() == ",":
                self.next()
        self.next(")")
        return found

    def function(self) -> Found:
        name = self.next()
        self.next("(")
        found = self.operation(0)
        while self.peek() == ",":
            self.next()
            found = self.operation(0)
        self.next(")")
        if name == "histogram_quantile":
            assert "le" in found.labels, f"no label le, but {sorted(found.labels)}"
            return Found(found.metrics, found.labels - {"le"})
        return Found(found.metrics, set() if name == "absent" else found.labels)

    def selector(self) -> Found:
        name = "" if self.peek() == "{" else self.next()
        matchers: list[tuple[str, str, str]] = []
        if self.peek() == "{":
            self.next()
            while self.peek() != "}":
                token = self.next()
                label = json.loads(token) if token.startswith('"') else token
                if self.peek() in {",", "}"}:
                    assert not name, "two names"
                    name = label
                else:
                    matchers.append(
                        (label, self.next("=", "!=", "=~", "!~"), json.loads(self.next()))
                    )
                if self.peek() == ",":
                    self.next()
            self.next("}")
        if self.peek().startswith("["):
            assert re.fullmatch(r"\[(\d+[smhd]|\$__rate_interval)\]", self.next())
        return Found({name}, self.series.select(name, matchers))
