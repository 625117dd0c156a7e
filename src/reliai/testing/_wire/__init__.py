"""How the providers' HTTP APIs look on the wire: bodies, events and errors."""

from __future__ import annotations

from reliai.testing._wire.anthropic import Messages
from reliai.testing._wire.base import Event, Finish, Wire, words
from reliai.testing._wire.chat import Chat
from reliai.testing._wire.errors import ProviderError, anthropic_error, openai_error
from reliai.testing._wire.responses import Responses

__all__ = [
    "Chat",
    "Event",
    "Finish",
    "Messages",
    "ProviderError",
    "Responses",
    "Wire",
    "anthropic_error",
    "openai_error",
    "words",
]
