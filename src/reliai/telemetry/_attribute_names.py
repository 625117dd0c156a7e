"""The spans, attributes, events and providers of the name table; see `names`. Data only."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ATTRIBUTES", "EVENTS", "PROVIDERS", "SPANS"]

SPANS = {
    "call": "reliai.call {name}",
    "inference": "{operation} {model}",
    "tool": "execute_tool {name}",
    "target": "reliai.target {target}",
    "attempt": "reliai.attempt",
}

EVENTS = {
    "retry": "reliai.retry",
    "policy": "reliai.{kind}",
    "exception": "gen_ai.client.operation.exception",
    "call_exception": "reliai.call.exception",
    "evaluation": "gen_ai.evaluation.result",
    "variant": "feature_flag.evaluation",
}

ATTRIBUTES = {
    # of the conventions
    "operation": "gen_ai.operation.name",
    "provider": "gen_ai.provider.name",
    "request_model": "gen_ai.request.model",
    "response_model": "gen_ai.response.model",
    "response_id": "gen_ai.response.id",
    "finish_reasons": "gen_ai.response.finish_reasons",
    "time_to_first_chunk": "gen_ai.response.time_to_first_chunk",
    "stream": "gen_ai.request.stream",
    "choice_count": "gen_ai.request.choice.count",
    "seed": "gen_ai.request.seed",
    "top_k": "gen_ai.request.top_k",
    "top_p": "gen_ai.request.top_p",
    "max_tokens": "gen_ai.request.max_tokens",
    "temperature": "gen_ai.request.temperature",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "stop_sequences": "gen_ai.request.stop_sequences",
    "output_type": "gen_ai.output.type",
    "conversation": "gen_ai.conversation.id",
    "prompt_name": "gen_ai.prompt.name",
    "prompt_version": "gen_ai.prompt.version",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cache_read": "gen_ai.usage.cache_read.input_tokens",
    "cache_write": "gen_ai.usage.cache_creation.input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "token_type": "gen_ai.token.type",
    "modality": "gen_ai.token.modality",
    "input_messages": "gen_ai.input.messages",
    "output_messages": "gen_ai.output.messages",
    "system_instructions": "gen_ai.system_instructions",
    "tool_name": "gen_ai.tool.name",
    "tool_type": "gen_ai.tool.type",
    "score": "gen_ai.evaluation.name",
    "score_value": "gen_ai.evaluation.score.value",
    "score_label": "gen_ai.evaluation.score.label",
    "score_explanation": "gen_ai.evaluation.explanation",
    "error": "error.type",
    "exception_type": "exception.type",
    "exception_message": "exception.message",
    "server_address": "server.address",
    "server_port": "server.port",
    "variant_key": "feature_flag.key",
    "variant_result": "feature_flag.result.variant",
    "variant_provider": "feature_flag.provider.name",
    "device": "hw.id",
    "service": "service.name",
    "environment": "deployment.environment.name",
    "release": "service.version",
    "user": "user.id",
    # reliai's own, where the conventions have none
    "name": "reliai.call.name",
    "call_id": "reliai.call.id",
    "parent_id": "reliai.call.parent_id",
    "outcome": "reliai.outcome",
    "attempt_count": "reliai.attempt.count",
    "attempt_number": "reliai.attempt.number",
    "attempt_reason": "reliai.attempt.reason",
    "attempt_result": "reliai.attempt.result",
    "retry_delay": "reliai.retry.delay",
    "target": "reliai.target",
    "fallback_from": "reliai.fallback.from",
    "event": "reliai.event.type",
    "breaker": "reliai.breaker.name",
    "breaker_state": "reliai.breaker.state",
    "breaker_previous": "reliai.breaker.state.previous",
    "guard": "reliai.guard.name",
    "guard_target": "reliai.guard.target",
    "verdict": "reliai.guard.verdict",
    "action": "reliai.guard.action",
    "cache_hit": "reliai.cache.hit",
    "cache_kind": "reliai.cache.kind",
    "limit_wait": "reliai.limit.wait",
    "cost": "reliai.cost.usd",
    "cost_wasted": "reliai.cost.wasted_usd",
    "cost_estimated": "reliai.cost.estimated",
    "usage_complete": "reliai.usage.complete",
    "chunks": "reliai.stream.chunks",
    "variant": "reliai.variant",
    "tenant": "reliai.tenant",
    "run": "reliai.run.id",
    "tag": "reliai.tag.{key}",
    "value": "reliai.value.{key}",
    "fingerprint": "reliai.fingerprint",
    "direction": "reliai.direction",
    "billed": "reliai.billed",
    "evaluator": "reliai.eval.evaluator",
    "evaluator_version": "reliai.eval.version",
    "observer": "reliai.observer",
    "reason": "reliai.reason",
    "content_bytes": "reliai.content.{key}.bytes",
    "content_redactions": "reliai.content.redactions",
    "attribute": "reliai.{key}",
}


PROVIDERS: Mapping[str, str] = MappingProxyType(
    {
        "azure": "azure.ai.openai",
        "azure_openai": "azure.ai.openai",
        "azure_ai": "azure.ai.inference",
        "bedrock": "aws.bedrock",
        "gemini": "gcp.gemini",
        "google": "gcp.gen_ai",
        "google_genai": "gcp.gen_ai",
        "google_vertexai": "gcp.vertex_ai",
        "google-gla": "gcp.gemini",
        "google-vertex": "gcp.vertex_ai",
        "mistral": "mistral_ai",
        "mistralai": "mistral_ai",
        "moonshot": "moonshot_ai",
        "vertex_ai": "gcp.vertex_ai",
        "watsonx": "ibm.watsonx.ai",
        "xai": "x_ai",
        "x-ai": "x_ai",
    }
)
"""What the conventions call the providers that reliai and SDKs call otherwise."""
