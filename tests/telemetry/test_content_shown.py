"""A record as a sink shows it: content and messages only as far as content is recorded."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

import reliai
from reliai.checks.redaction import redaction_of
from reliai.telemetry._shown import shown

PROMPT = "I am canary.bird@example.org"


class Showing:
    """Keeps what a sink would show."""

    inline = True

    def __init__(self, content: str = "none", **settings: Any) -> None:
        self.redaction = redaction_of("Showing", content, **settings)
        self.reads_content = self.redaction is not None
        self.lines: list[dict[str, Any]] = []

    def on_end(self, record: reliai.CallRecord) -> None:
        fields = shown(record, self.redaction)
        jsonschema.validate(fields, reliai.CallRecord.json_schema())
        self.lines.append(fields)


def shown_by(content: str = "none", *, prompt: str = PROMPT, **settings: Any) -> dict[str, Any]:
    sink = Showing(content, **settings)

    @reliai.reliable(reliai.Retry(2, wait=0, budget=None), observers=[sink])
    def answer(prompt: str) -> str:
        if prompt.startswith("fail"):
            raise ConnectionError(prompt)
        return f"Hello, {prompt}"

    reliai.execute(answer, prompt)
    return sink.lines[-1]


def test_by_default_nothing_of_content_is_shown() -> None:
    assert "canary" not in json.dumps(shown_by())
    fields = shown_by(prompt=f"fail {PROMPT}")
    assert "canary" not in json.dumps(fields)
    assert fields["error"] == {
        "kind": "connection",
        "type": "ConnectionError",
        "message": None,
    }
    assert [attempt["error"]["message"] for attempt in fields["attempts"]] == [None, None]


def test_redacted_content_is_shown() -> None:
    fields = shown_by("redacted")
    assert fields["inputs"] == {"prompt": "I am [EMAIL]"}
    assert fields["output"] == "Hello, I am [EMAIL]"


def test_redacted_messages_are_shown() -> None:
    fields = shown_by("redacted", prompt=f"fail {PROMPT}")
    assert fields["error"]["message"] == "fail I am [EMAIL]"
    assert fields["attempts"][0]["error"]["message"] == "fail I am [EMAIL]"
    assert fields["output"] is None


def test_full_content_is_shown() -> None:
    assert shown_by("full")["output"] == f"Hello, {PROMPT}"


@pytest.mark.parametrize("content", ["redacted", "full"])
def test_how_long_it_was_is_shown_of_what_is_cut(content: str) -> None:
    fields = shown_by(content, prompt="a" * 100, limit=64)
    assert (fields["inputs_bytes"], fields["output_bytes"]) == (106, 107)
    assert len(fields["output"]) == 64


def test_what_cannot_be_redacted_is_not_shown() -> None:
    def redact(text: str) -> str:
        raise ValueError(text)

    fields = shown_by("redacted", redact=redact)
    assert (fields["inputs"], fields["output"]) == (None, None)
    assert "canary" not in json.dumps(fields)
