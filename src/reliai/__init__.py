"""Production discipline for any model call.

`import reliai` is light: each name is loaded when it is first used. What is not the call path has
an import of its own: `reliai.testing`, `reliai.telemetry`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reliai._configure import configure as configure
    from reliai._configure import flush as flush
    from reliai._configure import report as report
    from reliai._configure import shutdown as shutdown
    from reliai._core.agent_run import run as run
    from reliai._core.ambient import collect as collect
    from reliai._core.ambient import context as context
    from reliai._core.ambient import current_call as current_call
    from reliai._core.ambient import deactivated as deactivated
    from reliai._core.ambient import deadline as deadline
    from reliai._core.ambient import mode as mode
    from reliai._core.ambient import remaining as remaining
    from reliai._core.call import Call as Call
    from reliai._core.decorator import Policy as Policy
    from reliai._core.outcome import Outcome as Outcome
    from reliai._core.record import CallRecord as CallRecord
    from reliai._core.reports import measure as measure
    from reliai._core.reports import read as read
    from reliai._core.reports import usage as usage
    from reliai._core.stream import Stream as Stream
    from reliai._tool import tool as tool
    from reliai.checks import CanaryToken as CanaryToken
    from reliai.checks import Check as Check
    from reliai.checks import HiddenText as HiddenText
    from reliai.checks import MaxLength as MaxLength
    from reliai.checks import MaxTokens as MaxTokens
    from reliai.checks import NoRefusal as NoRefusal
    from reliai.checks import NotEmpty as NotEmpty
    from reliai.checks import NotTruncated as NotTruncated
    from reliai.checks import OneOf as OneOf
    from reliai.checks import Pattern as Pattern
    from reliai.checks import Pii as Pii
    from reliai.checks import Replace as Replace
    from reliai.checks import Schema as Schema
    from reliai.checks import Secrets as Secrets
    from reliai.checks import check as check
    from reliai.decisions.retry_budget import RetryBudget as RetryBudget
    from reliai.errors import AmbiguousOutcome as AmbiguousOutcome
    from reliai.errors import BudgetExceeded as BudgetExceeded
    from reliai.errors import BulkheadFull as BulkheadFull
    from reliai.errors import CallTimeout as CallTimeout
    from reliai.errors import CircuitOpen as CircuitOpen
    from reliai.errors import ConfigurationError as ConfigurationError
    from reliai.errors import ErrorKind as ErrorKind
    from reliai.errors import GateFailed as GateFailed
    from reliai.errors import GuardRejected as GuardRejected
    from reliai.errors import OutputInvalid as OutputInvalid
    from reliai.errors import OutputRefused as OutputRefused
    from reliai.errors import OutputTruncated as OutputTruncated
    from reliai.errors import RateLimited as RateLimited
    from reliai.errors import ReliaiError as ReliaiError
    from reliai.errors import ReliaiWarning as ReliaiWarning
    from reliai.errors import StreamInterrupted as StreamInterrupted
    from reliai.pipeline import Pipeline as Pipeline
    from reliai.pipeline import aexecute as aexecute
    from reliai.pipeline import execute as execute
    from reliai.pipeline import pipeline_of as pipeline_of
    from reliai.pipeline import reliable as reliable
    from reliai.pipeline import standard as standard
    from reliai.policies.adaptive_limit import AdaptiveLimit as AdaptiveLimit
    from reliai.policies.adaptive_throttle import AdaptiveThrottle as AdaptiveThrottle
    from reliai.policies.budget import Budget as Budget
    from reliai.policies.bulkhead import Bulkhead as Bulkhead
    from reliai.policies.cache import Cache as Cache
    from reliai.policies.circuit_breaker import CircuitBreaker as CircuitBreaker
    from reliai.policies.circuit_breaker import circuits as circuits
    from reliai.policies.fallback import Fallback as Fallback
    from reliai.policies.fallback import Value as Value
    from reliai.policies.guard import Guard as Guard
    from reliai.policies.hedge import Hedge as Hedge
    from reliai.policies.once import Once as Once
    from reliai.policies.rate_limit import RateLimit as RateLimit
    from reliai.policies.retry import Retry as Retry
    from reliai.policies.route import Route as Route
    from reliai.policies.shadow import Shadow as Shadow
    from reliai.policies.timeout import Timeout as Timeout
    from reliai.policies.validate import Validate as Validate
    from reliai.providers import Failure as Failure
    from reliai.providers import Response as Response
    from reliai.providers import classify as classify
    from reliai.providers import control_flow as control_flow
    from reliai.providers import format_for as format_for
    from reliai.providers import read_response as read_response
    from reliai.providers import set_price as set_price
    from reliai.stats import Cusum as Cusum

    __version__: str

_MODULES = {
    "reliai._core.ambient": (
        "collect",
        "context",
        "current_call",
        "deactivated",
        "deadline",
        "mode",
        "remaining",
    ),
    "reliai._core.agent_run": ("run",),
    "reliai._core.call": ("Call",),
    "reliai._core.outcome": ("Outcome",),
    "reliai._core.decorator": ("Policy",),
    "reliai._core.record": ("CallRecord",),
    "reliai._core.reports": ("measure", "read", "usage"),
    "reliai._core.stream": ("Stream",),
    "reliai._tool": ("tool",),
    "reliai.checks": (
        "CanaryToken",
        "Check",
        "HiddenText",
        "MaxLength",
        "MaxTokens",
        "NoRefusal",
        "NotEmpty",
        "NotTruncated",
        "OneOf",
        "Pattern",
        "Pii",
        "Replace",
        "Schema",
        "Secrets",
        "check",
    ),
    "reliai._configure": ("configure", "flush", "report", "shutdown"),
    "reliai.decisions.retry_budget": ("RetryBudget",),
    "reliai.errors": (
        "AmbiguousOutcome",
        "BudgetExceeded",
        "BulkheadFull",
        "CallTimeout",
        "CircuitOpen",
        "ConfigurationError",
        "ErrorKind",
        "GateFailed",
        "GuardRejected",
        "OutputInvalid",
        "OutputRefused",
        "OutputTruncated",
        "RateLimited",
        "ReliaiError",
        "ReliaiWarning",
        "StreamInterrupted",
    ),
    "reliai.pipeline": ("Pipeline", "aexecute", "execute", "pipeline_of", "reliable", "standard"),
    "reliai.policies.adaptive_limit": ("AdaptiveLimit",),
    "reliai.policies.adaptive_throttle": ("AdaptiveThrottle",),
    "reliai.policies.budget": ("Budget",),
    "reliai.policies.bulkhead": ("Bulkhead",),
    "reliai.policies.cache": ("Cache",),
    "reliai.policies.circuit_breaker": ("CircuitBreaker", "circuits"),
    "reliai.policies.fallback": ("Fallback", "Value"),
    "reliai.policies.guard": ("Guard",),
    "reliai.policies.hedge": ("Hedge",),
    "reliai.policies.once": ("Once",),
    "reliai.policies.rate_limit": ("RateLimit",),
    "reliai.policies.retry": ("Retry",),
    "reliai.policies.route": ("Route",),
    "reliai.policies.shadow": ("Shadow",),
    "reliai.policies.timeout": ("Timeout",),
    "reliai.policies.validate": ("Validate",),
    "reliai.providers": (
        "Failure",
        "Response",
        "classify",
        "control_flow",
        "format_for",
        "read_response",
        "set_price",
    ),
    "reliai.stats": ("Cusum",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]  # noqa: PLE0605  one list of names serves loading and exporting

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name == "__version__":
            from importlib.metadata import version  # noqa: PLC0415  takes 45 ms

            return version("reliai")
        if name not in _HOME:
            message = f"module 'reliai' has no attribute {name!r}"
            raise AttributeError(message)
        from importlib import import_module  # noqa: PLC0415

        thing = getattr(import_module(_HOME[name]), name)
        if getattr(thing, "__module__", "").startswith("reliai."):
            thing.__module__ = "reliai"  # reprs and tracebacks show the public name
        globals()[name] = thing
        return thing

    def __dir__() -> list[str]:
        return [*__all__, "__version__"]
