"""What both SDK examples share: the labels, how to ask for one, a rule for when nobody answers."""

from typing import Literal

from pydantic import BaseModel

INSTRUCTIONS = (
    "Which part of Python is the question about? Answer with JSON alone: "
    '{"topic": "statement"}, {"topic": "expression"} or {"topic": "object"}.'
)


class Topic(BaseModel):
    topic: Literal["statement", "expression", "object"]


def by_keyword(question: str) -> Topic:
    """A rule in this process: less often right, and always there."""
    words = question.lower()
    if "statement" in words or "clause" in words:
        return Topic(topic="statement")
    return Topic(topic="object" if "object" in words else "expression")


if __name__ == "__main__":
    print(by_keyword("How does the with statement work?"))
