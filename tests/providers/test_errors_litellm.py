"""What litellm raises and returns; a process of its own drives it, see `litellm_errors.py`."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("litellm") is None, reason="litellm is missing"),
]

STATUSES: list[tuple[int, str, list[Any]]] = [
    (429, "rate_limit_exceeded", ["rate_limited", 429, None, 3.0]),
    (429, "insufficient_quota", ["quota", 429, None, 3.0]),
    (400, "context_length_exceeded", ["context_length", 400, None, None]),
    (400, "content_filter", ["content_filter", 400, None, None]),
    (400, "x", ["bad_request", 400, None, None]),
    (401, "invalid_api_key", ["auth", 401, None, None]),
    (402, "x", ["quota", 402, None, None]),
    (404, "x", ["not_found", 404, None, None]),
    (408, "x", ["timeout", None, None, None]),
    (500, "x", ["server", 500, None, None]),
    (502, "x", ["server", 502, None, None]),
    (503, "x", ["server", 503, None, None]),
]
NAMES: dict[str, list[Any]] = {
    "Timeout": ["timeout", None, None],
    "APIConnectionError": ["connection", None, None],
    "ContextWindowExceededError": ["context_length", 400, None],
    "ContentPolicyViolationError": ["content_filter", 400, None],
    "UnsupportedParamsError": ["bad_request", 400, None],
    "APIResponseValidationError": ["malformed", None, True],
    "JSONSchemaValidationError": ["invalid_output", None, True],
    "BudgetExceededError": ["quota", 422, None],
    "MidStreamFallbackError": ["server", 503, True],
    "refused": ["server", 500, None],
}


@pytest.fixture(scope="module")
def told() -> dict[str, list[Any]]:
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), str(root / "src")])
    # without the first litellm asks the network for its prices
    local = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONPATH": path}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.providers.litellm_errors",
            json.dumps([each[:2] for each in STATUSES]),
        ],
        env={**os.environ, **local},
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    found: dict[str, list[Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(("status", "code", "expected"), STATUSES)
def test_an_error_is_told_by_what_the_server_sent(
    told: dict[str, list[Any]], status: int, code: str, expected: list[Any]
) -> None:
    """Litellm makes statuses up, so none of them proves that the request was sent."""
    found = told[f"{status} {code}"]
    assert [*found[:3], found[3] if status == 429 else None] == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_name_tells_more_than_a_status_that_was_made_up(
    told: dict[str, list[Any]], name: str
) -> None:
    assert told[name][:3] == NAMES[name]


def test_an_answer_tells_who_served_it_and_what_it_cost(told: dict[str, list[Any]]) -> None:
    assert told["answer"] == [True, "openai", "hi", 10, True]
