"""A program of its own: drives litellm against a server and prints what its errors are.

litellm takes seconds to import, changes settings of the process and wants versions of other
packages that the rest of the tests do not, so it runs apart from them.
"""

from __future__ import annotations

import functools
import importlib
import json
import sys
from typing import Any

from reliai.providers import classify, looks_like_response, read_response
from tests.providers.rows import caught
from tests.providers.wire import Reply, refused_url, serving

litellm: Any = importlib.import_module("litellm")  # types must be right where it is missing too

TOLD = {"id": "1", "object": "chat.completion", "created": 1, "model": "gpt-4o"}
SAID = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}
USAGE = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}


def ask(url: str) -> object:
    say = [{"role": "user", "content": "x"}]
    key = {"api_key": "x", "api_base": url, "max_retries": 0}
    answer: object = litellm.completion(model="openai/gpt-4o", messages=say, **key)
    return answer


def made(name: str, **fields: Any) -> Exception:
    error: Exception = getattr(litellm.exceptions, name)(**fields)
    return error


def main() -> None:
    litellm.suppress_debug_info = True
    told: dict[str, object] = {}
    who = {"message": "m", "llm_provider": "o", "model": "m"}
    errors = {
        "Timeout": made("Timeout", **who),
        "APIConnectionError": made("APIConnectionError", **who),
        "ContextWindowExceededError": made("ContextWindowExceededError", **who),
        "ContentPolicyViolationError": made("ContentPolicyViolationError", **who),
        "UnsupportedParamsError": made("UnsupportedParamsError", message="m"),
        "APIResponseValidationError": made("APIResponseValidationError", **who),
        "BudgetExceededError": made("BudgetExceededError", current_cost=1.0, max_budget=0.5),
        "MidStreamFallbackError": made("MidStreamFallbackError", **who),
        "JSONSchemaValidationError": made(
            "JSONSchemaValidationError", model="m", llm_provider="o", raw_response="r", schema="s"
        ),
    }
    with serving() as wire:
        for status, code in json.loads(sys.argv[1]):
            body = {"error": {"message": "m", "type": "t", "code": code}}
            place = wire.place(Reply(status, body, {"retry-after": "3"}))
            errors[f"{status} {code}"] = caught(functools.partial(ask, place))
        errors["refused"] = caught(lambda: ask(refused_url()))
        answer = ask(wire.place(Reply(200, {**TOLD, "choices": [SAID], "usage": USAGE})))
    for name, error in errors.items():
        failure = classify(error)
        told[name] = [failure.kind, failure.status, failure.sent, failure.retry_after]
    response = read_response(answer)
    assert response is not None
    told["answer"] = [
        looks_like_response(answer),
        response.provider,
        response.text,
        response.input_tokens,
        response.cost_usd is not None and response.cost_usd > 0,
    ]
    print(json.dumps(told))


if __name__ == "__main__":
    main()
