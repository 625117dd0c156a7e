"""The report as a page: one file that needs no network, no scripts and no fonts.

Everything from data is escaped by the template engine; the plots are the only markup that is put
in as it is. A policy in the page's head forbids the browser to load anything.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from reliai._needs import needed
from reliai.evals._names import short_case
from reliai.evals.reports.plots import differences, latencies
from reliai.evals.reports.wording import (
    COLUMNS,
    about,
    headline,
    interval,
    number,
    p_text,
    rule_row,
)

if TYPE_CHECKING:
    from reliai.evals.reports.facts import Facts

__all__ = ["html_of"]


def html_of(facts: Facts) -> str:
    """The page."""
    markup = needed("markupsafe", "evals").Markup  # of the plots: ours, with their text escaped
    compared = [
        (rule.rule, markup(differences(rule)))
        for rule in facts.result.rules
        if rule.condition == "non_inferior" and rule.estimate is not None
    ]
    drawn = latencies(facts)
    page: str = _template().render(
        facts=facts,
        result=facts.result,
        headline=headline(facts.result),
        about=about(facts.result),
        columns=COLUMNS,
        rule_row=rule_row,
        number=number,
        interval=interval,
        p_text=p_text,
        printable=_printable,
        short_case=short_case,
        slices=sorted(facts.slices, key=lambda each: each.p_reported or 1.0),
        plots=[(rule, plot) for rule, plot in compared if plot],
        latencies=markup(drawn) if drawn else "",
    )
    return page


@lru_cache(maxsize=1)
def _template() -> Any:
    jinja2 = needed("jinja2", "evals")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    source = files("reliai.evals.reports").joinpath("gate.html.jinja").read_text("utf-8")
    return environment.from_string(source)


def _printable(text: str | None) -> str:
    """Text with what cannot be seen, or turns the direction of what follows, made visible."""
    if text is None:
        return "—"
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "�" for sign in text)
