"""Training data of what people said, and the model that is made of it."""

import json
from collections.abc import Iterable
from pathlib import Path

from loop.models import Reader, support_vectors
from reliai import feedback
from reliai.datasets import Case
from reliai.feedback import Exported


def exported(out: Path, held_out: Iterable[Case]) -> Exported:
    """Corrections of reviewers, and answers that users found right: of the forms for training."""
    return feedback.export(
        "sft",
        out=out,
        prompt=lambda inputs: json.dumps(inputs["pixels"]),
        held_out=held_out,
        name="digits",
        where={"tag:part": "train"},
    )


def retrained(rows: Path) -> Reader:
    """The candidate again, with what it was not trained on before."""
    talks = [json.loads(line)["messages"] for line in rows.read_text().splitlines()]
    images = [json.loads(question["content"]) for question, _ in talks]
    labels = [int(answer["content"]) for _, answer in talks]
    return support_vectors(images, labels)
