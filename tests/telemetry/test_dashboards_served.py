"""A real Prometheus scrapes a real endpoint, and answers every query of the dashboard and rules."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry, start_http_server

from reliai.telemetry import Prometheus
from reliai.telemetry.dashboards import Dialect, files_of, objective_of
from tests.servers import free_port, missing
from tests.telemetry._traffic import run_traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OBJECTIVES = ["success=0.999", "answer/latency=0.95@2.56", "validation=0.99", "telemetry=0.999"]
NOT_HERE = {"GPU", "Memory of the GPU"}

_CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{folder}/*.rules.yml"]
scrape_configs:
  - job_name: shop
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


class Server:
    """A Prometheus that answers queries."""

    def __init__(self, address: str) -> None:
        self._address = address

    def get(self, path: str, **parameters: str) -> Any:
        url = f"http://{self._address}{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            if error.code == 503:  # it is not ready yet
                raise
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error

    def query(self, expression: str) -> list[Any]:
        found: list[Any] = self.get("/api/v1/query", query=expression)["result"]
        return found


def until(condition: Callable[[], Any], process: subprocess.Popen[bytes]) -> None:
    pause = threading.Event()
    while True:
        assert process.poll() is None, "Prometheus ended"
        try:
            if condition():
                return
        except OSError:
            pass
        pause.wait(0.2)


@contextmanager
def prometheus_server(folder: Path, port: int) -> Iterator[tuple[Server, Any]]:
    program = shutil.which("prometheus")
    if program is None:
        missing("no Prometheus: install Debian's package prometheus")
    (folder / "prometheus.yml").write_text(_CONFIG.format(folder=folder, port=port))
    address = f"127.0.0.1:{free_port()}"
    command = [str(program), f"--config.file={folder}/prometheus.yml"]
    command += [f"--storage.tsdb.path={folder}/data", f"--web.listen-address={address}"]
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)
    server = Server(address)
    try:
        until(lambda: server.query("vector(1)"), process)
        yield server, process
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_real_prometheus_answers_every_panel_and_takes_every_rule(tmp_path: Path) -> None:
    dialect = Dialect()
    files = files_of(dialect, [objective_of(text, dialect) for text in OBJECTIVES])
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    registry = CollectorRegistry()
    observer = Prometheus(registry, resources=True)
    endpoint, serving = start_http_server(0, "127.0.0.1", registry)
    scrapes = f"sum(count_over_time({dialect.series('call.duration:count')}[1m]))"
    held = [run_traffic(observer)]
    try:
        with prometheus_server(tmp_path, endpoint.server_port) as (server, process):
            until(lambda: server.query(scrapes), process)
            held.append(run_traffic(observer))  # what grows between two scrapes has a rate
            rate = dialect.rate("call.duration:count", over="30s")
            until(lambda: any(float(s["value"][1]) > 0 for s in server.query(rate)), process)
            recorded = 'reliai:slo_bad:ratio_rate5m{slo="all calls: success"}'
            until(lambda: server.query(recorded), process)
            empty = {
                panel["title"]
                for panel in json.loads(files["reliai.dashboard.json"])["panels"]
                for target in panel.get("targets", ())
                if not server.query(asked(target["expr"]))
            }
            groups = server.get("/api/v1/rules")["groups"]
    finally:
        endpoint.shutdown()
        endpoint.server_close()
        serving.join()
        observer.close()
    assert empty <= NOT_HERE
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == sum(text.count("expr:") for text in files.values())
    assert [rule["name"] for rule in rules if rule["health"] == "err"] == []


def asked(expression: str) -> str:
    """An expression as Grafana asks it when everything is chosen."""
    chosen = expression.replace("$job", ".*").replace("$call", ".*")
    return chosen.replace("$__rate_interval", "30s")
