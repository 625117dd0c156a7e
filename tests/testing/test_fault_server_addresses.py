"""At which addresses the fault server answers as which API."""

from __future__ import annotations

import pytest

from reliai.testing._server.script import endpoint


@pytest.mark.parametrize(
    ("path", "api"),
    [
        ("/v1/chat/completions", "chat/completions"),
        ("/chat/completions", "chat/completions"),
        ("/openai/deployments/m/chat/completions", "chat/completions"),
        ("/openai/v1/responses", "responses"),
        ("/v1/messages", "messages"),
        ("/anthropic/v1/messages", "messages"),
        ("/v1/projects/p/locations/l/publishers/anthropic/models/m:rawPredict", "messages"),
        ("/v1/projects/p/locations/l/publishers/anthropic/models/m:streamRawPredict", "messages"),
        ("/model/m/invoke", "messages"),
        ("/v1/models", "models"),
        ("/v1/embeddings", "embeddings"),
        ("/v1/files", "files"),
    ],
)
def test_the_end_of_an_address_says_which_api_it_is(path: str, api: str) -> None:
    assert endpoint(path) == api
