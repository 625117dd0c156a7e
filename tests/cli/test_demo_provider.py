"""The demo against a provider, asked through its own SDK; here a server on this machine is it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from reliai.testing import Status, fault_server
from tests.cli.commands import command

if TYPE_CHECKING:
    from pathlib import Path


def provider(request: dict[str, Any]) -> Any:
    """A model that knows the two things it is asked for."""
    if "JSON alone" in json.dumps(request):
        return '{"topic": "statement"}'
    return ["A statement ", "says ", "what ", "to ", "do, ", str(len(request["messages"])), "."]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("vendor", "path"), [("openai", "/v1/chat/completions"), ("anthropic", "/v1/messages")]
)
def test_the_provider_answers_what_the_faults_let_through(
    vendor: str, path: str, tmp_path: Path
) -> None:
    numbers = tmp_path / "numbers.json"
    with fault_server(model=provider) as server:
        done = command(
            *["demo", "--model", f"{vendor}:large", "--quick"],
            *["--seconds", "5", "--rate", "8", "--json", str(numbers)],
            OPENAI_API_KEY="a key",
            OPENAI_BASE_URL=server.url + "/v1",
            ANTHROPIC_API_KEY="a key",
            ANTHROPIC_BASE_URL=server.url,
        )
        assert done.returncode == 0, done.stderr
        asked = server.requests
    scores = json.loads(numbers.read_text())
    bare, guarded = scores["bare"], scores["guarded"]
    assert {request.path for request in asked} == {path}
    assert {request.model for request in asked} == {"large"}
    assert any(request.stream for request in asked)
    assert guarded["invalid"] == 0
    assert guarded["mixed"] == 0
    assert guarded["failed"] <= 1, guarded  # a stream cut after its first words stays cut
    assert bare["failed"] + bare["invalid"] > guarded["failed"]
    assert f"{vendor}_sdk.py" in done.stdout


def test_a_provider_that_refuses_is_named_before_anything_starts() -> None:
    with fault_server(Status(401)) as server:
        done = command(
            *["demo", "--model", "openai:large"],
            OPENAI_API_KEY="a wrong key",
            OPENAI_BASE_URL=server.url + "/v1",
        )
        assert len(server.requests) == 1
    assert done.returncode == 2
    assert "the provider answers HTTP 401" in done.stderr


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("openai:large", "OPENAI_API_KEY"),
        ("anthropic:large", "ANTHROPIC_API_KEY"),
        ("large", "openai:NAME or anthropic:NAME"),
        ("openai:", "openai:NAME or anthropic:NAME"),
    ],
)
def test_a_provider_that_cannot_be_asked_is_a_matter_of_usage(model: str, words: str) -> None:
    done = command("demo", "--model", model, OPENAI_API_KEY="", ANTHROPIC_API_KEY="")
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
