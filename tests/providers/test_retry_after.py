"""How long a provider asks to wait, wherever and however it says so."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai import clock
from reliai.providers import classify

NOW = 1_792_567_650.0  # Wed, 21 Oct 2026 07:27:30 GMT


class Refused(Exception):
    """An error with a status and headers, as plain as they come."""

    def __init__(self, headers: object = None, **more: object) -> None:
        super().__init__()
        self.status_code = 429
        self.headers = headers
        vars(self).update(more)


def wait(*args: object, **more: object) -> float | None:
    return classify(Refused(*args, **more), now=NOW).retry_after


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0.5", 0.5),
        ("0", 0.0),
        (" 7 ", 7.0),
        ("1e2", 100.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 30.0),
        ("Wednesday, 21-Oct-26 07:28:00 GMT", 30.0),
        ("Wed Oct 21 07:28:00 2026", 30.0),
        ("Wed, 21 Oct 2026 09:28:00 +0200", 30.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("nan", None),
        ("inf", None),
        ("-1", None),
        ("abc", None),
        ("", None),
        ("1" * 65, None),
        ("Wed, 99 Foo 2026 07:28:00 GMT", None),
        ("Wed, 21 Oct 99999 07:28:00 GMT", None),
    ],
)
def test_a_header_in_any_form_is_read_or_ignored(value: str, seconds: float | None) -> None:
    """Case 3: seconds, a date, a past date, and nonsense; never an exception."""
    assert wait({"retry-after": value}) == seconds


def test_a_date_is_held_against_our_own_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Case 3."""
    monkeypatch.setattr(clock.active(), "time", lambda: NOW)
    error = Refused({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"})
    assert classify(error).retry_after == 30.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"x-ms-retry-after-ms": "250", "retry-after": "2"}, 0.25),
        ({"retry-after-ms": "nan", "retry-after": "2"}, 2.0),
        ({"retry-after-ms": "1" * 65, "retry-after": "2"}, 2.0),
        ({"retry-after-ms": "soon"}, None),
        ({"Retry-After": "3"}, 3.0),
        ({"RETRY-AFTER-MS": "3000"}, 3.0),
        ({"retry-after": 4}, 4.0),
        ({"retry-after": 4.5}, 4.5),
        ({"retry-after": b"5"}, 5.0),
        ({"retry-after": ["5"]}, None),
        ({"retry-after": "soon", "x-ratelimit-reset": str(NOW + 60)}, 60.0),
        ({"x-ratelimit-reset": str(NOW - 60)}, 0.0),
        ({"x-ratelimit-reset": "30"}, None),
        ({"x-ratelimit-reset": "soon"}, None),
        ({}, None),
        ({1: 2}, None),
    ],
    ids=repr,
)
def test_the_first_header_that_can_be_read_counts(
    headers: dict[object, object], seconds: float | None
) -> None:
    """Case 2: milliseconds before seconds."""
    assert wait(headers) == seconds


def test_headers_of_httpx_are_read_without_minding_their_spelling() -> None:
    assert wait(httpx2.Headers({"Retry-After": "6"})) == 6.0


@pytest.mark.parametrize(
    "more",
    [
        {"response": httpx2.Response(429, headers={"retry-after": "8"})},
        {"raw_response": httpx2.Response(429, headers={"retry-after": "8"})},
        {"litellm_response_headers": {"retry-after": "8"}},
        {"response": {"ResponseMetadata": {"HTTPStatusCode": 429,
                                           "HTTPHeaders": {"retry-after": "8"}}}},
        {"headers": {"retry-after": "8"}},
        {"retry_after": 8, "headers": {"retry-after": "9"}},
        {"retry_after": "8"},
        {"body": {"error": {"details": [{"x": 1}, {"retryDelay": "8s"}]}}},
        {"details": {"details": ["x", {"retryDelay": "8.0s"}]}},
    ],
    ids=[str(number) for number in range(9)],
)  # fmt: skip
def test_it_is_found_wherever_an_sdk_keeps_it(more: dict[str, Any]) -> None:
    assert wait(**more) == 8.0


@pytest.mark.parametrize(
    "details", [[{"retryDelay": "8"}], [{"retryDelay": 8}], [{"retryDelay": "-8s"}], "8s", None]
)
def test_a_delay_in_a_body_that_cannot_be_read_is_ignored(details: object) -> None:
    assert wait(body={"error": {"details": details}}) is None


@pytest.mark.parametrize(
    "value",
    [float("nan"), -1, "abc", True, [], {}, wait, b"1"],
    ids=[str(number) for number in range(8)],
)
def test_an_attribute_that_cannot_be_read_is_ignored(value: object) -> None:
    assert wait(retry_after=value) is None


@given(value=st.text() | st.integers().map(str) | st.floats().map(str) | st.binary())
def test_no_header_makes_it_raise(value: str | bytes) -> None:
    """Case 3."""
    for name in ("retry-after", "retry-after-ms", "x-ratelimit-reset"):
        seconds = wait({name: value})
        assert seconds is None or 0 <= seconds < float("inf")
