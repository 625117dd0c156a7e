"""A state for many hosts: a Redis, through redis-py. Each step is one Lua script, so atomic.

Times are the server's. Keys begin with a prefix, so that several applications can share a server;
they need not lie in one slot of a cluster, so a Redis Cluster is not supported.
"""

from __future__ import annotations

import json
from threading import Lock
from typing import TYPE_CHECKING, Any

from reliai._core.forking import renew_after_fork
from reliai._core.urls import unquoted, without_password
from reliai.errors import ConfigurationError
from reliai.state._scripts import SCRIPTS
from reliai.state.base import (
    PATIENT,
    PROMPT,
    Counted,
    Entry,
    Exchanged,
    StateUnavailable,
    Taken,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reliai.state.base import Count

__all__ = ["RedisState"]


class RedisState:
    """A state in a Redis server (6.0 or newer) that all hosts reach.

    Args:
        url: as redis-py takes it: `redis://host:6379/0`, `rediss://…`, `unix://…`.
        prefix: what all keys begin with.

    Raises:
        ConfigurationError: when redis-py is not installed or cannot read the URL.
    """

    shared = True

    def __init__(self, url: str, prefix: str = "reliai") -> None:
        self._url = url
        self._prefix = f"{prefix}:"
        self._lock = Lock()
        self._clients: dict[float, Any] = {}
        self._redis = _redis_py()
        try:
            self._client(PROMPT)
        except (ValueError, TypeError) as error:
            message = f"state={without_password(url)!r} is no URL of a Redis: {unquoted(error)}"
            raise ConfigurationError(message) from None
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = Lock()
        self._clients = {}

    def exchange(
        self, counts: Sequence[Count], keys: Sequence[str], *, within: float = PATIENT
    ) -> Exchanged:
        places = [self._key("n", count.key) for count in counts]
        places += [self._key("v", key) for key in keys]
        asked = [[c.bucket, c.width, c.keep, [float(a) for a in c.amounts]] for c in counts]
        now, found, values = self._run("exchange", within, places, json.dumps(asked))
        entries = {
            key: None if value is None else Entry(value, int(version))
            for key, (value, version) in zip(keys, values, strict=True)
        }
        keyed = zip(counts, found, strict=True)
        return Exchanged(float(now), {c.key: _buckets(each) for c, each in keyed}, entries)

    def reserve(
        self, count: Count, caps: tuple[float, ...], *, within: float = PROMPT
    ) -> tuple[bool, Counted]:
        asked = [count.bucket, count.width, count.keep, [float(a) for a in count.amounts]]
        limits = [None if cap == float("inf") else cap for cap in caps]
        given = json.dumps(asked), json.dumps(limits)
        fits, found = self._run("reserve", within, [self._key("n", count.key)], *given)
        return bool(fits), _buckets(found)

    def take(
        self,
        key: str,
        amount: float,
        rate: float,
        capacity: float,
        *,
        partly: bool = False,
        within: float = PROMPT,
    ) -> Taken:
        given = amount, rate, capacity, int(partly)
        found = self._run("take", within, [self._key("b", key)], *given)
        return Taken(*(float(each) for each in found))

    def correct(
        self, key: str, amount: float, rate: float, capacity: float, *, within: float = PATIENT
    ) -> float:
        given = amount, rate, capacity, 2
        return float(self._run("take", within, [self._key("b", key)], *given)[1])

    def get(self, key: str, *, within: float = PROMPT) -> Entry | None:
        found = self._command(within, "HMGET", self._key("v", key), "value", "version")
        return None if found[0] is None else Entry(found[0], int(found[1]))

    def put(
        self,
        key: str,
        value: bytes,
        *,
        ttl: float | None = None,
        expected: int | None = None,
        within: float = PROMPT,
    ) -> int | None:
        given = value, -1 if ttl is None else int(ttl * 1000), -1 if expected is None else expected
        version = int(self._run("put", within, [self._key("v", key)], *given))
        return version or None

    def delete(self, key: str, *, within: float = PROMPT) -> None:
        self._command(within, "DEL", self._key("v", key))

    def lease(self, key: str, owner: str, ttl: float, *, within: float = PROMPT) -> int | None:
        given = owner, int(ttl * 1000)
        return int(self._run("lease", within, [self._key("l", key)], *given)) or None

    def release(self, key: str, owner: str, *, within: float = PROMPT) -> None:
        self._run("release", within, [self._key("l", key)], owner)

    def close(self) -> None:
        with self._lock:
            clients, self._clients = self._clients, {}
        for client, _ in clients.values():
            client.close()

    def __del__(self) -> None:
        try:  # noqa: SIM105  contextlib is gone when the interpreter ends
            self.close()
        except Exception:  # noqa: BLE001, S110  it was half made, or the interpreter ends
            pass

    def _key(self, kind: str, key: str) -> str:
        return f"{self._prefix}{kind}:{key}"

    def _run(self, name: str, within: float, keys: list[str], *given: Any) -> Any:
        _, scripts = self._client(within)
        try:
            return scripts[name](keys=keys, args=given)
        except (self._redis.RedisError, OSError) as error:
            raise self._unavailable(error) from error

    def _command(self, within: float, *words: Any) -> Any:
        client, _ = self._client(within)
        try:
            return client.execute_command(*words)
        except (self._redis.RedisError, OSError) as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> StateUnavailable:
        return StateUnavailable(f"{without_password(self._url)}: {error}")

    def _client(self, within: float) -> tuple[Any, dict[str, Any]]:
        """A client whose every step takes at most `within` seconds, with the scripts on it."""
        known: tuple[Any, dict[str, Any]] | None = self._clients.get(within)
        if known is not None:
            return known
        with self._lock:
            made = self._redis.Redis.from_url(
                self._url,
                socket_timeout=within,
                socket_connect_timeout=within,
                retry=self._redis.retry.Retry(self._redis.backoff.NoBackoff(), 0),
                decode_responses=False,
            )
            scripts = {name: made.register_script(text) for name, text in SCRIPTS.items()}
            self._clients[within] = made, scripts
            return made, scripts


def _redis_py() -> Any:
    try:
        import redis  # noqa: PLC0415  an extra, loaded when a Redis is opened
    except ImportError as error:
        message = 'a Redis state needs redis-py: pip install "reliai[redis]"'
        raise ConfigurationError(message) from error
    return redis


def _buckets(found: list[Any]) -> dict[int, tuple[float, ...]]:
    """The buckets in what a script gives: bucket, amounts, bucket, amounts."""
    pairs = zip(found[::2], found[1::2], strict=True)
    return {int(bucket): tuple(float(each) for each in amounts) for bucket, amounts in pairs}
