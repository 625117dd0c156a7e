"""The benchmark of model calls runs, and its rows can be compared. No test asserts a time."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import _caching, _clients, _structured
from benchmarks._reliai import KINDS
from tests.benchmarks.running import ran

pytestmark = pytest.mark.slow

TINY = [
    *("--rounds", "2", "--block", "0.2", "--documents", "5"),
    *("--sections", "structured,caching,privacy,clients"),
]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return ran("model_calls", TINY, tmp_path_factory.mktemp("model_calls"))


def test_structured_output_is_timed(document: dict[str, Any]) -> None:
    for group in (_structured.ONCE, _structured.AGAIN):
        assert f"{group}/{_structured.OURS} [sync]" in document["rows"]
    assert f"{_structured.TYPED}/{_structured.TYPED_OURS} [sync]" in document["rows"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_cache_and_clients_are_timed(document: dict[str, Any], kind: str) -> None:
    rows = document["rows"]
    expected = {f"{group}/{_caching.CACHE} [{kind}]" for group in _caching.GROUPS}
    expected |= {f"{_clients.READING}/{way} [{kind}]" for way in _clients.WAYS}
    expected |= {f"{_clients.POLICY}/{name} [{kind}]" for name in _clients.MONEY}
    expected |= {f"{_clients.REQUEST}/{_clients.WRAPPED} [{kind}]"}
    assert expected <= rows.keys()


def test_recall_and_precision_are_told(document: dict[str, Any]) -> None:
    assert document["figures"]["pii with words around: reliai, all"]["n"] == 15


def test_targets_are_judged_and_only_peers_are_skipped(document: dict[str, Any]) -> None:
    assert "c" in {target["letter"] for target in document["targets"]}
    reasons = document["skipped"].values()
    assert all(reason.startswith(("not installed: ", "cannot be built: ")) for reason in reasons)
    assert not [key for key in document["skipped"] if "/reliai" in key]
