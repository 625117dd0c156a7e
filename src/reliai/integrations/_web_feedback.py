"""The route by which browsers give feedback. Loaded where FastAPI is needed."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict

from reliai import feedback

__all__ = ["router"]


class Said(BaseModel):
    """What a browser says."""

    model_config = ConfigDict(extra="forbid")

    token: str
    value: bool | int | float | str | None
    comment: str | None = None
    key: str | None = None


def router(path: str, durable: bool) -> APIRouter:  # noqa: FBT001  called from one place
    """A router with the one route."""
    made = APIRouter()

    def accept(said: Said) -> dict[str, Any]:
        try:
            feedback.accept(said.token, said.value, said.comment, key=said.key, durable=durable)
        except feedback.TokenRefused as error:
            raise HTTPException(401, str(error)) from error
        except feedback.FeedbackNotStored as error:
            raise HTTPException(503, "It could not be kept; try again later.") from error
        except feedback.FeedbackError as error:
            raise HTTPException(422, str(error)) from error
        return {"accepted": True}

    made.add_api_route(path, accept, methods=["POST"], status_code=202, tags=["feedback"])
    return made
