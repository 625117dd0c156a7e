"""What graders answer, as types: for providers that keep to a schema, and for `output=`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

__all__ = ["Grade", "Winner"]


class Grade(BaseModel):
    """The answer that `judge` asks its grader for.

    Attributes:
        reasoning: why.
        grade: a whole number on the scale of the rubric.
    """

    reasoning: str = Field(description="Why, in three sentences at most.")
    grade: int = Field(description="A whole number on the scale.")


class Winner(BaseModel):
    """The answer that `pairwise` asks its grader for.

    Attributes:
        reasoning: why.
        winner: the better answer, by the order in which they were shown.
    """

    reasoning: str = Field(description="Why, in three sentences at most.")
    winner: Literal["first", "second", "tie"]
