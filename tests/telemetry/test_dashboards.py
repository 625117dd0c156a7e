"""Dashboards and rules ask for what is really emitted, and Prometheus' own tools agree."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, get_args

import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from reliai.errors import ConfigurationError
from reliai.telemetry import Prometheus
from reliai.telemetry.dashboards import DEFAULT, Dialect, files_of, objective_of
from reliai.telemetry.names import PROFILES, Scheme
from tests.servers import missing
from tests.telemetry._collected import Collected
from tests.telemetry._promql import Found, Series, checked
from tests.telemetry._traffic import run_traffic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

NAMINGS: tuple[Scheme, ...] = get_args(Scheme)
OBJECTIVES = [
    "success=0.999",
    "full_quality=0.9",
    "answer/latency=0.95@2.56",
    "first_chunk=0.95@1.28",
    "validation=0.99",
    "answer/guard=0.99",
    "score:helpful=0.9@0.7",
    "telemetry=0.999",
]
BY_PROMETHEUS = {"job": "shop", "instance": "here:9464"}


def made(dialect: Dialect, *objectives: str, **options: Any) -> dict[str, str]:
    wanted = [objective_of(text, dialect) for text in objectives or OBJECTIVES]
    return files_of(dialect, wanted, **options)


def scraped(profile: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """What Prometheus reads from the native sink."""
    registry = CollectorRegistry()
    observer = Prometheus(registry, semconv=profile)
    held = run_traffic(observer)
    text = generate_latest(registry).decode()
    del held
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, sample.labels
    for key in ("gpu.utilization", "gpu.memory"):  # few machines that test have one
        yield Dialect(profile).metric(key), {"hw_id": "0"}
    observer.close()


def collected(profile: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """What an OTLP receiver of Prometheus makes of OpenTelemetry's metrics, untranslated."""
    collecting = Collected(profile)
    held = run_traffic(collecting.observer)
    metrics = collecting.metrics()
    del held
    for name, points in metrics.items():
        for point in points:
            labels = {key: str(value) for key, value in (point.attributes or {}).items()}
            if not hasattr(point, "explicit_bounds"):
                yield name, labels
                continue
            yield f"{name}_sum", labels
            yield f"{name}_count", labels
            for bound in (*point.explicit_bounds, float("inf")):
                yield f"{name}_bucket", {**labels, "le": repr(float(bound))}


_emitted: dict[tuple[str, str], Series] = {}


def emitted(profile: str, naming: Scheme) -> Series:
    """All series of a test run, with what Prometheus and the rules add; made once."""
    if (profile, naming) not in _emitted:
        source = scraped if naming == "underscores" else collected
        found = [(name, {**labels, **BY_PROMETHEUS}) for name, labels in source(profile)]
        for text in made(Dialect(profile, naming)).values():
            recorded = (rule for rule in rules_in(text) if "record" in rule)
            found += [(rule["record"], rule["labels"]) for rule in recorded]
        _emitted[profile, naming] = Series(found)
    return _emitted[profile, naming]


def rules_in(text: str) -> Iterator[dict[str, Any]]:
    if text.startswith("#"):
        for group in yaml.safe_load(text).get("groups", ()):
            yield from group["rules"]


def panels(files: Mapping[str, str]) -> list[tuple[str, str]]:
    board = json.loads(files["reliai.dashboard.json"])
    return [
        (panel["title"], target["expr"])
        for panel in board["panels"]
        for target in panel.get("targets", ())
    ]


def chosen_all(expression: str) -> str:
    """An expression as Grafana asks it when everything is chosen."""
    return expression.replace("$job", ".*").replace("$call", ".*")


def hold(what: str, expression: str, series: Series) -> Found:
    try:
        return checked(chosen_all(expression), series)
    except AssertionError as error:
        raise AssertionError(f"{what}: {error}; in {expression}") from error


every_naming = pytest.mark.parametrize("naming", NAMINGS)
both_profiles = pytest.mark.parametrize("profile", ["v1_41", "latest"])


