"""One POST at a time over a connection that is kept, by the standard library."""

from __future__ import annotations

import http.client
import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Answer", "Poster"]


class Answer(NamedTuple):
    """What a backend said: its status, and the seconds it asks to wait."""

    status: int
    retry_after: float | None

    @property
    def taken(self) -> bool:
        """Whether the backend has it."""
        return 200 <= self.status < 300

    @property
    def passing(self) -> bool:
        """Whether it may say otherwise later."""
        return self.status in {408, 425, 429} or self.status >= 500


class Poster:
    """Posts to one URL.

    Args:
        url: with http or https.
        where: who asks, for the message.

    Raises:
        ConfigurationError: when it is no such URL.
    """

    def __init__(self, url: str, where: str) -> None:
        parts = urlsplit(url) if isinstance(url, str) else None
        try:
            known = parts is not None and parts.scheme in {"http", "https"} and parts.hostname
            port = parts.port if parts is not None else None
        except ValueError:
            known, port = None, None
        if parts is None or not known:
            message = f"{where}({url!r}): must be a URL with http:// or https://"
            raise ConfigurationError(message)
        self._secure = parts.scheme == "https"
        self._host, self._port = str(parts.hostname), port
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.shown = f"{parts.scheme}://{parts.hostname}{parts.path}"  # without keys and passwords
        self._connection: http.client.HTTPConnection | None = None

    def post(self, body: bytes, headers: Mapping[str, str], timeout: float) -> Answer:
        """Post a body.

        Args:
            body: of the request.
            headers: of the request.
            timeout: seconds for the connection, and for each piece of the answer.

        Raises:
            OSError: when there is no answer.
        """
        known = self._connection is not None
        try:
            return self._once(body, headers, timeout)
        except TimeoutError:
            raise
        except OSError:
            if not known:  # one that was kept may have been closed over there meanwhile
                raise
            return self._once(body, headers, timeout)

    def _once(self, body: bytes, headers: Mapping[str, str], timeout: float) -> Answer:
        connection = self._connection or self._connected(timeout)
        try:
            connection.timeout = timeout
            if connection.sock is not None:
                connection.sock.settimeout(timeout)
            connection.request("POST", self._target, body, dict(headers))
            response = connection.getresponse()
            response.read(65_536)
            if not response.isclosed():  # more than anybody needs to read
                connection.close()
        except http.client.HTTPException as error:
            self.close()
            raise ConnectionError(type(error).__name__) from error
        except BaseException:
            self.close()
            raise
        self._connection = connection
        return Answer(response.status, _seconds(response.headers.get("Retry-After")))

    def _connected(self, timeout: float) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=timeout)

    def close(self) -> None:
        """Let the connection go."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OSError):
                connection.close()


def _seconds(given: str | None) -> float | None:
    """What a Retry-After says, as seconds from now."""
    if given is None:
        return None
    with suppress(ValueError):
        return max(0.0, float(given))
    with suppress(ValueError, TypeError):
        return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
    return None
