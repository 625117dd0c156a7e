"""What each receiver is sent: the form it knows, the same key for a trigger and its end."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import threading
import urllib.request
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

import reliai
from reliai.errors import ConfigurationError
from reliai.monitoring import alerts
from reliai.monitoring._http import post
from reliai.monitoring.alert import Alert
from reliai.monitoring.routing import Routing, Undelivered
from tests.monitoring._alerts import AT, alert, resolved
from tests.monitoring._receiver import Receiver, receiver
from tests.servers import free_port, missing

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def web() -> Iterator[Receiver]:
    with receiver() as started:
        yield started


@pytest.fixture(autouse=True)
def known_service() -> None:
    reliai.configure(service="shop", release="1.1", environment="prod")


def sent(web: Receiver, route: Any, *given: Alert) -> list[Any]:
    for each in given:
        route.send(each)
    return [delivery.json for delivery in web.deliveries]


def test_a_webhook_gets_all_there_is_to_say(web: Receiver) -> None:
    (body,) = sent(web, alerts.webhook(f"{web.url}/hook"), alert())
    assert web.deliveries[0].path == "/hook"
    assert body["version"] == 1
    assert body["time"] == "2023-11-14T22:13:20.000+00:00"
    assert (body["service"], body["environment"]) == ("shop", "prod")
    assert Alert.from_dict({name: body[name] for name in alert().to_dict()}) == alert()


def test_a_delivery_has_one_id_over_its_tries_and_another_for_each_state(web: Receiver) -> None:
    route = alerts.webhook(web.url)
    first, again, over = sent(web, route, alert(), alert(), resolved())
    assert first["id"] == again["id"] != over["id"]
    assert first["key"] == over["key"]
    assert web.deliveries[0].headers["Idempotency-Key"] == first["id"]


KEY = "s3cret"


def test_a_webhook_with_a_secret_is_signed(web: Receiver) -> None:
    headers = {"Authorization": "Bearer x"}
    alerts.webhook(web.url, secret=KEY, headers=headers).send(alert())
    delivery = web.deliveries[0]
    assert delivery.headers["Authorization"] == "Bearer x"
    header = delivery.headers["Reliai-Signature"]
    assert alerts.verify(KEY, header, delivery.body)
    assert not alerts.verify("other", header, delivery.body)
    assert not alerts.verify(KEY, header, delivery.body + b" ")


def test_a_webhook_without_a_secret_is_not_signed(web: Receiver) -> None:
    alerts.webhook(web.url).send(alert())
    assert "Reliai-Signature" not in web.deliveries[0].headers


def test_slack_gets_blocks(web: Receiver) -> None:
    firing, over = sent(web, alerts.slack(web.url), alert(), resolved())
    (attachment,) = firing["attachments"]
    kinds = [block["type"] for block in attachment["blocks"]]
    assert kinds == ["header", "section", "section", "section", "context"]
    said = json.dumps(firing, ensure_ascii=False)
    assert "&amp; &lt;broke&gt;" in said
    assert "release of answer changed from 1.0 to 1.1" in said
    assert "tag:locale=ja · shop · prod" in said
    assert attachment["blocks"][0]["text"]["text"] == "Page: answer slo:success"
    assert over["attachments"][0]["blocks"][0]["text"]["text"].startswith("Resolved: ")
    assert over["attachments"][0]["color"] != attachment["color"]


def test_slack_s_limits_are_kept(web: Receiver) -> None:
    long = alert(
        name="n" * 500, summary="s" * 9000, evidence={f"e{n}": "v" * 4000 for n in range(40)}
    )
    (body,) = sent(web, alerts.slack(web.url), long)
    blocks = body["attachments"][0]["blocks"]
    assert len(blocks[0]["text"]["text"]) == 150
    assert len(blocks[1]["text"]["text"]) == 3000
    assert len(blocks[2]["fields"]) == 10
    assert max(len(each["text"]) for each in blocks[2]["fields"]) == 2000


def test_pagerduty_triggers_and_resolves_by_one_key(web: Receiver) -> None:
    trigger, resolve = sent(web, alerts.pagerduty("R0UT1NG", url=web.url), alert(), resolved())
    assert trigger["event_action"] == "trigger"
    assert trigger["routing_key"] == resolve["routing_key"] == "R0UT1NG"
    payload = trigger["payload"]
    assert (payload["severity"], payload["source"]) == ("critical", "shop")
    assert (payload["component"], payload["class"]) == ("answer", "slo:success")
    assert payload["custom_details"]["long_burn_rate"] == 20.0
    assert payload["custom_details"]["slice"] == "tag:locale=ja"
    assert "changed from 1.0 to 1.1" in payload["custom_details"]["changed_before"][0]
    assert datetime.fromisoformat(payload["timestamp"]).timestamp() == AT
    assert resolve == {
        "routing_key": "R0UT1NG",
        "event_action": "resolve",
        "dedup_key": trigger["dedup_key"],
    }


def test_a_ticket_is_a_warning_in_pagerduty(web: Receiver) -> None:
    (body,) = sent(web, alerts.pagerduty("k", url=web.url), alert(severity="ticket"))
    assert body["payload"]["severity"] == "warning"


def test_alertmanager_gets_labels_that_stay_and_annotations_that_change(web: Receiver) -> None:
    route = alerts.alertmanager(web.url, labels={"cluster": "eu"})
    ((first,), (over,)) = sent(
        web, route, alert(), resolved(summary="over", evidence={"long_burn_rate": 1.0}, changes=())
    )
    assert {each.path for each in web.deliveries} == {"/api/v2/alerts"}
    assert first["labels"] == over["labels"]
    assert first["labels"]["alertname"] == "reliai slo:success"
    assert first["labels"]["cluster"] == "eu"
    assert "release" not in first["labels"]
    assert first["annotations"]["long_burn_rate"] == "20"
    assert "changed from 1.0 to 1.1" in first["annotations"]["changed_before"]
    assert datetime.fromisoformat(over["endsAt"]).timestamp() == AT + 300
    assert datetime.fromisoformat(first["endsAt"]) > datetime.now().astimezone()


def test_alertmanager_s_address_may_name_its_path(web: Receiver) -> None:
    alerts.alertmanager(f"{web.url}/api/v2/alerts").send(alert())
    alerts.alertmanager(f"{web.url}/am/").send(alert())
    assert [each.path for each in web.deliveries] == ["/api/v2/alerts", "/am/api/v2/alerts"]


def test_the_log_says_a_page_as_an_error(caplog: pytest.LogCaptureFixture) -> None:
    route = alerts.log()
    with caplog.at_level(logging.INFO, "reliai.alerts"):
        for each in (alert(), alert(severity="ticket"), alert(severity="info"), resolved()):
            route.send(each)
    levels = [each.levelname for each in caplog.records]
    assert levels == ["ERROR", "WARNING", "INFO", "WARNING"]
    said = caplog.records[0].getMessage()
    assert said.startswith("page firing: answer slo:success [tag:locale=ja]: 2.00% of calls")
    assert "changed from 1.0 to 1.1" in said
    assert vars(caplog.records[0])["alert"]["key"] == "slo-1"


def test_a_function_is_called_with_the_alert() -> None:
    taken: list[Alert] = []
    alerts.call(taken.append).send(alert())
    assert taken == [alert()]


def test_texts_of_any_characters_are_sent(web: Receiver) -> None:
    (body,) = sent(web, alerts.webhook(web.url), alert(summary="日本語 \ud800 \x00"))
    assert body["summary"].startswith("日本語 ?")


def test_what_answers_no_http_is_a_failure() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            line, _ = server.accept()
            with line:
                line.recv(65536)
                line.sendall(b"SSH-2.0-x\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(Undelivered) as caught:
            post(f"http://127.0.0.1:{server.getsockname()[1]}", b"{}", timeout=5)
        thread.join()
    assert caught.value.again


BAD_SETTINGS: list[tuple[Any, str]] = [
    (lambda: alerts.webhook("ftp://x"), r"alerts.webhook\(url=…\): must begin with https"),
    (lambda: alerts.slack("hooks.slack.com/SECRET"), r"alerts.slack\(url=…\)"),
    (lambda: alerts.webhook("http://x", secret=""), "secret"),
    (lambda: alerts.webhook("http://x", timeout=0), r"timeout=0\): must be seconds"),
    (lambda: alerts.pagerduty(""), "routing_key"),
    (lambda: alerts.alertmanager("http://x", resend=400), "resend=400.*below resolve_timeout"),
    (lambda: alerts.log(severities={"critical"}), "critical.*use some of 'page'"),
    (lambda: alerts.log(severities=()), "severities"),
    (lambda: alerts.log(severities=cast("Any", 5)), "severities=5: use some of 'page'"),
    (lambda: alerts.log(severities=cast("Any", [[]])), "use some of 'page'"),
    (lambda: alerts.log(cast("Any", "page")), r"log\('page'\): is no logger"),
    (lambda: alerts.call(cast("Any", "print")), "give a function"),
]


@pytest.mark.parametrize(("make", "says"), BAD_SETTINGS, ids=map(str, range(len(BAD_SETTINGS))))
def test_bad_settings_are_named(make: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        make()
    assert "SECRET" not in str(caught.value)


TEMPLATES = "/usr/share/prometheus/alertmanager"


def _with_its_templates(program: Path, folder: Path) -> Path:
    """Debian's program reads its templates from one place, also where it was only unpacked."""
    found = program.resolve().parents[2] / TEMPLATES[1:]
    if Path(TEMPLATES).exists() or not found.exists():
        return program
    here = b"." + b"/" * (len(TEMPLATES) - 1)  # as long, and it is where the program runs
    moved = folder / "alertmanager"
    moved.write_bytes(program.read_bytes().replace(TEMPLATES.encode(), here))
    moved.chmod(0o755)
    for template in found.glob("*.tmpl"):
        shutil.copy(template, folder)
    return moved


