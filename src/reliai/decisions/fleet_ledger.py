"""A budget that several processes spend: what all of them spent, and what is still to be told.

The store decides on a call's reservation. All else is decided here, from what was heard last and
what this process did since: further attempts of a call, and everything while the store is away.
Amounts are whole numbers, in buckets of Unix time; a part that is given back goes where it was
reserved, so that no bucket falls below what was spent in it.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeAlias

from reliai._core.forking import renew_after_fork
from reliai.decisions.ledger import MAX_KEYS, Amounts, Grant, Refusal, Standing

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

__all__ = ["Batch", "FleetGrant", "FleetLedger"]

_PARTS: Final = 60
_FOR_GOOD: Final = 1e10
"""Seconds of the one bucket of a budget that never forgets: until the year 2286."""
_MOST_SKIPPED: Final = 16
_LEAST: Final = 10**8
"""What costs nothing as far as is known reserves this part of a cap: where nothing is left, it
finds no place."""

Buckets: TypeAlias = "dict[int, list[int]]"
Batch: TypeAlias = "dict[Hashable, Buckets]"
"""What is being told, by key and bucket."""


class FleetGrant(Grant):
    """An amount held for one call, and the buckets it is reserved in."""

    __slots__ = ("account", "parts")

    def __init__(self, account: _Account, generation: int, amounts: Amounts) -> None:
        self.account = account
        self._generation = generation
        self.amounts = amounts
        self.settled = False
        self.parts: list[tuple[int, Amounts]] = []

    @property
    def generation(self) -> int:
        """Which process it was given in: a forked child has another one."""
        return self._generation


class _Account:
    """One key's spending."""

    __slots__ = ("heard", "heard_at", "open", "own", "reserved", "sent")

    def __init__(self, caps: int) -> None:
        self.heard: dict[int, Amounts] = {}
        """All that processes told, this one included."""
        self.heard_at = -math.inf
        self.own: Buckets = {}
        """What happened here and was not told yet; below 0 where something is given back."""
        self.sent: Buckets = {}
        """What is being told."""
        self.reserved = [0] * caps
        self.open = 0


