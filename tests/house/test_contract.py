"""The public contract: names, arguments in their order, and defaults that programs count on.

More may be added to each of them, at the end or by keyword. What is here changes only where it
cannot work, and then the changelog says so.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import pytest

import reliai
from reliai import checks, errors, testing

CALLABLES = {
    # --- the call path
    "reliai.Pipeline": "*policies, **as_reliable",
    "reliai.standard": (
        "*, timeout=60, attempt_timeout=20, first_chunk=None, idle=15, attempts=3, fallback=None, "
        "output=None, breaker=True, name=None"
    ),
    "reliai.execute": "function, /, *args, **kwargs",
    "reliai.aexecute": "function, /, *args, **kwargs",
    "reliai.pipeline_of": "function",
    "reliai.remaining": "",
    "reliai.deadline": "seconds",
    "reliai.current_call": "",
    "reliai.deactivated": "attempts=1",
    "reliai.mode": "name",
    "reliai.configure": (
        "*, observers=None, state=None, records=None, service=None, environment=None, "
        "release=None, mode=None"
    ),
    "reliai.flush": "timeout=2.0",
    "reliai.shutdown": "timeout=2.0",
    "reliai.report": "last=20",
    "reliai.circuits": "",
    "reliai.context": "subject=None, session=None, tenant=None, tags=None, call_id=None",
    "reliai.collect": "",
    "reliai.run": "name=None, *, max_calls=None, max_usd=None, deadline=None",
    "reliai.read": "response",
    "reliai.usage": "model=None, input_tokens=None, output_tokens=None, cost_usd=None",
    "reliai.measure": "**values",
    "reliai.classify": "error",
    "reliai.read_response": "value",
    "reliai.format_for": "wanted, provider",
    "reliai.control_flow": "*types",
    "reliai.integrations.openai.wrap": "client",
    "reliai.integrations.anthropic.wrap": "client",
    # --- policies
    "reliai.Guard": ("*checks, mode='enforce', otherwise=None, parameters=None, **by_parameter"),
    "reliai.Validate": (
        "*checks, output=None, buffer=False, repair=True, reask=0, reask_with=None, "
        "otherwise=None, mode='enforce'"
    ),
    "reliai.Timeout": "seconds=None, *, first_chunk=None, idle=None, enforce=None",
    "reliai.Retry": "attempts=3, *, on=None, wait=None, budget='pipeline', on_result=None",
    "reliai.RetryBudget": "ratio=0.2, min_per_second=1.0, ttl=10.0",
    "reliai.Fallback": "*targets, on=None, reserve=0.3",
    "reliai.Fallback.models": "*names, parameter='model'",
    "reliai.Value": "value",
    "reliai.CircuitBreaker": (
        "name=None, *, failure_rate=0.5, consecutive=None, slow_call=None, slow_rate=1.0, "
        "window=60.0, calls=None, min_calls=10, open_for=30.0, max_open_for=300.0, probes=1, "
        "detector=None, key=None, state=None, mode='enforce'"
    ),
    "reliai.Hedge": "after=None, *, quantile=0.95, max_hedges=1, extra_load=0.05",
    "reliai.RateLimit": (
        "rate, per=1.0, *, burst=None, cost=None, max_wait=0.0, key=None, reserve=0.0, "
        "priority=None, state=None, mode='enforce'"
    ),
    "reliai.Bulkhead": "limit, *, queue=0, max_wait=None, mode='enforce'",
    "reliai.AdaptiveLimit": "initial=20, minimum=1, maximum=200, *, mode='enforce'",
    "reliai.Cache": (
        "ttl=300.0, *, max_size=1024, key=None, stale_if_error=0.0, single_flight=True, "
        "degraded=False, shared=False, state=None"
    ),
    "reliai.Budget": (
        "*, usd=None, tokens=None, per=86400.0, estimate=None, key=None, mode='enforce', state=None"
    ),
    "reliai.Shadow": (
        "candidate, *, rate=0.05, compare=None, noise_baseline=0.0, spend=None, max_pending=64"
    ),
    "reliai.Once": "ttl=86400, key=None, *, state=None",
    "reliai.Route": "rollout, into=None",
    # --- checks
    "reliai.check": ("function=None, /, *, name=None, timeout=None, on_error='block', window=None"),
    "reliai.Replace": "value",
    "reliai.checks.MaxLength": "characters",
    "reliai.checks.MaxTokens": "tokens, tokenizer=None",
    "reliai.checks.Pattern": "regex, *, forbid=False",
    "reliai.checks.OneOf": "*values",
    "reliai.checks.Schema": "schema",
    "reliai.checks.Pii": "action='raise', kinds=None",
    "reliai.checks.Secrets": "action='raise'",
    "reliai.checks.HiddenText": "action='raise'",
    "reliai.checks.CanaryToken": "token",
    "reliai.checks.NotEmpty": "",
    "reliai.checks.NoRefusal": "",
    "reliai.checks.NotTruncated": "",
    "reliai.checks.Injection": "threshold=None",
    "reliai.checks.Language": "*codes",
    "reliai.checks.Grounded": "sources, minimum=0.5",
    "reliai.checks.Similar": "reference, minimum=0.8",
    # --- testing
    "reliai.testing.virtual_clock": "",
    "reliai.testing.ScriptedModel": "script",
    "reliai.testing.Stall": "seconds",
    "reliai.testing.faults": (
        "*, error_rate=0.0, latency=0.0, malformed=0.0, stall=0.0, cut=0.0, seed=None"
    ),
    "reliai.testing.Faults": (
        "*, error_rate=0.0, latency=0.0, malformed=0.0, stall=0.0, cut=0.0, seed=None"
    ),
    "reliai.testing.fault_server": "script=None",
    "reliai.testing.records": "",
    "reliai.testing.cassette": "path",
    # --- telemetry and records
    "reliai.telemetry.OpenTelemetry": "semconv='v1_41', content='none'",
    "reliai.telemetry.Prometheus": "registry=None",
    "reliai.telemetry.Structlog": "",
    "reliai.telemetry.JsonLines": "path",
    "reliai.telemetry.Webhook": "url",
    "reliai.telemetry.Memory": "",
    "reliai.records.RecordStore": "url='sqlite:///reliai.db', *, content='none'",
    "reliai.records.RecordStore.get": "self, call_id",
    "reliai.records.RecordStore.calls": (
        "self, *, name=None, status=None, subject=None, since=None, where=None"
    ),
    "reliai.records.RecordStore.to_parquet": "self, path",
    "reliai.records.RecordStore.forget": "self, *, subject",
    # --- monitoring
    "reliai.monitoring.Monitor": "signals=None, *, slices=(), slos=(), alerts=None",
    "reliai.monitoring.Monitor.snapshot": "self",
    "reliai.monitoring.Monitor.alerts": "self",
    "reliai.monitoring.Monitor.merge": "self, other",
    "reliai.monitoring.SLO": "indicator, target=None, *, window=2592000",
    "reliai.monitoring.signals.errors": "",
    "reliai.monitoring.signals.latency": "q=0.95",
    "reliai.monitoring.signals.value": "name",
    "reliai.monitoring.alerts.slack": "url",
    "reliai.monitoring.alerts.log": "",
    # --- datasets, experiments, gates
    "reliai.datasets.Case": "*, inputs",
    "reliai.datasets.Dataset.open": "name_or_url",
    "reliai.datasets.Dataset.add": "self, cases",
    "reliai.datasets.Dataset.commit": "self, message=''",
    "reliai.datasets.Dataset.at": "self, name",
    "reliai.datasets.Dataset.diff": "self, before, after",
    "reliai.datasets.Dataset.log": "self",
    "reliai.datasets.Dataset.verify": "self",
    "reliai.datasets.Dataset.health": "self, store",
    "reliai.datasets.Capture": "dataset, rules, *, max_per_day=200",
    "reliai.datasets.on_error": "",
    "reliai.datasets.below": "name, limit",
    "reliai.datasets.on_feedback": "name, value=None",
    "reliai.datasets.slowest": "q=0.99",
    "reliai.datasets.uniform": "rate=0.01",
    "reliai.evals.Experiment": (
        "target, dataset, scorers=(), *, repeats=None, concurrency='adaptive', timeout=60.0, "
        "max_usd=None, max_error_rate=0.02, policies='evaluation', executor='local'"
    ),
    "reliai.evals.Experiment.run": "self",
    "reliai.evals.Experiment.arun": "self",
    "reliai.evals.Run.summary": "self",
    "reliai.evals.Run.compare": "self, baseline",
    "reliai.evals.Run.to_parquet": "self, path",
    "reliai.evals.Gate": "metric, *, non_inferior=None, max=None, slices=()",
    "reliai.evals.Gate.judge": "self, given",
    "reliai.evals.Gate.require": "self, given",
    # --- feedback
    "reliai.feedback.record": (
        "call_id, name, value, *, by=None, comment=None, at=None, session=None, key=None, "
        "durable=False"
    ),
    "reliai.feedback.correct": "call_id, *, output, by=None",
    "reliai.feedback.prefer": "*, better, worse, by=None",
    "reliai.feedback.retract": "call_id, name, *, by=None",
    "reliai.feedback.read": "call_id=None, *, session=None, name=None, by=None",
    "reliai.feedback.history": "call_id=None, *, session=None, name=None, by=None",
    "reliai.feedback.orphans": "ttl=86_400.0",
    "reliai.feedback.token": "call_id=None, name='thumbs', *, by=None, expires=604_800",
    "reliai.feedback.accept": "token, value, comment=None",
    "reliai.feedback.ReviewQueue": (
        "name, *, rules=None, reviews_per_item=1, lease=900.0, blind=True, labels=None, store=None"
    ),
    "reliai.feedback.ReviewQueue.fill": "self, *, since=None",
    "reliai.feedback.ReviewQueue.add": "self, *call_ids",
    "reliai.feedback.ReviewQueue.add_pair": "self, call_id, other",
    "reliai.feedback.ReviewQueue.fill_pairs": "self, *, rate=1.0, since=None",
    "reliai.feedback.ReviewQueue.claim": "self, reviewer",
    "reliai.feedback.ReviewQueue.agreement": "self, level='nominal'",
    "reliai.feedback.ReviewQueue.estimate": "self, label, *, confidence=0.95",
    "reliai.feedback.ReviewItem.submit": "self, label, *, correction=None, comment=None",
    "reliai.feedback.ReviewItem.prefer": "self, better, *, comment=None",
    "reliai.feedback.export": "format, *, out, metric='thumbs', held_out=(), redact=True",
    "reliai.feedback.exports": "store=None",
    "reliai.feedback.bias": "slice, metric='thumbs', *, min_n=30, alpha=0.05",
    "reliai.feedback.forget": "*, subject, datasets=None, store=None",
    "reliai.datasets.Dataset.forget": "self, *, calls=(), feedback=(), groups=(), keys=()",
    "reliai.rollout.Rollout": (
        "name, control, candidate, unit='subject', steps=(0.01, 0.05, 0.25, 1.0), dwell=600.0, "
        "guardrails=None, alpha=0.05, mode='enforce', state=None"
    ),
    "reliai.rollout.Rollout.load": "path, control, candidate, *, reload=True",
    "reliai.rollout.Rollout.choose": "self, unit=None",
    "reliai.rollout.Rollout.kill": "self, by, why=''",
    "reliai.rollout.Rollout.approve": "self, step, by, why=''",
    "reliai.rollout.Rollout.advance": "self, step, by, why=''",
    "reliai.rollout.Rollout.rollback": "self, by, why=''",
    "reliai.rollout.Rollout.explain": "self, number=None",
    "reliai.rollout.operating.Operated": "state, name, version=None",
    "reliai.rollout.operating.Operated.kill": "self, by, why=''",
    "reliai.rollout.operating.rollouts": "state=None",
    "reliai.integrations.openfeature.RolloutProvider": "*rollouts",
    "reliai.integrations.openfeature.FlagChooser": (
        "flag, variants, default, *, unit='subject', client=None"
    ),
    "reliai.rollout.slice_rules": "bias, to",
    "reliai.rollout.SliceRouter": "variants, *, default, rules=()",
    "reliai.rollout.SliceAlerts": "routes, *, name='', severity='ticket'",
    # --- statistics
    "reliai.stats.mean_interval": "values, *, cluster=None, confidence=0.95",
    "reliai.stats.proportion_interval": "successes, n, *, confidence=0.95",
    "reliai.stats.paired_difference": "candidate, baseline, *, cluster=None, confidence=0.95",
    "reliai.stats.mcnemar_exact": "b, c",
    "reliai.stats.pass_at_k": "n, c, k",
    "reliai.stats.pass_hat_k": "n, c, k",
    "reliai.stats.adjust": "p_values, method='holm'",
    "reliai.stats.sample_size": (
        "delta, *, between_variance, within_variances=(0.0, 0.0), repeats=(1, 1), alpha=0.05, "
        "power=0.8"
    ),
    "reliai.stats.detectable_effect": "n, *, between_variance",
    "reliai.stats.sign_e_value": "wins, losses",
    "reliai.stats.event_e_value": "canary, baseline, share, *, ratio=1.0, harm=True",
    "reliai.stats.sample_ratio_e_value": "counts, weights",
    "reliai.stats.mean_sequence": "n, difference, standard_error, *, tuned_for, alpha=0.05",
    "reliai.stats.production_estimate": "values, inclusion_probability",
    "reliai.stats.cohen_kappa": "a, b",
    "reliai.stats.krippendorff_alpha": "ratings, level='nominal'",
    "reliai.stats.psi": "reference, current",
    "reliai.stats.Cusum": "baseline=0.01, shift=0.3, arl=1e6",
}

BASES = {
    "GuardRejected": (errors.ReliaiError, ValueError),
    "OutputInvalid": (errors.ReliaiError, ValueError),
    "OutputTruncated": (errors.OutputInvalid,),
    "CallTimeout": (errors.ReliaiError, TimeoutError),
    "CircuitOpen": (errors.ReliaiError,),
    "RateLimited": (errors.ReliaiError,),
    "BulkheadFull": (errors.ReliaiError,),
    "BudgetExceeded": (errors.ReliaiError,),
    "StreamInterrupted": (errors.ReliaiError,),
    "AmbiguousOutcome": (errors.ReliaiError,),
    "GateFailed": (errors.ReliaiError,),
    "ConfigurationError": (errors.ReliaiError,),
}

ATTRIBUTES: list[tuple[Exception, str]] = [
    (errors.OutputInvalid("m"), "errors raw"),
    (errors.OutputTruncated("m"), "errors raw"),
    (errors.CallTimeout("total", 1.0), "layer seconds"),
    (errors.CircuitOpen("c", 1.0), "name retry_after"),
    (errors.RateLimited("m"), "retry_after"),
    (errors.StreamInterrupted("m"), "chunks partial"),
    (errors.AmbiguousOutcome("m"), "idempotency_key"),
]

KINDS = (
    "rate_limited overloaded timeout connection server conflict malformed quota auth not_found "
    "bad_request context_length content_filter invalid_output rejected cancelled unknown"
)

RECORD = (
    "id name started_at duration status error attempts events target variant model_requested "
    "model_served provider finish_reason input_tokens output_tokens usage_state cost_usd "
    "wasted_usd time_to_first_chunk chunks inputs output values checks subject session tenant "
    "run_id tags parent_id trace_id span_id fingerprint service release environment"
)
ATTEMPT = "number target started_at duration status error model input_tokens output_tokens wait"
CALL = (
    "id name args kwargs arguments attempt tags parent_id deadline variant idempotency_key "
    "runtime clock"
)
RESPONSE = (
    "provider model id text finish_reason refusal tool_calls parsed input_tokens output_tokens "
    "cached_tokens cost_usd"
)
FAILURE = "kind status code retry_after in_stream sent"


def named(path: str) -> Any:
    """The thing at a dotted path."""
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError:  # of a class
        return getattr(named(module), name)


def signature(text: str) -> inspect.Signature:
    """A signature written as in a contract."""
    return inspect.signature(eval(f"lambda {text}: None"))  # noqa: S307  text of this very file


@pytest.mark.parametrize("path", CALLABLES)
def test_arguments_and_defaults_are_those_of_the_contract(path: str) -> None:
    promised = signature(CALLABLES[path]).parameters
    found = inspect.signature(named(path)).parameters
    for name, parameter in promised.items():
        assert name in found, f"{path} takes no {name}"
        assert found[name].kind is parameter.kind, name
        assert found[name].default == parameter.default, name
    by_place = [n for n, p in promised.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert [n for n, p in found.items() if p.kind is p.POSITIONAL_OR_KEYWORD][
        : len(by_place)
    ] == by_place
    for name in set(found) - set(promised):
        variadic = found[name].kind in {
            inspect.Parameter.VAR_KEYWORD,
            inspect.Parameter.VAR_POSITIONAL,
        }
        assert variadic or found[name].default is not inspect.Parameter.empty, name


def test_reliable_takes_the_facts_of_the_contract() -> None:
    facts: dict[str, Any] = {
        "output": None,
        "effects": "none",
        "cooperative": False,
        "idempotency_key": None,
        "measure": None,
        "name": None,
        "tags": None,
        "observers": (),
        "kind": None,
    }
    assert reliai.Pipeline(**facts).describe() == reliai.Pipeline().describe()

    ask = reliai.reliable()(answer)
    assert reliai.pipeline_of(ask).describe()["name"].endswith("answer")
    assert ask() == "a"


@pytest.mark.parametrize("name", BASES)
def test_errors_stand_where_the_contract_puts_them(name: str) -> None:
    error = getattr(reliai, name)
    assert error is getattr(errors, name)
    assert issubclass(error, BASES[name])


@pytest.mark.parametrize(("error", "names"), ATTRIBUTES, ids=lambda each: type(each).__name__)
def test_errors_have_their_numbers(error: Exception, names: str) -> None:
    for name in names.split():
        assert hasattr(error, name)


def test_kinds_of_errors_each_have_three_verdicts() -> None:
    assert [str(kind) for kind in reliai.ErrorKind] == KINDS.split()
    assert list(errors.verdicts) == list(reliai.ErrorKind)
    for verdict in errors.verdicts.values():
        assert verdict._fields == ("retry", "fall_back", "breaker")


def test_records_calls_and_responses_have_their_fields() -> None:
    @reliai.reliable()
    def ask() -> Any:
        return [getattr(reliai.current_call(), name, "nothing") for name in CALL.split()]

    with reliai.collect() as calls:
        assert "nothing" not in ask()
    written = calls[0].to_dict()
    assert list(written) == ["schema_version", *RECORD.split()]
    assert list(written["attempts"][0]) == ATTEMPT.split()
    assert set(RESPONSE.split()) <= {*inspect.signature(reliai.Response).parameters}
    failure = reliai.classify(ConnectionError("down"))
    assert all(hasattr(failure, name) for name in FAILURE.split())


def answer() -> str:
    return "a"


@pytest.mark.parametrize("name", ["ok", "value", "error", "call_id", "record", "unwrap"])
def test_an_outcome_tells(name: str) -> None:
    assert hasattr(reliai.execute(reliai.reliable()(answer)), name)


@pytest.mark.parametrize(
    ("thing", "names"),
    [
        (reliai.CircuitBreaker("contract"), "state isolate close snapshot"),
        (reliai.Pipeline(), "run arun describe check"),
        (testing.ScriptedModel([]), "calls asynchronous streaming"),
        (reliai.tool, "schema call_json approve approved"),
        (reliai.Cache(), "clear info bypass refresh"),
        (reliai.Budget(tokens=1), "snapshot"),
        (reliai.Once(key="arg:k"), "forget"),
    ],
    ids=lambda each: type(each).__name__ if not isinstance(each, str) else each,
)
def test_objects_have_their_members(thing: Any, names: str) -> None:
    for name in names.split():
        assert hasattr(thing, name), name


def test_the_common_checks_are_at_top_level() -> None:
    common = (
        "MaxLength MaxTokens Pattern OneOf Schema Pii Secrets HiddenText CanaryToken NotEmpty "
        "NoRefusal NotTruncated"
    )
    for name in common.split():
        assert getattr(reliai, name) is getattr(checks, name)
