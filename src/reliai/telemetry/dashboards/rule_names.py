"""The names of recorded series; reliai's own, so the same in either way of writing names."""

from __future__ import annotations

__all__ = ["BUDGET_LEFT", "promql_span", "ratio_name"]

BUDGET_LEFT = "reliai:slo_budget_left:ratio"
"""Of the bad events that an objective's window allows, the share that is left; by `slo`."""


def ratio_name(span: str) -> str:
    """The share of bad events over a span, by `slo`."""
    return f"reliai:slo_bad:ratio_rate{span}"


def promql_span(seconds: float) -> str:
    """A span as PromQL takes it: in the greatest unit that it is a whole number of."""
    whole = max(1, round(seconds))
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if whole % size == 0:
            return f"{whole // size}{unit}"
    return f"{whole}s"
