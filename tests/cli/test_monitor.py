"""`reliai monitor`: the state of things from either database, or from a running process."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

import reliai
from reliai.cli.app import app
from reliai.cli.monitor_views import sparkline
from reliai.monitoring import Monitor, signals
from reliai.monitoring.following import seq_before
from reliai.records import RecordStore
from tests.servers import PostgresServer, postgres_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of its own for each test."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/records.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "220")


def fill(url: str, *, good: int = 40, bad: int = 0) -> None:
    store = RecordStore(url)

    @reliai.reliable(name="answer", observers=[store])
    def answer(prompt: str, error: Exception | None = None) -> str:
        reliai.usage(model="m", input_tokens=10, output_tokens=5, cost_usd=0.25)
        if error:
            raise error
        return prompt

    for _ in range(good):
        answer("x")
    for _ in range(bad):
        reliai.execute(answer, "x", ValueError("odd"))
    reliai.flush(30)
    store.close()


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["monitor", *arguments])
    return done.exit_code, done.output


def state(*arguments: str) -> tuple[int, dict[str, Any]]:
    code, said = run(*arguments, "--json")
    return code, json.loads(said)


def test_calls_that_go_well_are_shown_and_all_is_quiet(url: str) -> None:
    fill(url)
    code, said = run("--store", url)
    assert code == 0, said
    row = next(line.split() for line in said.splitlines() if line.startswith("  answer"))
    assert row[:2] == ["answer", "40"]
    assert row[3] == "0.00%"
    assert "600" in row
    assert "$10" in row
    assert "█" in said
    assert "all calls: success (burn-in)" in said


@pytest.mark.parametrize("columns", [80, 100, 140])
def test_a_narrow_terminal_gets_what_matters_most(
    columns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    fill(url, bad=40)
    monkeypatch.setenv("COLUMNS", str(columns))
    _, said = run("--store", url, "--slo", "answer/success=0.99")
    rows = [line for line in said.splitlines() if line.startswith("  answer")]
    assert "50.00%" in rows[0]
    assert "…" not in rows[0] + rows[1]
    assert max(map(len, said.splitlines())) <= columns
    assert "firing" in rows[1]


def test_names_and_slices_give_way_in_a_narrow_terminal_and_no_number_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    store = RecordStore(url)

    @reliai.reliable(name="shop.support.answering.answer", observers=[store])
    def answer(prompt: str) -> str:
        reliai.usage(model="m", input_tokens=10, output_tokens=5, cost_usd=0.012341)
        return prompt

    with reliai.context(tags={"department": "support-of-the-whole-company"}):
        for _ in range(40):
            answer("x")
    store.close()
    monkeypatch.setenv("COLUMNS", "80")
    said = run("--store", url, "--slice", "tag:department")[1].splitlines()
    calls = next(row for row in said if "$" in row)
    costs = next(row for row in said if " cost " in row and "40" in row)
    assert "0.00%" in calls
    assert "$0.4936" in calls
    assert costs.split()[-3:] == ["insufficient", "40", "0.01234"]
    assert max(map(len, said)) <= 80


def test_a_cost_that_nobody_knows_is_not_shown_as_0(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    store = RecordStore(url)

    @reliai.reliable(name="answer", observers=[store])
    def answer(prompt: str) -> str:
        return prompt

    answer("x")
    store.close()
    assert "$" not in run("--store", url)[1]


def test_a_store_that_cannot_be_read_is_no_page() -> None:
    for store in (__file__, "postgresql+psycopg://nobody@127.0.0.1:1/none"):
        code, said = run("--store", store)
        assert code == 2
        assert "the record store cannot be read" in said


def test_why_a_store_cannot_be_read_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    _, said = run("--store", "postgresql+psycopg://nobody@127.0.0.1:1/none")
    assert len(said.splitlines()) == 1
    assert caplog.messages == []


def test_a_page_that_fires_ends_with_1_and_says_why(url: str) -> None:
    fill(url, bad=40)
    code, said = run("--store", url, "--slo", "success=0.99")
    assert code == 1
    assert "50.00% of calls failed in the last 1h" in said
    assert "long_bad=40, long_events=80" in said
    page = next(line for line in said.splitlines() if line.startswith("  page"))
    assert "all calls: success: 50.00%" in page


def test_what_fires_says_what_changed_just_before(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    reliai.configure(release="1.0")
    fill(url)
    reliai.configure(release="1.1")
    fill(url, good=0, bad=40)
    _, said = run("--store", url, "--slo", "success=0.99")
    assert "release: 1.0 → 1.1" in said


def test_json_has_all_of_it(url: str) -> None:
    fill(url, bad=10)
    code, found = state("--store", url, "--slo", "answer/success=0.9")
    assert code == 1
    assert found["calls"]["answer"]["count"] == 50
    assert found["slos"][0]["name"] == "answer: success"
    assert {alert["severity"] for alert in found["alerts"]} <= {"page", "ticket", "info"}
    assert "fields" not in found


def test_two_targets_of_one_objective_are_told_apart(url: str) -> None:
    fill(url)
    _, found = state("--store", url, "--slo", "success=0.9", "--slo", "success=0.99")
    assert [slo["name"] for slo in found["slos"]] == ["success=0.9", "success=0.99"]


def test_a_target_that_nobody_set_alarms_nobody(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    fill(url, bad=40)
    code, found = state("--store", url)
    objectives = [alert for alert in found["alerts"] if alert["signal"] == "slo:success"]
    assert all(alert["muted"] for alert in objectives)
    assert objectives
    assert code == 0


def test_only_calls_since_then_are_looked_at(url: str) -> None:
    fill(url, good=30)
    store = RecordStore(url)
    middle = store.calls(limit=None)[14].started_at
    store.close()
    _, found = state("--store", url, "--since", datetime.fromtimestamp(middle, UTC).isoformat())
    assert 10 <= found["calls"]["answer"]["count"] <= 20


def test_slices_are_looked_at(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    store = RecordStore(url)

    @reliai.reliable(name="answer", tags={"team": "a"}, observers=[store])
    def answer() -> str:
        return "x"

    answer()
    reliai.flush(30)
    store.close()
    _, found = state("--store", url, "--slice", "tag:team")
    assert "tag:team=a" in {row["slice"] for row in found["signals"]}


def test_without_calls_it_ends_with_5(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    RecordStore(url).close()
    code, said = run("--store", url)
    assert code == 5
    assert "no calls" in said


def test_the_search_for_the_first_call_skips_the_older_ones(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    fill(url, good=50)
    store = RecordStore(url)
    calls = sorted(store.calls(limit=None), key=lambda call: call.seq)
    assert seq_before(store, calls[20].started_at) == calls[19].seq
    assert seq_before(store, 0.0) == 0
    assert seq_before(store, time.time() + 1) == calls[-1].seq
    store.close()


@pytest.fixture
def snapshot() -> dict[str, Any]:
    """What a running process would show."""
    monitor = Monitor(signals=[signals.errors()], alerts=[])

    @reliai.reliable(name="answer", observers=[monitor])
    def answer() -> str:
        return "x"

    for _ in range(5):
        answer()
    reliai.flush(30)
    return monitor.snapshot()


def test_a_snapshot_of_a_process_is_shown(snapshot: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "snapshot.json"
    file.write_text(json.dumps(snapshot))
    code, said = run("--snapshot", str(file))
    assert code == 0
    assert "answer errors" in " ".join(said.split())
    assert "insufficient" in said


def test_alerts_that_did_not_arrive_are_shown(snapshot: dict[str, Any], tmp_path: Path) -> None:
    counts = {"sent": 3, "failed": 2, "dropped": 0, "pending": 0}
    snapshot["routes"] = [{"route": "alerts.slack(hooks.slack.com)", **counts}]
    file = tmp_path / "snapshot.json"
    file.write_text(json.dumps(snapshot))
    _, said = run("--snapshot", str(file))
    assert "alerts.slack(hooks.slack.com) 3 2 0" in " ".join(said.split())


def test_a_snapshot_is_read_from_an_address(snapshot: dict[str, Any]) -> None:
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(snapshot).encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its name there
            """Nothing on the terminal."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        code, found = state("--snapshot", f"http://127.0.0.1:{server.server_port}/")
        thread.join()
    assert code == 0
    assert found["calls"]["answer"]["count"] == 5


