"""A dashboard for Grafana, and rules for Prometheus with their tests, made from the name table.

Floor 4, beside what emits the metrics: nothing here writes a metric's name by hand, so a rename in
the table renames it here, and the tests hold every query against what is really emitted.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from reliai.errors import ConfigurationError
from reliai.telemetry.dashboards.dialect import Dialect
from reliai.telemetry.dashboards.grafana import dashboard
from reliai.telemetry.dashboards.objectives import DEFAULT, Objective, objective_of
from reliai.telemetry.dashboards.panels import rows
from reliai.telemetry.dashboards.rule_tests import cases_of, general_cases
from reliai.telemetry.dashboards.rules import Alarm, general_groups, groups_of
from reliai.telemetry.dashboards.yaml_text import yaml_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from reliai.telemetry.dashboards.rules import Group

__all__ = ["DEFAULT", "Dialect", "Objective", "files_of", "objective_of"]

DASHBOARD = "reliai.dashboard.json"


def files_of(
    dialect: Dialect,
    objectives: Sequence[Objective] = DEFAULT,
    *,
    spend_a_day: float | None = None,
) -> dict[str, str]:
    """The files, by their names: a dashboard, and rules with their tests, a pair an objective.

    Args:
        dialect: which names, and how they are written.
        objectives: what the alarms are about.
        spend_a_day: US dollars of a day above which there is an alarm; None for none.

    Raises:
        ConfigurationError: when two objectives are about the same.
    """
    slugs = [slo.slug for slo in objectives]
    twice = sorted({slo.name for slo in objectives if slugs.count(slo.slug) > 1})
    if twice:
        raise ConfigurationError(f"two objectives are about the same: {', '.join(twice)}")
    files = {DASHBOARD: dashboard(dialect, rows(dialect))}
    for slo in objectives:
        groups = groups_of(dialect, slo)
        files |= _pair(dialect, f"slo-{slo.slug}", groups, partial(cases_of, dialect, slo))
    groups = general_groups(dialect, spend_a_day)
    return files | _pair(dialect, "general", groups, partial(general_cases, dialect))


def _pair(
    dialect: Dialect,
    name: str,
    groups: Sequence[Group],
    cases: Callable[[Sequence[Alarm]], Iterable[dict[str, Any]]],
) -> dict[str, str]:
    about = f"Made by `reliai dashboards`, for {dialect.profile.conventions}, {dialect.naming}."
    rules, tests = f"reliai-{name}.rules.yml", f"reliai-{name}.test.yml"
    alarms = [rule for group in groups for rule in group.rules if isinstance(rule, Alarm)]
    tested = {
        "rule_files": [rules],
        "evaluation_interval": "1m",
        "tests": list(cases(alarms)),
    }
    made = {"groups": [group.to_dict() for group in groups]}
    return {
        rules: yaml_text(made, f"{about}\nCheck it with: promtool check rules {rules}"),
        tests: yaml_text(tested, f"{about}\nRun it with: promtool test rules {tests}"),
    }
