"""Charts as numbers: nothing is drawn outside, gaps stay gaps, and the table says all of it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai.ui.charts import HEIGHT, WIDTH, Series, bar_chart, line_chart, sparkline
from reliai.ui.monitor_charts import budget_chart, minute_charts

VALUES = st.lists(st.none() | st.floats(0, 1e12, allow_nan=False), min_size=1, max_size=80)


@given(VALUES, st.floats(-1e6, 1e6))
def test_lines_stay_inside(values: list[float | None], limit: float) -> None:
    times = [60.0 * number for number in range(len(values))]
    chart = line_chart("a", times, [Series("b", values)], str, limit=limit)
    points = re.findall(r"[ML](-?[\d.e+-]+) (-?[\d.e+-]+)", chart.lines[0].path)
    assert len(points) == sum(value is not None for value in values)
    for x, y in points:
        assert -0.1 <= float(x) <= WIDTH + 0.1
        assert -0.1 <= float(y) <= HEIGHT + 0.1
    assert chart.limit is not None
    assert -0.1 <= chart.limit <= HEIGHT + 0.1


@given(VALUES)
def test_bars_stay_inside_and_the_table_has_each_number(values: list[float | None]) -> None:
    times = [60.0 * number for number in range(len(values))]
    chart = bar_chart("a", times, 60.0, [Series("b", values), Series("c", values)], str)
    for bar in chart.bars:
        assert bar.x >= 0
        assert bar.x + bar.width <= WIDTH + 0.1
        assert bar.y >= -0.1
        assert bar.y + bar.height <= HEIGHT + 0.1
    known = [str(value) for value in values if value is not None]
    assert [row[1] for row in chart.rows] == known


def test_a_gap_interrupts_the_line() -> None:
    chart = line_chart("a", [0.0, 1, 2, 3], [Series("b", [1.0, None, 2.0, 3.0])], str)
    assert chart.lines[0].path.count("M") == 2


def test_a_point_alone_is_a_dot() -> None:
    values = [1.0, None, 2.0, 3.0, None, 0.0]
    chart = line_chart("a", [0.0, 1, 2, 3, 4, 5], [Series("b", values)], str)
    assert len(chart.dots) == 2


@pytest.mark.parametrize("span", [600.0, 3600.0, 86_400.0, 90_000.0, 604_800.0, 2_592_000.0])
def test_the_axis_of_time_has_marks_at_round_hours(span: float) -> None:
    begin = 1_700_000_123.0
    times = [begin + number * span / 60 for number in range(60)]
    chart = bar_chart("a", times, span / 60, [Series("b", [1.0] * 60)], str)
    assert 2 <= len(chart.x) <= 6
    if span > 3 * 3600:
        assert all(":" not in tick.words or tick.words.endswith(":00") for tick in chart.x)


def test_a_chart_says_in_a_sentence_what_it_shows() -> None:
    chart = line_chart(
        "Time", [0.0, 1], [Series("half", [1.0, 2.0]), Series("most", [3.0, None])], str
    )
    assert chart.summary == "Time: last half 2.0, most 3.0"
    assert chart.legend == [("half", ""), ("most", "")]
    nothing = line_chart("Time", [0.0], [Series("half", [None])], str)
    assert nothing.summary == "Time: nothing is known"


@pytest.mark.parametrize("values", [[], [1.0], [None, 1.0]])
def test_a_small_line_needs_two_values(values: list[float | None]) -> None:
    assert sparkline(values) == ""


def test_a_small_line_of_equal_values_is_flat() -> None:
    assert sparkline([2.0, 2.0, 2.0]) == "M2.0 22.0L60.0 22.0L118.0 22.0"


def test_an_error_budget_is_used_up_by_failures() -> None:
    slo = {"window": 30 * 86_400, "target": 0.9, "good": 8, "bad": 2}
    counted = {"counts": {"fine": [], "middle": [[0, 4, 0], [1, 4, 1], [2, 0, 1]], "whole": []}}
    chart = budget_chart(slo, counted)
    assert chart
    assert [row[1] for row in chart.rows] == ["100%", "100%", "0%", "-100%"]


@pytest.mark.parametrize("counts", [{}, {"whole": []}, {"whole": [[1, 3, 0]]}])
def test_no_budget_is_drawn_of_too_little(counts: dict[str, list[list[int]]]) -> None:
    slo = {"window": 86_400, "target": 0.9, "good": 3, "bad": 0}
    assert budget_chart(slo, {"counts": counts}) is None


def test_the_last_hour_of_a_function_has_sixty_minutes() -> None:
    state = {"calls": {"a": {"count": 5, "history": [[0.0, 1, 0], [6000.0, 4, 1]]}, "b": {}}}
    (chart,) = minute_charts(state)
    assert len(chart.rows) == 60
    assert chart.rows[-1][1:] == ["3", "1"]
