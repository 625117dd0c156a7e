"""What the process uses is told where it can be known; a machine without a GPU is no error."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

import reliai
from reliai.telemetry.resources import Resources
from tests.programs import printed


def told(resources: Resources) -> dict[str, float]:
    """What is used, by key."""
    return {measurement.key: measurement.value for measurement in resources.now()}


def test_process_is_told_with_the_numbers_of_the_system() -> None:
    found = told(Resources())
    process = psutil.Process()
    assert 0 <= found["process.cpu"] <= 1
    assert found["process.memory"] == pytest.approx(process.memory_info().rss, rel=0.5)
    assert found["process.threads"] >= 1
    assert found["process.files"] >= 3


def test_it_looks_no_oftener_than_it_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[None] = []

    def look() -> list[Any]:
        looks.append(None)
        return []

    resources = Resources(every=1000)
    monkeypatch.setattr(resources, "_of_process", look)
    resources.now()
    resources.now()
    assert len(looks) == 1


def test_no_gpu_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    found = told(Resources())
    assert "process.memory" in found
    assert not any(key.startswith("gpu.") for key in found)


def test_gpus_are_told_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    class Driver:
        """The part of the driver's interface that is asked."""

        @staticmethod
        def nvmlInit() -> None:  # noqa: N802  its name there
            pass

        @staticmethod
        def nvmlDeviceGetCount() -> int:  # noqa: N802
            return 2

        @staticmethod
        def nvmlDeviceGetHandleByIndex(number: int) -> int:  # noqa: N802
            return number

        @staticmethod
        def nvmlDeviceGetUtilizationRates(handle: int) -> Any:  # noqa: N802
            return SimpleNamespace(gpu=25 + handle)

        @staticmethod
        def nvmlDeviceGetMemoryInfo(handle: int) -> Any:  # noqa: N802
            if handle == 1:
                raise OSError("gone")
            return SimpleNamespace(used=1024)

    monkeypatch.setitem(sys.modules, "pynvml", Driver)
    found = [each for each in Resources().now() if each.key.startswith("gpu.")]
    assert [(each.key, each.value, each.labels) for each in found] == [
        ("gpu.utilization", 0.25, {"device": "0"}),
        ("gpu.memory", 1024.0, {"device": "0"}),
        ("gpu.utilization", 0.26, {"device": "1"}),
    ]


def test_without_psutil_nothing_is_told_and_who_insists_hears_how_to_get_it() -> None:
    lines = printed("""
        import sys
        sys.modules["psutil"] = None
        import reliai
        from reliai.telemetry.resources import Resources
        print(Resources().now())
        try:
            Resources(required=True)
        except reliai.ConfigurationError as error:
            print(error)
    """)
    assert lines == [
        "[]",
        'what the process uses needs psutil, which comes with: pip install "reliai[resources]"',
    ]


@pytest.mark.parametrize("every", [0, -1, "5", None])
def test_interval_must_be_a_number_of_seconds(every: Any) -> None:
    with pytest.raises(reliai.ConfigurationError, match=r"every=.*seconds above 0"):
        Resources(every=every)
