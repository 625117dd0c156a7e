"""Experiments: their runs, the figures and cases of one, and two beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.routing import Route

from reliai.errors import ConfigurationError
from reliai.ui import _comparison_views as comparisons
from reliai.ui import _run_views as views
from reliai.ui.pages.datasets import number_of
from reliai.ui.site import Nav

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from reliai.evals.comparison import RunComparison
    from reliai.ui.site import Site

__all__ = ["NAV", "routes"]

NAV = Nav("Experiments", "/experiments", "e")
_STATES = ("fail", "flaky", "error", "pass", "skipped")


def routes(site: Site) -> list[Route]:
    """The list, a run, one of its cases, and two runs."""

    def experiments(request: Request) -> Response:
        found = views.experiments_in(site.runs)
        return site.render(
            request,
            "experiments.html",
            experiments=found,
            chosen=views.likeliest(found),
            where=str(site.runs),
        )

    def run(request: Request) -> Response:
        chosen = views.run_named(site.runs, request.path_params["id"])
        state = request.query_params.get("state", "")
        if state not in {"", *_STATES}:
            raise HTTPException(400, f"{state!r} is no state; use one of {', '.join(_STATES)}.")
        summary = chosen.summary()
        return site.render(
            request,
            "experiment_run.html",
            run=chosen,
            summary=summary,
            scores=views.scores_of(summary),
            page=views.cases_of(chosen, number=number_of(request), state=state),
            state=state,
            states=_STATES,
            others=views.comparable_with(chosen, views.experiments_in(site.runs)),
        )

    def case(request: Request) -> Response:
        """A case in one run, or in two beside each other."""
        chosen = views.run_named(site.runs, request.path_params["id"])
        key = request.query_params.get("key", "")
        tries = views.tries_of(chosen, key)
        if not tries:
            raise HTTPException(404, f"The run has no case {key!r}.")
        other = request.query_params.get("baseline")
        baseline = None if other is None else views.run_named(site.runs, other)
        found, version = views.case_of_trial(chosen, tries[0], site.datasets)
        return site.render(
            request,
            "experiment_case.html",
            run=chosen,
            tries=tries,
            baseline=baseline,
            before=() if baseline is None else views.tries_of(baseline, key),
            case=found,
            version=version,
        )

    def compare(request: Request) -> Response:
        asked = request.query_params
        candidate = views.run_named(site.runs, asked.get("candidate", ""))
        baseline = views.run_named(site.runs, asked.get("baseline", ""))
        comparison = candidate.compare(baseline)
        scorers, measures = comparisons.rows_of(comparison)
        text = asked.get("gate")
        tag = asked.get("tag", "")
        sliced, no_slices = _slices(comparison, tag)
        return site.render(
            request,
            "experiment_comparison.html",
            candidate=candidate,
            baseline=baseline,
            comparison=comparison,
            scorers=scorers,
            measures=measures,
            judged=comparisons.judged(
                comparison, comparisons.usual(comparison) if text is None else text
            ),
            tag=tag,
            tags=comparisons.tags_of(comparison),
            sliced=sliced,
            no_slices=no_slices,
        )

    return [
        Route("/experiments", experiments),
        Route("/experiments/compare", compare),
        Route("/experiments/runs/{id}", run),
        Route("/experiments/runs/{id}/case", case),
    ]


def _slices(comparison: RunComparison, tag: str) -> tuple[list[comparisons.SliceRow], str]:
    if not tag:
        return [], ""
    try:
        return comparisons.slices_of(comparison, tag), ""
    except ConfigurationError as error:
        return [], str(error)
