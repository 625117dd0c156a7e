"""OpenAI clients for a server on this machine, wrapped and as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import openai

from reliai.integrations.openai import wrap

if TYPE_CHECKING:
    from reliai.testing import FaultServer

__all__ = ["client", "later_client"]


def client(server: FaultServer, *, wrapped: bool = True) -> openai.OpenAI:
    """A synchronous client; close it."""
    http = httpx2.Client(verify=False)
    made = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", http_client=http)
    return wrap(made) if wrapped else made


def later_client(server: FaultServer, *, wrapped: bool = True) -> openai.AsyncOpenAI:
    """An asynchronous client; close it in the loop that used it."""
    http = httpx2.AsyncClient(verify=False)
    made = openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", http_client=http)
    return wrap(made) if wrapped else made
