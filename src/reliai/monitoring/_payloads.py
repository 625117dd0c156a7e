"""What receivers of alerts are sent, each in the form it knows. Pure: alert in, plain data out."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reliai._core.settings import Identity
    from reliai.monitoring.alert import Alert, Change

__all__ = ["alertmanager", "change_text", "delivery_id", "pagerduty", "slack", "webhook"]

VERSION = 1
"""Of the shape that webhooks are sent."""

_COLOURS = {"page": "#c0392b", "ticket": "#e67e22", "info": "#2980b9"}
_PAGERDUTY = {"page": "critical", "ticket": "warning", "info": "info"}


def delivery_id(alert: Alert) -> str:
    """The same for each try of one delivery, and another for each change of state."""
    said = f"{alert.key}\0{alert.state}\0{alert.at}"
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def webhook(alert: Alert, identity: Identity) -> dict[str, Any]:
    """All there is to say, as JSON."""
    return {
        "version": VERSION,
        "id": delivery_id(alert),
        **alert.to_dict(),
        "time": _iso(alert.at),
        **_known(identity),
    }


def pagerduty(alert: Alert, identity: Identity, routing_key: str) -> dict[str, Any]:
    """An event of PagerDuty's Events API v2."""
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "dedup_key": alert.key[:255],
        "event_action": "resolve" if alert.state == "resolved" else "trigger",
    }
    if alert.state == "resolved":
        return event
    details: dict[str, Any] = {"signal": alert.signal, **alert.evidence}
    if alert.slice:
        details["slice"] = alert.slice
    if alert.changes:
        details["changed_before"] = [change_text(change) for change in alert.changes]
    event["client"] = "reliai"
    event["payload"] = {
        "summary": _cut(alert.summary, 1024),
        "source": identity.service or alert.name,
        "severity": _PAGERDUTY[alert.severity],
        "timestamp": _iso(alert.at),
        "component": alert.name,
        "group": identity.environment or "",
        "class": alert.signal,
        "custom_details": details,
    }
    return event


def slack(alert: Alert, identity: Identity) -> dict[str, Any]:
    """A message of Slack, in blocks."""
    over = alert.state == "resolved"
    title = f"{'Resolved' if over else alert.severity.capitalize()}: {alert.name} {alert.signal}"
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(title, 150)}},
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": _cut(_escaped(alert.summary), 3000)},
        },
    ]
    numbers = [
        {"type": "mrkdwn", "text": _cut(f"*{_escaped(name)}*\n{_escaped(_short(value))}", 2000)}
        for name, value in alert.evidence.items()
    ]
    if numbers and not over:
        blocks.append({"type": "section", "fields": numbers[:10]})
    if alert.changes and not over:
        lines = "\n".join(f"• {_escaped(change_text(change))}" for change in alert.changes[:10])
        said = _cut(f"*Changed shortly before*\n{lines}", 3000)
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": said}})
    where = [alert.slice, *_known(identity).values(), _iso(alert.at)]
    footer = _cut(_escaped(" · ".join(filter(None, where))), 2000)
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": footer}]})
    colour = "#27ae60" if over else _COLOURS[alert.severity]
    return {
        "text": _cut(_escaped(f"{title}: {alert.summary}"), 3000),
        "attachments": [{"color": colour, "blocks": blocks}],
    }


def alertmanager(
    alert: Alert, identity: Identity, labels: Mapping[str, str], ends_at: float
) -> dict[str, Any]:
    """An alert of Alertmanager's API v2: labels say which it is, annotations what of it."""
    said = {
        "alertname": f"reliai {alert.signal}",
        "severity": alert.severity,
        "name": alert.name,
        "signal": alert.signal,
        "slice": alert.slice,
        "key": alert.key,
        **_known(identity),
        **labels,
    }
    notes = {name: _short(value) for name, value in alert.evidence.items()}
    changed = "; ".join(change_text(change) for change in alert.changes)
    return {
        "labels": {name: value for name, value in said.items() if value},
        "annotations": {
            "summary": alert.summary,
            **notes,
            **({"changed_before": changed} if changed else {}),
        },
        "startsAt": _iso(min(alert.at, ends_at)),
        "endsAt": _iso(ends_at),
    }


def change_text(change: Change) -> str:
    """A change of what runs, in words."""
    before = "" if change.before is None else f" from {change.before}"
    what = change.kind if change.kind == change.name else f"{change.kind} of {change.name}"
    return f"{what} changed{before} to {change.after} at {_iso(change.at)}"


def _known(identity: Identity) -> dict[str, str]:
    # The release is left out: what fires would be another alert after each deployment.
    named = {"service": identity.service, "environment": identity.environment}
    return {name: value for name, value in named.items() if value}


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