class FleetLedger:
    """Caps on what a fleet of processes spends in any `per` seconds, for each key.

    Args:
        caps: whole numbers above 0, for amounts in the same order.
        per: length of the window in seconds, above 0; `math.inf` never forgets.
        max_keys: accounts kept here; those with something to tell or to hold are kept besides.

    Attributes:
        width, keep: how long a bucket lasts, in seconds, and how many are kept.
        ahead: seconds by which Unix time is ahead of the clock that calls go by.
        among: how many processes share what is left: 1 while the store can be asked.
    """

    def __init__(self, caps: Amounts, per: float, max_keys: int = MAX_KEYS) -> None:
        self.caps = caps
        self.forgets = math.isfinite(per)
        self.width = per / _PARTS if self.forgets else _FOR_GOOD
        self.keep = _PARTS + 1 if self.forgets else 1
        self.ahead = 0.0
        self.among = 1
        self._max_keys = max_keys
        self._accounts: OrderedDict[Hashable, _Account] = OrderedDict()
        self._accounts[None] = _Account(len(caps))  # heard of before its first use
        self._used: dict[Hashable, None] = {}
        self._generation = 0
        self._lock = Lock()
        renew_after_fork(self)

    def _renew(self) -> None:
        # In a forked child: what the parent did is the parent's to tell and to settle.
        self._lock = Lock()
        self._generation += 1
        for account in self._accounts.values():
            account.own, account.sent, account.open = {}, {}, 0
            account.reserved = [0] * len(self.caps)

    # As those of a ledger for one process

    def reserve(
        self, key: Hashable, amounts: Amounts, now: float, *, force: bool = False
    ) -> FleetGrant | Refusal:
        """Hold amounts for a call, by what is known here."""
        with self._lock:
            account = self._account(key)
            if not force:
                refusal = self._refusal(account, amounts, now)
                if refusal is not None:
                    return refusal
            grant = FleetGrant(account, self._generation, amounts)
            self._hold(grant, amounts, self._bucket(now))
            account.open += 1
            return grant

    def extend(
        self, grant: Grant, amounts: Amounts, now: float, *, force: bool = False
    ) -> Refusal | None:
        """Hold more for a call that is under way; None when that was done, else why not."""
        assert isinstance(grant, FleetGrant)  # noqa: S101  this ledger gave it
        with self._lock:
            if grant.settled or grant.generation != self._generation:
                return None
            if not force:
                refusal = self._refusal(grant.account, amounts, now)
                if refusal is not None:
                    return refusal
            self._hold(grant, amounts, self._bucket(now))
            grant.amounts = tuple(map(sum, zip(grant.amounts, amounts, strict=True)))
            return None

    def settle(self, grant: Grant, spent: Amounts, now: float) -> None:
        """Put what a call has really cost in place of what was held for it; once, then nothing."""
        assert isinstance(grant, FleetGrant)  # noqa: S101  this ledger gave it
        with self._lock:
            if grant.settled:
                return
            grant.settled = True
            account = grant.account
            if grant.generation == self._generation:
                account.open -= 1
                _add(account.reserved, grant.amounts, -1)
                for bucket, amounts in grant.parts:
                    self._note(account.own, bucket, amounts, -1)
            self._note(account.own, self._bucket(now), spent)

    def standing(self, key: Hashable, now: float) -> tuple[Standing, ...]:
        """How the fleet's account of a key stands, as far as it is known here.

        What calls of this process hold is reserved; what those of others hold counts as spent.
        """
        with self._lock:
            account = self._accounts.get(key) or _Account(len(self.caps))
            return self._standing(account, now)

    # What the store says

    def refusal(
        self, key: Hashable, amounts: Amounts, now: float, *, younger_than: float
    ) -> Refusal | None:
        """Why there is no room, when that was heard so lately that the store need not be asked."""
        with self._lock:
            account = self._account(key)
            if now - account.heard_at > younger_than:
                return None
            return self._refusal(account, amounts, now)

    def refused(
        self, key: Hashable, amounts: Amounts, counted: Mapping[int, Amounts], now: float
    ) -> Refusal:
        """What the store said when it refused."""
        with self._lock:
            account = self._account(key)
            self._hear(account, counted, now)
            found = self._refusal(account, amounts, now)
            if found is not None:
                return found
            # There is room here, in what is given back and was not told yet.
            standings = self._standing(account, now)
            return Refusal(0, amounts[0], standings[0], None)

    def least(self, amounts: Amounts) -> Amounts:
        """Amounts as they are reserved: above 0, so that nothing fits where nothing is left."""
        pairs = zip(amounts, self.caps, strict=True)
        return tuple(amount or max(1, cap // _LEAST) for amount, cap in pairs)

    def granted(
        self,
        key: Hashable,
        amounts: Amounts,
        bucket: int,
        counted: Mapping[int, Amounts],
        now: float,
    ) -> FleetGrant:
        """What the store has reserved for a call: `least(amounts)`, in that bucket."""
        with self._lock:
            account = self._account(key)
            self._hear(account, counted, now)
            grant = FleetGrant(account, self._generation, amounts)
            grant.parts.append((bucket, self.least(amounts)))
            _add(account.reserved, amounts)
            account.open += 1
            return grant

    def give_back(self, key: Hashable, amounts: Amounts, bucket: int) -> None:
        """The store reserved something for a call that is gone."""
        with self._lock:
            self._note(self._account(key).own, bucket, self.least(amounts), -1)

    def hear(self, key: Hashable, counted: Mapping[int, Amounts], now: float) -> None:
        """What all processes together spent, by bucket."""
        with self._lock:
            account = self._accounts.get(key)
            if account is not None:
                self._hear(account, counted, now)

    # What the store is told

    def in_use(self, most: int) -> dict[Hashable, None]:
        """The keys used since this was asked last, at most so many."""
        with self._lock:
            found = dict.fromkeys(islice(self._used, most))
            for key in found:
                del self._used[key]
            return found

    def owes(self, key: Hashable) -> bool:
        """Whether something of this key is to be given back."""
        with self._lock:
            account = self._accounts.get(key)
            return account is not None and any(
                amount < 0 for amounts in account.own.values() for amount in amounts
            )

    def hand_over(self, most: int) -> Batch:
        """What was not told yet, of at most so many keys; it counts as being told."""
        with self._lock:
            batch: Batch = {}
            for key, account in self._accounts.items():
                if account.own:
                    batch[key], account.own = account.own, {}
                    for bucket, amounts in batch[key].items():
                        self._note(account.sent, bucket, amounts)
                    if len(batch) >= most:
                        break
            return batch

    def told(self, batch: Batch) -> None:
        """A batch has arrived."""
        self._sent(batch)

    def untold(self, batch: Batch) -> None:
        """Nobody knows whether a batch has arrived.

        What was spent is told again: twice is better than never. What was given back is not: the
        reservation stays spent until the window has passed.
        """
        self._sent(batch)
        with self._lock:
            for key, buckets in batch.items():
                own = self._account(key).own
                for bucket, amounts in buckets.items():
                    self._note(own, bucket, [max(0, amount) for amount in amounts])

    def _sent(self, batch: Batch) -> None:
        with self._lock:
            for key, buckets in batch.items():
                account = self._accounts.get(key)
                if account is not None:
                    for bucket, amounts in buckets.items():
                        self._note(account.sent, bucket, amounts, -1)

    # All below is called with the lock held.

    def _account(self, key: Hashable) -> _Account:
        self._used[key] = None
        account = self._accounts.get(key)
        if account is not None:
            if len(self._accounts) > 1:
                self._accounts.move_to_end(key)
            return account
        while len(self._accounts) >= self._max_keys and self._drop_one():
            pass
        account = self._accounts[key] = _Account(len(self.caps))
        return account

    def _drop_one(self) -> bool:
        for key, account in islice(self._accounts.items(), _MOST_SKIPPED):
            if not (account.open or account.own or account.sent):
                del self._accounts[key]
                self._used.pop(key, None)
                return True
        return False

    def _bucket(self, now: float) -> int:
        return int((now + self.ahead) // self.width)

    def _hold(self, grant: FleetGrant, amounts: Amounts, bucket: int) -> None:
        account = grant.account
        _add(account.reserved, amounts)
        grant.parts.append((bucket, amounts))
        self._note(account.own, bucket, amounts)

    @staticmethod
    def _note(buckets: Buckets, bucket: int, amounts: Iterable[int], sign: int = 1) -> None:
        given = list(amounts)
        here = buckets.get(bucket)
        if here is None:
            here = buckets[bucket] = [0] * len(given)
        _add(here, given, sign)
        if not any(here):
            del buckets[bucket]

    def _hear(self, account: _Account, counted: Mapping[int, Amounts], now: float) -> None:
        account.heard = dict(counted)
        account.heard_at = now

    def _sums(self, account: _Account, now: float) -> tuple[list[int], list[int]]:
        """What all told, and what this process has not told yet, within the window."""
        oldest = self._bucket(now) - self.keep + 1
        for buckets in (account.heard, account.sent, account.own):
            for bucket in [each for each in buckets if each < oldest]:
                del buckets[bucket]
        heard, own = [0] * len(self.caps), [0] * len(self.caps)
        for amounts in account.heard.values():
            _add(heard, amounts)
        for each in (*account.sent.values(), *account.own.values()):
            _add(own, each)
        return heard, own

    def _standing(self, account: _Account, now: float) -> tuple[Standing, ...]:
        heard, own = self._sums(account, now)
        all_ = zip(heard, own, account.reserved, self.caps, strict=True)
        return tuple(Standing(max(0, h + o - r), r, cap) for h, o, r, cap in all_)

    def _refusal(self, account: _Account, amounts: Amounts, now: float) -> Refusal | None:
        """The first cap in the way; None when there is room."""
        heard, own = self._sums(account, now)
        for index, cap in enumerate(self.caps):
            left = max(0, cap - heard[index]) // self.among - own[index]
            wanted = amounts[index] or 1
            if wanted > left:
                standing = self._standing(account, now)[index]
                wait = self._room_in(account, index, wanted - left, now)
                return Refusal(index, amounts[index], standing, wait)
        return None

    def _room_in(self, account: _Account, index: int, over: int, now: float) -> float | None:
        if not self.forgets or self.among > 1:
            return None
        sums: dict[int, int] = {}
        for buckets in (account.heard, account.sent, account.own):
            for bucket, amounts in buckets.items():
                sums[bucket] = sums.get(bucket, 0) + amounts[index]
        for bucket in sorted(sums):
            over -= sums[bucket]
            if over <= 0:
                return max(0.0, (bucket + self.keep) * self.width - self.ahead - now)
        return None


def _add(sums: list[int], amounts: Iterable[int], sign: int = 1) -> None:
    for index, amount in enumerate(amounts):
        sums[index] += sign * amount
