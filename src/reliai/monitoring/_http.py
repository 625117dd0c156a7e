"""Posting JSON to a receiver of alerts; what went wrong is said without its address, a secret."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

from reliai.errors import ConfigurationError
from reliai.monitoring.routing import Undelivered

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["checked_timeout", "checked_url", "encoded", "host_of", "post"]

_AGAIN = {408, 425, 429}


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET without its body."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects)


def checked_url(where: str, url: Any) -> str:
    """`url`, when it is an address of the web.

    Raises:
        ConfigurationError: when it is none. It is not quoted: it may hold a secret.
    """
    parts = urllib.parse.urlsplit(url) if isinstance(url, str) else None
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(f"{where}(url=…): must begin with https:// or http:// and a host")
    return str(url)


def checked_timeout(where: str, timeout: Any) -> float:
    """`timeout`, when it is a number of seconds.

    Raises:
        ConfigurationError: when it is none, or not in (0, 60].
    """
    if not isinstance(timeout, int | float) or not 0 < timeout <= 60:
        raise ConfigurationError(f"{where}(timeout={timeout!r}): must be seconds in (0, 60]")
    return float(timeout)


def host_of(url: str) -> str:
    """What may be shown of an address."""
    return urllib.parse.urlsplit(url).netloc.rpartition("@")[2]


def encoded(body: Any) -> bytes:
    """JSON, in UTF-8."""
    return json.dumps(body, default=str, ensure_ascii=False).encode(errors="replace")


def post(
    url: str, body: bytes, *, timeout: float, headers: Mapping[str, str] | None = None
) -> None:
    """Post a body of JSON.

    Args:
        url: where to.
        body: the JSON.
        timeout: seconds for the connection and for each answer of it.
        headers: further ones.

    Raises:
        Undelivered: when it was not taken; says whether to try again.
    """
    sent = {"Content-Type": "application/json", "User-Agent": "reliai", **(headers or {})}
    request = urllib.request.Request(url, data=body, headers=sent, method="POST")  # noqa: S310  checked_url looked
    try:
        with _opener.open(request, timeout=timeout):
            return
    except urllib.error.HTTPError as error:
        with error:
            again = error.code >= 500 or error.code in _AGAIN
            wait = _seconds(error.headers.get("Retry-After"))
            said = f"{host_of(url)} answered {error.code}"
        raise Undelivered(said, again=again, wait=wait) from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        said = f"{host_of(url)} cannot be reached: {type(reason).__name__}"
        raise Undelivered(said) from None
    except Exception as error:  # noqa: BLE001  what http.client raises of a broken answer
        raise Undelivered(f"{host_of(url)} answered no HTTP: {type(error).__name__}") from None


def _seconds(header: str | None) -> float | None:
    try:
        return None if header is None else max(0.0, float(header))
    except ValueError:
        return None  # a date; the backoff is as good
