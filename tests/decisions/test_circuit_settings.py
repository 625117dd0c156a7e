from __future__ import annotations

import math
from typing import Any

import pytest

from reliai.decisions.circuit import CircuitSettings
from reliai.errors import ConfigurationError
from reliai.stats import Cusum


class Template:
    def update(self, x: bool, /) -> bool:
        return x

    def copy(self) -> Template:
        raise RuntimeError("cannot be copied")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"failure_rate": 0.0}, r"failure_rate=0\.0 must be a share in \(0, 1\]"),
        ({"failure_rate": 50}, r"failure_rate=50 must be .* give 0\.5 for one call in two"),
        ({"failure_rate": math.nan}, "failure_rate=nan"),
        ({"failure_rate": True}, "failure_rate=True"),
        ({"slow_call": 1.0, "slow_rate": 1.1}, r"slow_rate=1\.1 must be"),
        ({"slow_rate": 0.5}, r"slow_rate=0\.5 has no effect without slow_call"),
        ({"slow_call": 0.0}, r"slow_call=0\.0 must be seconds above 0"),
        ({"window": -1.0}, r"window=-1\.0 must be seconds"),
        ({"window": math.inf}, "window=inf must be seconds"),
        ({"window": "60"}, "window='60' must be seconds"),
        ({"open_for": 0}, "open_for=0 must be seconds"),
        ({"max_open_for": math.nan}, "max_open_for=nan must be seconds"),
        ({"open_for": 400.0}, r"max_open_for=300\.0 is below open_for=400\.0; give max_open_for"),
        ({"min_calls": 0}, "min_calls=0 must be a whole number of calls"),
        ({"min_calls": 2.5}, r"min_calls=2\.5 must be a whole number"),
        ({"probes": 0}, "probes=0 must be a whole number"),
        ({"calls": False}, "calls=False must be a whole number"),
        ({"consecutive": 0}, "consecutive=0 must be a whole number"),
        ({"calls": 20, "window": 30.0}, r"window=30\.0 \(seconds\) and calls=20 exclude"),
        ({"detector": Cusum}, "detector=<class .* must be an object with update"),
        ({"detector": object()}, r"detector=<object .* give reliai\.Cusum\(\)"),
        ({"detector": Template()}, r"its copy\(\) raised RuntimeError\('cannot be copied'\)"),
    ],
)
def test_senseless_setting_is_refused_with_its_name_range_and_cure(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        CircuitSettings(**settings)


def test_a_minimum_beyond_the_count_window_is_refused() -> None:
    """A3"""
    with pytest.raises(ConfigurationError, match=r"min_calls=10 can never be reached .* calls=5"):
        CircuitSettings(calls=5)


def test_edges_of_the_ranges_are_accepted() -> None:
    settings = CircuitSettings(
        failure_rate=1, slow_rate=1, calls=10, min_calls=10, max_open_for=math.inf, consecutive=1
    )
    assert settings.max_open_for == math.inf


def test_settings_with_equal_values_are_equal() -> None:
    assert CircuitSettings(detector=Cusum()) == CircuitSettings(detector=Cusum())
    assert CircuitSettings(detector=Cusum()) != CircuitSettings(detector=Cusum(shift=0.2))
