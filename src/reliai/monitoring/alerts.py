"""Where alerts go: the log, a function, a webhook, Slack, PagerDuty, Alertmanager.

Each of these makes a route for `Monitor(alerts=[…])`. A route delivers one alert at a time and
raises when it cannot; trying again is the business of `routing`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from reliai._core.settings import settings
from reliai.errors import ConfigurationError
from reliai.monitoring import _payloads
from reliai.monitoring._http import checked_timeout, checked_url, encoded, host_of, post
from reliai.monitoring.alert import SEVERITIES
from reliai.telemetry._signing import HEADER, signature, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reliai.monitoring.alert import Alert

__all__ = [
    "PAGERDUTY",
    "alertmanager",
    "call",
    "log",
    "pagerduty",
    "slack",
    "verify",
    "webhook",
]

PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"


class _Route:
    """What all routes share: the severities they want."""

    resend: float | None = None

    def __init__(self, what: str, severities: Iterable[str] | None) -> None:
        self._what = what
        self.severities = _checked_severities(what, severities)

    def send(self, alert: Alert) -> None:
        """Deliver an alert.

        Raises:
            Undelivered: when the receiver did not take it.
        """
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"alerts.{self._what}"


class _Log(_Route):
    def __init__(self, logger: logging.Logger | None, severities: Iterable[str] | None) -> None:
        if logger is not None and not callable(getattr(logger, "log", None)):
            raise ConfigurationError(
                f"alerts.log({logger!r}): is no logger; give one of logging.getLogger(), or leave "
                "it out"
            )
        super().__init__("log()", severities)
        self._logger = logger or logging.getLogger("reliai.alerts")

    def send(self, alert: Alert) -> None:
        where = f" [{alert.slice}]" if alert.slice else ""
        self._logger.log(
            _level(alert),
            "%s %s: %s %s%s: %s",
            alert.severity,
            alert.state,
            alert.name,
            alert.signal,
            where,
            "; ".join([alert.summary, *map(_payloads.change_text, alert.changes)]),
            extra={"alert": alert.to_dict()},
        )


def _level(alert: Alert) -> int:
    """Whoever sees an alert begin sees it end: by default the log leaves out what is below."""
    if alert.severity == "info":
        return logging.INFO
    page = alert.severity == "page" and alert.state == "firing"
    return logging.ERROR if page else logging.WARNING


class _Call(_Route):
    def __init__(self, function: Callable[[Alert], object], severities: Any) -> None:
        if not callable(function):
            raise ConfigurationError(f"alerts.call({function!r}): give a function of the alert")
        super().__init__(f"call({getattr(function, '__name__', function)})", severities)
        self._function = function

    def send(self, alert: Alert) -> None:
        self._function(alert)


class _Web(_Route):
    """A receiver that takes JSON by POST."""

    def __init__(
        self, what: str, url: str, timeout: float, severities: Iterable[str] | None
    ) -> None:
        self.url = checked_url(f"alerts.{what}", url)
        self.timeout = checked_timeout(f"alerts.{what}", timeout)
        super().__init__(f"{what}({host_of(url)})", severities)

    def send(self, alert: Alert) -> None:
        body = encoded(self.body(alert))
        post(self.url, body, timeout=self.timeout, headers=self.headers(alert, body))

    def body(self, alert: Alert) -> Any:
        """What is sent, as plain data."""
        raise NotImplementedError

    def headers(self, alert: Alert, body: bytes) -> Mapping[str, str]:
        """What goes with it."""
        return {}


class _Webhook(_Web):
    def __init__(
        self,
        url: str,
        secret: str | None,
        headers: Mapping[str, str],
        timeout: float,
        severities: Iterable[str] | None,
    ) -> None:
        super().__init__("webhook", url, timeout, severities)
        if secret is not None and not (isinstance(secret, str) and secret):
            raise ConfigurationError("alerts.webhook(secret=…): must be text, or None")
        self._secret = secret
        self._headers = dict(headers)

    def body(self, alert: Alert) -> dict[str, Any]:
        return _payloads.webhook(alert, settings.identity)

    def headers(self, alert: Alert, body: bytes) -> Mapping[str, str]:
        told = {"Idempotency-Key": _payloads.delivery_id(alert), **self._headers}
        if self._secret is None:
            return told
        return {**told, HEADER: signature(self._secret, body, int(time.time()))}


class _Slack(_Web):
    def body(self, alert: Alert) -> dict[str, Any]:
        return _payloads.slack(alert, settings.identity)


class _PagerDuty(_Web):
    def __init__(
        self, routing_key: str, url: str, timeout: float, severities: Iterable[str] | None
    ) -> None:
        super().__init__("pagerduty", url, timeout, severities)
        if not isinstance(routing_key, str) or not routing_key:
            raise ConfigurationError("alerts.pagerduty(routing_key=…): give the integration's key")
        self._routing_key = routing_key

    def body(self, alert: Alert) -> dict[str, Any]:
        return _payloads.pagerduty(alert, settings.identity, self._routing_key)


class _Alertmanager(_Web):
    def __init__(
        self,
        url: str,
        *,
        labels: Mapping[str, str],
        resend: float,
        resolve_timeout: float,
        timeout: float,
        severities: Iterable[str] | None,
    ) -> None:
        super().__init__("alertmanager", url, timeout, severities)
        if not 0 < resend < resolve_timeout:
            raise ConfigurationError(
                f"alerts.alertmanager(resend={resend!r}, resolve_timeout={resolve_timeout!r}): "
                "resend must be seconds above 0 and below resolve_timeout"
            )
        self.url = url.rstrip("/").removesuffix("/api/v2/alerts") + "/api/v2/alerts"
        self._labels = {str(name): str(value) for name, value in labels.items()}
        self.resend = resend
        self._resolve_timeout = resolve_timeout

    def body(self, alert: Alert) -> list[dict[str, Any]]:
        ends = alert.at if alert.state == "resolved" else time.time() + self._resolve_timeout
        return [_payloads.alertmanager(alert, settings.identity, self._labels, ends)]


def log(logger: logging.Logger | None = None, *, severities: Iterable[str] | None = None) -> _Route:
    """Write alerts into the log: a page as an error, a ticket as a warning.

    Args:
        logger: by default the logger "reliai.alerts". Records have the alert as `alert`.
        severities: those that go there: of "page", "ticket", "info"; None for all.

    Raises:
        ConfigurationError: for an unknown severity.
    """
    return _Log(logger, severities)


def call(function: Callable[[Alert], object], *, severities: Iterable[str] | None = None) -> _Route:
    """Call a function with each alert, on the sender's thread; when it raises, it is called again.

    Args:
        function: `f(alert)`.
        severities: those that go there; None for all.

    Raises:
        ConfigurationError: when it is no function, or for an unknown severity.
    """
    return _Call(function, severities)


def webhook(
    url: str,
    *,
    secret: str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 5.0,
    severities: Iterable[str] | None = None,
) -> _Route:
    """Post alerts as JSON, signed in `Reliai-Signature` when there is a secret (see `verify`).

    Args:
        url: where to.
        secret: the key of the signature; None for none.
        headers: further ones, such as an authorization.
        timeout: seconds for each step of a delivery.
        severities: those that go there; None for all.

    Raises:
        ConfigurationError: for an address, a number or a severity that is none.
    """
    return _Webhook(url, secret, headers or {}, timeout, severities)


def slack(url: str, *, timeout: float = 5.0, severities: Iterable[str] | None = None) -> _Route:
    """Post alerts into a channel of Slack, by an incoming webhook.

    Args:
        url: the webhook's address; a secret, so it is never shown.
        timeout: seconds for each step of a delivery.
        severities: those that go there; None for all.

    Raises:
        ConfigurationError: for an address, a number or a severity that is none.
    """
    return _Slack("slack", url, timeout, severities)


def pagerduty(
    routing_key: str,
    *,
    url: str = PAGERDUTY,
    timeout: float = 5.0,
    severities: Iterable[str] | None = None,
) -> _Route:
    """Trigger and resolve incidents in PagerDuty (Events API v2), one for each key.

    Args:
        routing_key: the integration key of the service there.
        url: where to; another one for the EU region.
        timeout: seconds for each step of a delivery.
        severities: those that go there; None for all.

    Raises:
        ConfigurationError: for a key, an address, a number or a severity that is none.
    """
    return _PagerDuty(routing_key, url, timeout, severities)


def alertmanager(
    url: str,
    *,
    labels: Mapping[str, str] | None = None,
    resend: float = 60.0,
    resolve_timeout: float = 300.0,
    timeout: float = 5.0,
    severities: Iterable[str] | None = None,
) -> _Route:
    """Hand alerts to an Alertmanager (API v2), which groups, silences and routes them.

    What fires is sent again until it is resolved; when this process ends, Alertmanager lets it end
    after `resolve_timeout`.

    Args:
        url: of the Alertmanager.
        labels: further labels of each alert, such as a cluster.
        resend: seconds after which what still fires is sent again.
        resolve_timeout: seconds after which it ends when it is not sent again.
        timeout: seconds for each step of a delivery.
        severities: those that go there; None for all.

    Raises:
        ConfigurationError: for an address, a number or a severity that is none.
    """
    return _Alertmanager(
        url,
        labels=labels or {},
        resend=resend,
        resolve_timeout=resolve_timeout,
        timeout=timeout,
        severities=severities,
    )


def _checked_severities(what: str, given: Any) -> frozenset[str] | None:
    if given is None:
        return None
    one = isinstance(given, str) or not isinstance(given, Iterable)
    wanted: list[Any] = [given] if one else list(given)
    if not wanted or not all(each in SEVERITIES for each in wanted):
        raise ConfigurationError(
            f"alerts.{what}: severities={given!r}: use some of {', '.join(map(repr, SEVERITIES))}"
        )
    return frozenset(wanted)
