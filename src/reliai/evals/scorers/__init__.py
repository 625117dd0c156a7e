"""Ready-made scorers, each with its defaults when it is given without ().

Each name is loaded when it is first used. More is always better.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reliai.evals.scorers.embeddings import embedding
    from reliai.evals.scorers.equality import contains, exact, regex, same
    from reliai.evals.scorers.judging import judge
    from reliai.evals.scorers.labels import classification
    from reliai.evals.scorers.numbers import numeric
    from reliai.evals.scorers.overlap import bleu, chrf, rouge
    from reliai.evals.scorers.pairs import pairwise
    from reliai.evals.scorers.privacy import leaks
    from reliai.evals.scorers.replies import Grade, Winner
    from reliai.evals.scorers.structures import json_schema, structure
    from reliai.evals.scorers.texts import edit_distance, similarity

__all__ = [
    "Grade",
    "Winner",
    "bleu",
    "chrf",
    "classification",
    "contains",
    "edit_distance",
    "embedding",
    "exact",
    "json_schema",
    "judge",
    "leaks",
    "numeric",
    "pairwise",
    "regex",
    "rouge",
    "same",
    "similarity",
    "structure",
]

# A module never has the name of what it offers: once loaded, it would stand in its way.
_MODULES = {
    "Grade": "replies",
    "Winner": "replies",
    "bleu": "overlap",
    "chrf": "overlap",
    "classification": "labels",
    "contains": "equality",
    "edit_distance": "texts",
    "embedding": "embeddings",
    "exact": "equality",
    "json_schema": "structures",
    "judge": "judging",
    "leaks": "privacy",
    "numeric": "numbers",
    "pairwise": "pairs",
    "regex": "equality",
    "rouge": "overlap",
    "same": "equality",
    "similarity": "texts",
    "structure": "structures",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
