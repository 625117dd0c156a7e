"""Keeping the instrumentations of OpenTelemetry from telling what a guarded call tells already.

Those built on `opentelemetry.util.genai` emit no span and no metric where the context holds an
`InferenceData`; they write into it what they saw. Each attempt gets a fresh one. Several requests
within an attempt would overwrite each other's numbers there, so ours adds up.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from reliai._core.usage import note_request, note_response

if TYPE_CHECKING:
    from reliai._core.call import Call
    from reliai._core.record import Attempt

__all__ = ["CONTEXT_KEY", "REQUEST", "instrumented", "note_asked", "note_data", "shared_data"]

CONTEXT_KEY: Final = "opentelemetry.genai.client.inference.context"
_MODULE: Final = "opentelemetry.util.genai.invocation"
"""Loaded by every instrumentation that would have to be suppressed, and else not needed."""

REQUEST: Final = (
    ("request_choice_count", "choice_count"),
    ("request_seed", "seed"),
    ("request_top_k", "top_k"),
    ("request_top_p", "top_p"),
    ("request_max_tokens", "max_tokens"),
    ("request_temperature", "temperature"),
    ("request_frequency_penalty", "frequency_penalty"),
    ("request_presence_penalty", "presence_penalty"),
    ("request_stop_sequences", "stop_sequences"),
    ("output_type", "output_type"),
    ("prompt_name", "prompt_name"),
    ("prompt_version", "prompt_version"),
    ("server_address", "server_address"),
    ("server_port", "server_port"),
    ("usage_reasoning_output_tokens", "reasoning_tokens"),
    ("response_finish_reasons", "finish_reasons"),
)
"""What instrumentations know besides, and the keys of the name table for it."""

_summing: Any = None


def instrumented() -> bool:
    """Whether there may be an instrumentation to suppress."""
    return _MODULE in sys.modules


def shared_data() -> Any:
    """A fresh place for inner instrumentations to write into; None when there are none."""
    module = sys.modules.get(_MODULE)
    if module is None:
        return None
    if _summing is None:
        _define(module)
    return _summing() if _summing else None


def _define(module: Any) -> None:
    global _summing  # noqa: PLW0603  defined with the first instrumentation there is
    base = getattr(module, "InferenceData", None)
    _summing = False if base is None else _summing_class(base)


def _summing_class(base: Any) -> Any:
    class Summing(base):  # type: ignore[misc]  # known only where it is used
        """What inner requests told, their tokens added up."""

        def merge(self, other: Any, *, overwrite: bool = True) -> None:
            names = [name for name in vars(other) if name.startswith("usage_")]
            before = {name: getattr(self, name, None) for name in names}
            super().merge(other, overwrite=overwrite)
            for name, known in before.items():
                more = getattr(other, name, None)
                if known is not None and more is not None:
                    setattr(self, name, known + more)

    return Summing


def note_asked(attempt: Attempt, data: Any) -> None:
    """Keep with an attempt what inner instrumentations saw of its request."""
    if data.request_model is None:
        return
    if attempt.model_requested is None:
        attempt.model_requested = data.request_model
    if attempt.request is None:
        known = ((key, getattr(data, name, None)) for name, key in REQUEST)
        attempt.request = {key: value for key, value in known if value is not None}


def note_data(call: Call, attempt: Attempt, data: Any) -> None:
    """Put on the record what inner instrumentations saw, when nobody else read the answer."""
    if attempt.model_requested is None and data.request_model is not None:
        note_request(call, data.request_model)
    note_asked(attempt, data)
    if attempt.usage_state is not None or data.response_id is None:
        return
    from reliai.providers import Response  # noqa: PLC0415  only where an instrumentation is

    reasons = data.response_finish_reasons
    response = Response(
        provider=data.provider_name,
        model=data.response_model,
        id=data.response_id,
        finish_reason=reasons[0] if reasons else None,
        input_tokens=data.usage_input_tokens,
        output_tokens=data.usage_output_tokens,
        cached_tokens=data.usage_cache_read_input_tokens,
        cache_write_tokens=data.usage_cache_write_input_tokens,
    )
    note_response(call, attempt, response)