@contextmanager
def alertmanager_server(folder: Path) -> Iterator[str]:
    """A real Alertmanager; its address."""
    installed = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if installed is None:
        missing("no Alertmanager: install Debian's package prometheus-alertmanager")
    program = _with_its_templates(Path(str(installed)), folder)
    settings = folder / "alertmanager.yml"
    settings.write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    address = f"127.0.0.1:{free_port()}"
    command = [str(program), f"--config.file={settings}", f"--storage.path={folder / 'data'}"]
    command += [f"--web.listen-address={address}", "--cluster.listen-address="]
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)
    try:
        pause = threading.Event()
        while process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://{address}/-/ready", timeout=5):
                    break
            except OSError:
                pause.wait(0.05)
        assert process.poll() is None, log.read_text()
        yield f"http://{address}"
    finally:
        process.kill()
        process.wait()


def test_a_real_alertmanager_holds_one_alert_until_it_is_resolved(tmp_path: Path) -> None:
    with alertmanager_server(tmp_path) as url:

        def held() -> list[Any]:
            with urllib.request.urlopen(f"{url}/api/v2/alerts") as answer:  # noqa: S310  ours
                found: list[Any] = json.load(answer)
                return found

        import time

        now = time.time()
        routing = Routing([alerts.alertmanager(url, resend=0.05)])
        routing.put(alert(at=now))
        assert routing.flush(20)
        (firing,) = held()
        assert firing["labels"]["alertname"] == "reliai slo:success"
        assert firing["status"]["state"] in {"active", "unprocessed"}
        routing.put(alert(key="slo-2", signal="slo:latency", at=now))
        assert routing.flush(20)
        assert len(held()) == 2
        routing.put(resolved(at=now + 0.001))
        assert routing.flush(20)
        assert [each["labels"]["signal"] for each in held()] == ["slo:latency"]
        routing.put(resolved(key="slo-2", signal="slo:latency", at=now + 0.001))
        assert routing.flush(20)
        assert held() == []
        assert routing.counts.failed == 0
