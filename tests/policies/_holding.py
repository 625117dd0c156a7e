"""A stream of text behind a Validate, for tests of how it is held back."""

from __future__ import annotations

from typing import Any

import pytest

from reliai import Pattern, StreamInterrupted, Validate
from tests.policies._guarded import Guarded
from tests.policies._orders import made_of

SECRET = Pattern("secret", forbid=True)


def guarded(kind: str, *answers: Any, checks: Any = (SECRET,), **settings: Any) -> Guarded:
    """A stream behind a Validate, with one answer for each call."""
    return Guarded(kind, Validate(*checks, **settings), answer=made_of(*answers))


def interrupted(model: Guarded) -> StreamInterrupted:
    """How a stream ended that was cut on its way."""
    with pytest.raises(StreamInterrupted) as caught:
        model()
    return caught.value


def partial(error: StreamInterrupted) -> str:
    """The text that was delivered of it."""
    assert isinstance(error.partial, str)
    return error.partial