def test_watching_shows_what_is_new_until_it_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    fill(url, good=3)
    more = [4, 0]

    def nap(_: float) -> None:
        if not more:
            raise KeyboardInterrupt
        fill(url, good=more.pop(0))

    monkeypatch.setattr("reliai.cli.monitor.time.sleep", nap)
    code, said = run("--store", url, "--watch", "--json")
    looks = [json.loads(line)["calls"]["answer"]["count"] for line in said.splitlines()]
    assert looks == [3, 7, 7]
    assert code == 0


def test_watching_redraws_the_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    fill(url, good=3)

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("reliai.cli.monitor.time.sleep", stop)
    code, said = run("--store", url, "--watch")
    assert code == 0
    assert "answer" in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--store", "nowhere.db"), "there is no record store nowhere.db"),
        (("--snapshot", "nowhere.json"), "cannot be read"),
        (("--snapshot", "x", "--slo", "success=0.9"), "leave --store, --slo and --slice out"),
        (("--since", "yesterday"), "--since 'yesterday'"),
        (("--slo", "speed"), "--slo 'speed'"),
        (("--slo", "speed"), "first_chunk, cost, tokens, validation, guard, refusal, score:NAME\n"),
        (("--slo", "latency=0.9"), "give a number of seconds"),
        (("--slice", "colour"), "colour"),
    ],
)
def test_what_cannot_be_done_is_said_with_exit_code_2(
    arguments: tuple[str, ...], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    RecordStore("sqlite:///reliai.db").close()
    code, said = run(*arguments)
    assert code == 2
    assert says in said


def test_a_file_that_is_no_snapshot_is_named(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text("[1]")
    code, said = run("--snapshot", str(file))
    assert code == 2
    assert "is not what monitor.snapshot() gives" in said


def test_a_line_of_bars() -> None:
    assert sparkline([0, 1, 2, None, 7]) == "▁▂▃ █"
    assert sparkline([]) == ""
    assert sparkline([0, 0]) == "▁▁"
