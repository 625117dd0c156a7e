"""The ML Test Score of a project: 28 practices, and the runs that show that they are kept.

The rubric is that of Breck et al., "The ML Test Score: A Rubric for ML Production Readiness and
Technical Debt Reduction" (2017), read for calls of models. Each name is loaded when it is first
used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reliai.evals.ml_test_score.catalogue import SECTIONS as SECTIONS
    from reliai.evals.ml_test_score.catalogue import TESTS as TESTS
    from reliai.evals.ml_test_score.catalogue import MLTest as MLTest
    from reliai.evals.ml_test_score.evidence import Evidence as Evidence
    from reliai.evals.ml_test_score.evidence import evidence_folder as evidence_folder
    from reliai.evals.ml_test_score.evidence import write_evidence as write_evidence
    from reliai.evals.ml_test_score.scorecard import Point as Point
    from reliai.evals.ml_test_score.scorecard import Scorecard as Scorecard
    from reliai.evals.ml_test_score.scorecard import scorecard as scorecard_of

__all__ = [
    "SECTIONS",
    "TESTS",
    "Evidence",
    "MLTest",
    "Point",
    "Scorecard",
    "evidence_folder",
    "scorecard_of",
    "write_evidence",
]

_HOME = {
    "SECTIONS": ("catalogue", "SECTIONS"),
    "TESTS": ("catalogue", "TESTS"),
    "Evidence": ("evidence", "Evidence"),
    "MLTest": ("catalogue", "MLTest"),
    "Point": ("scorecard", "Point"),
    "Scorecard": ("scorecard", "Scorecard"),
    "evidence_folder": ("evidence", "evidence_folder"),
    "scorecard_of": ("scorecard", "scorecard"),
    "write_evidence": ("evidence", "write_evidence"),
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        from importlib import import_module  # noqa: PLC0415  as the docstring says

        module, attribute = _HOME[name]
        return getattr(import_module(f"{__name__}.{module}"), attribute)
