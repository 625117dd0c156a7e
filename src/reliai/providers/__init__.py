"""Reading the errors and the answers of provider SDKs, none of which is ever imported.

Floor 1: imports only reliai.errors and reliai.clock.
"""

from reliai.providers.answer import Response, ToolCall
from reliai.providers.classification import classify
from reliai.providers.clients import InnerClient, inner_retries
from reliai.providers.failure import Failure
from reliai.providers.prices import price_of, set_price
from reliai.providers.response import looks_like_response, read_response
from reliai.providers.traits import control_flow

__all__ = [
    "Failure",
    "InnerClient",
    "Response",
    "ToolCall",
    "classify",
    "control_flow",
    "inner_retries",
    "looks_like_response",
    "price_of",
    "read_response",
    "set_price",
]