@every_naming
@both_profiles
def test_every_panel_asks_for_series_that_are_emitted(profile: str, naming: Scheme) -> None:
    """Case 28 and 31: a name, a label or a value that nothing emits fails here."""
    asked = panels(made(Dialect(profile, naming)))
    assert len(asked) > 30
    for title, expression in asked:
        hold(title, expression, emitted(profile, naming))


@every_naming
@both_profiles
def test_every_rule_asks_for_series_that_are_emitted(profile: str, naming: Scheme) -> None:
    files = made(Dialect(profile, naming), spend_a_day=10.0)
    rules = [rule for text in files.values() for rule in rules_in(text)]
    assert len(rules) > 100
    for rule in rules:
        hold(rule.get("alert") or rule["record"], rule["expr"], emitted(profile, naming))


@every_naming
def test_alarms_show_labels_that_their_series_have(naming: Scheme) -> None:
    for text in made(Dialect("v1_41", naming), spend_a_day=10.0).values():
        for rule in rules_in(text):
            if "alert" in rule:
                found = hold(rule["alert"], rule["expr"], emitted("v1_41", naming))
                for told in rule["annotations"].values():
                    for part in told.split('index $labels "')[1:]:
                        assert part.partition('"')[0] in found.labels


@every_naming
def test_legends_name_labels_that_their_series_have(naming: Scheme) -> None:
    board = json.loads(made(Dialect("v1_41", naming))["reliai.dashboard.json"])
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            found = hold(panel["title"], target["expr"], emitted("v1_41", naming))
            for part in target["legendFormat"].split("{{")[1:]:
                assert part.partition("}}")[0] in found.labels


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("sum(rate(reliai_calls_total[5m]))", "no metric"),
        ('rate(reliai_call_duration_seconds_count{colour="red"}[5m])', "no label 'colour'"),
        ('rate(reliai_call_duration_seconds_count{reliai_outcome="fine"}[5m])', "is chosen by"),
        ("sum by (le) (rate(reliai_call_duration_seconds_count[5m]))", "by \\['le'\\]"),
        ("histogram_quantile(0.9, sum(rate(reliai_call_duration_seconds_bucket[5m])))", "le"),
        ("sum(rate(reliai_call_duration_seconds_count[5m])", "expected"),
        ("sum by (job) (reliai_telemetry_queue_size) / sum(reliai_telemetry_queue_size)", "never"),
    ],
)
def test_the_test_itself_finds_a_wrong_query(expression: str, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        checked(expression, emitted("v1_41", "underscores"))


def test_both_ways_of_naming_say_the_same() -> None:
    """So what promtool finds right in one way is right in the other, which needs Prometheus 3."""
    plain, utf8 = Dialect("v1_41"), Dialect("v1_41", "utf8")
    rules = {naming.naming: made(naming, spend_a_day=1.0) for naming in (plain, utf8)}
    back: dict[str, str] = {}
    for key, metric in plain.profile.metrics.items():
        parts = (":bucket", ":sum", ":count") if metric.kind == "histogram" else ("",)
        back |= {utf8.metric(key + part): plain.metric(key + part) for part in parts}
    back |= {utf8.label(key): plain.label(key) for key in plain.profile.labels}
    for name, text in rules["utf8"].items():
        for one, other in zip(rules_in(rules["underscores"][name]), rules_in(text), strict=True):
            assert one["expr"] == _underscored(other["expr"], back)


def _underscored(expression: str, back: Mapping[str, str]) -> str:
    moved = re.sub(r'\{"([^"]+)",?', lambda found: f"{back[found[1]]}{{", expression)
    labels = r'"([a-z0-9_.]+)"(?=[=!,)])'
    return re.sub(labels, lambda found: back.get(found[1], found[0]), moved).replace("{}", "")


@every_naming
@both_profiles
def test_an_independent_parser_reads_every_expression(profile: str, naming: Scheme) -> None:
    parser: Any = pytest.importorskip("promql_parser", reason="package promql-parser")
    files = made(Dialect(profile, naming), spend_a_day=10.0)
    asked = [expression for _, expression in panels(files)]
    asked += [rule["expr"] for text in files.values() for rule in rules_in(text)]
    for expression in asked:
        parser.parse(expression.replace("$__rate_interval", "5m"))


def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        missing("no promtool: install Debian's package prometheus")
    return str(found)


def written(folder: Path, files: Mapping[str, str]) -> list[str]:
    for name, text in files.items():
        (folder / name).write_text(text)
    return sorted(files)


def ran(*command: str, folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@both_profiles
def test_promtool_finds_the_rules_right(profile: str, tmp_path: Path) -> None:
    """Case 31, first half."""
    names = written(tmp_path, made(Dialect(profile), spend_a_day=10.0))
    rules = [name for name in names if name.endswith(".rules.yml")]
    ran(promtool(), "check", "rules", *rules, folder=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("objectives", [OBJECTIVES[:4], OBJECTIVES[4:]], ids=["a", "b"])
def test_promtool_runs_the_tests_of_the_rules(objectives: list[str], tmp_path: Path) -> None:
    """Case 31, second half: each alarm fires when it should and keeps quiet when not."""
    names = written(tmp_path, made(Dialect(), *objectives))
    tests = [name for name in names if name.endswith(".test.yml")]
    assert len(tests) == 5
    ran(promtool(), "test", "rules", *tests, folder=tmp_path)


def test_a_rule_that_is_wrong_fails_its_test(tmp_path: Path) -> None:
    files = made(Dialect(), "success=0.999")
    name = "reliai-general.rules.yml"
    files[name] = files[name].replace("> 0.001", "> 0.7")
    written(tmp_path, files)
    with pytest.raises(AssertionError, match="ReliaiTelemetryLost"):
        ran(promtool(), "test", "rules", "reliai-general.test.yml", folder=tmp_path)


@pytest.mark.parametrize("profile", sorted(PROFILES))
@every_naming
def test_every_profile_has_its_files(profile: str, naming: Scheme) -> None:
    files = made(Dialect(profile, naming), "success=0.99")
    assert sorted(files) == [
        "reliai-general.rules.yml",
        "reliai-general.test.yml",
        "reliai-slo-all-calls-success.rules.yml",
        "reliai-slo-all-calls-success.test.yml",
        "reliai.dashboard.json",
    ]


def test_panels_do_not_overlap_and_have_one_id_each() -> None:
    board = json.loads(made(Dialect())["reliai.dashboard.json"])
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_a_target_that_nobody_set_is_for_nobody() -> None:
    text = files_of(Dialect(), DEFAULT)["reliai-slo-all-calls-success.rules.yml"]
    alarms = [rule for rule in rules_in(text) if "alert" in rule]
    assert {rule["labels"]["severity"] for rule in alarms} == {"none"}
    assert {rule["labels"]["burn_in"] for rule in alarms} == {"true"}


def test_windows_scale_with_the_objective_s() -> None:
    dialect = Dialect()
    slo = objective_of("success=0.99", dialect, window=60 * 86_400.0)
    text = files_of(dialect, [slo])["reliai-slo-all-calls-success.rules.yml"]
    spans = {
        (r["labels"]["long"], r["labels"]["short"]) for r in rules_in(text) if "long" in r["labels"]
    }
    assert spans == {("2h", "10m"), ("12h", "1h"), ("2d", "4h"), ("6d", "12h")}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("speed=0.9", "indicators are success"),
        ("success", "as in success=0.995"),
        ("success=99", "above 0 and below 1"),
        ("success=0.9@2", "takes no threshold"),
        ("latency=0.9", "give @ one of 0.01"),
        ("latency=0.9@2", "give @ one of 0.01"),
        ("latency=0..9@2.56", "is no number"),
        ("score=0.9@0.7", "score:NAME"),
        ("answer/telemetry=0.9", "whole process"),
    ],
)
def test_objectives_that_are_none_are_named(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        objective_of(text, Dialect())


def test_two_objectives_about_the_same_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="about the same: all calls: success"):
        made(Dialect(), "success=0.9", "success=0.99")


def test_an_unknown_way_of_naming_is_refused() -> None:
    way: Any = "dots"
    with pytest.raises(ConfigurationError, match="use one of 'underscores', 'utf8'"):
        Dialect("v1_41", way)


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="unknown profile"):
        Dialect("v9")


def test_promtool_is_not_silently_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "1")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(pytest.fail.Exception, match="promtool"):
        promtool()
    assert os.environ["CI"]
