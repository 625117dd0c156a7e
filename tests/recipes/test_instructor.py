"""reliai around instructor: instructor asks again, reliai retries."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import instructor
import pydantic
import pytest
from instructor.core import InstructorRetryException

import reliai
from reliai.testing import FaultServer, Status, records, virtual_clock
from tests.recipes.clients import client, later_client

if TYPE_CHECKING:
    from collections.abc import Iterator


class Parcel(pydantic.BaseModel):
    days: int


GOOD, BAD = '{"days": 2}', '{"days": "soon"}'
ASK: dict[str, Any] = {
    "model": "m",
    "response_model": Parcel,
    "messages": [{"role": "user", "content": "two words"}],
}
JSON = instructor.Mode.JSON

pytestmark = pytest.mark.usefixtures("_quiet")


@pytest.fixture
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """instructor logs each failure."""
    caplog.set_level("CRITICAL", logger="instructor")


def test_reliai_retries_and_instructor_does_not(server: FaultServer) -> None:
    server.reset([Status(429, retry_after=2), Status(503), GOOD])
    with client(server) as sdk, virtual_clock() as clock, records() as seen:
        parcels = instructor.from_openai(sdk, mode=JSON)

        @reliai.reliable(reliai.Retry(3), reliai.Timeout(60))
        def parcel(question: str) -> Any:
            return parcels.create(**ASK, max_retries=1)

        assert parcel("hi").days == 2
    kinds = [attempt.error and attempt.error.kind for attempt in seen[0].attempts]
    assert kinds == ["rate_limited", "server", None]
    assert len(server.requests) == 3
    assert clock.slept[0] >= 2  # the Retry-After survives instructor's own exception


def test_instructor_asks_again_within_one_attempt_and_all_of_it_is_counted(
    server: FaultServer,
) -> None:
    server.reset([BAD, GOOD])
    with client(server) as sdk, records() as seen:
        parcels = instructor.from_openai(sdk, mode=JSON)

        @reliai.Retry(3)
        def parcel(question: str) -> Any:
            return parcels.create(**ASK, max_retries=1)

        parcel("hi")
    (record,) = seen
    assert len(record.attempts) == 1
    assert len(server.requests) == 2
    assert record.output_tokens == 4  # two words each


def test_max_retries_0_leaves_validation_to_reliai(server: FaultServer) -> None:
    """With one who asks again there is one number of attempts, and one place to read it."""
    server.reset([BAD, GOOD])
    with client(server) as sdk, records() as seen:

        @reliai.reliable(reliai.Validate(output=Parcel, reask=1))
        def parcel(question: str) -> Any:
            messages: Any = [{"role": "user", "content": question}]
            answer = sdk.chat.completions.create(model="m", messages=messages)
            return answer.choices[0].message.content

        assert parcel("hi") == Parcel(days=2)
    assert len(seen[0].attempts) == 2


def test_an_answer_that_never_fits_falls_back(server: FaultServer) -> None:
    server.reset([BAD])
    with client(server) as sdk, records() as seen:
        parcels = instructor.from_openai(sdk, mode=JSON)

        @reliai.reliable(reliai.Fallback(Parcel(days=9)), reliai.Retry(3))
        def parcel(question: str) -> Any:
            return parcels.create(**ASK, max_retries=1)

        assert parcel("hi") == Parcel(days=9)
    assert len(server.requests) == 2  # instructor's two; no attempt of reliai's beyond the first
    assert seen[0].status == "degraded"


def test_instructors_own_exception_comes_out(server: FaultServer) -> None:
    server.reset([BAD])
    with client(server) as sdk:
        parcels = instructor.from_openai(sdk, mode=JSON)

        @reliai.Retry(3)
        def parcel(question: str) -> Any:
            return parcels.create(**ASK, max_retries=0)

        with pytest.raises(InstructorRetryException):
            parcel("hi")


def test_an_asynchronous_client_is_guarded_the_same_way(server: FaultServer) -> None:
    server.reset([Status(503), GOOD])

    async def main() -> Any:
        async with later_client(server) as sdk:
            parcels = instructor.from_openai(sdk, mode=JSON)

            @reliai.reliable(reliai.Retry(3, wait=0), reliai.Timeout(60))
            async def parcel(question: str) -> Any:
                return await parcels.create(**ASK, max_retries=1)

            return await parcel("hi")

    with records() as seen:
        assert asyncio.run(main()).days == 2
    assert seen[0].output_tokens == 2


def test_partial_objects_are_a_stream(server: FaultServer) -> None:
    server.reset([Status(503), GOOD])
    with client(server) as sdk, records() as seen:
        parcels = instructor.from_openai(sdk, mode=JSON)

        @reliai.reliable(reliai.Retry(3, wait=0))
        def growing(question: str) -> Iterator[Any]:
            yield from parcels.create_partial(**ASK, max_retries=0)

        assert list(growing("hi"))[-1].days == 2
    assert [attempt.status for attempt in seen[0].attempts] == ["error", "success"]
