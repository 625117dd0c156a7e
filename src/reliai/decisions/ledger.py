"""What may still be spent: reserved before, settled after, within a window of time.

Amounts are whole numbers (tokens, picodollars), so sums are exact. A ledger holds one account for
each key, and one lock for all of them: what it does under it takes microseconds.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

from reliai._core.forking import renew_after_fork

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["Grant", "Ledger", "Refusal", "Standing"]

_BUCKETS: Final = 60
_MOST_SKIPPED: Final = 16  # bounds the search when most accounts have calls under way
MAX_KEYS: Final = 10_000

Amounts = tuple[int, ...]
"""One number for each cap of the ledger."""


class Standing(NamedTuple):
    """How one cap of an account stands."""

    spent: int
    """Settled within the window."""
    reserved: int
    """Held by calls that have not ended."""
    cap: int

    @property
    def left(self) -> int:
        """What can still be reserved; never below 0."""
        return max(0, self.cap - self.spent - self.reserved)


class Refusal(NamedTuple):
    """Why nothing was reserved."""

    which: int
    """Which of the caps is in the way: its place among them."""
    wanted: int
    standing: Standing
    retry_after: float | None
    """Seconds until old spending has made room, if nothing else is spent by then; None when that
    cannot be told: more is wanted than the cap, or what others hold is in the way."""


class Grant:
    """An amount held for one call, until it is settled."""

    __slots__ = ("_account", "_generation", "amounts", "settled")

    def __init__(self, account: _Account, generation: int, amounts: Amounts) -> None:
        self._account = account
        self._generation = generation
        self.amounts = amounts
        """What is held."""
        self.settled = False


class _Account:
    """One key's spending: sums over the window, and when each part of them will be forgotten."""

    __slots__ = ("forget_at", "open", "parts", "reserved", "spent", "until")

    def __init__(self, caps: int) -> None:
        self.forget_at = math.inf
        """When the oldest part will be forgotten."""
        self.until = -math.inf
        """When the latest part ends."""
        self.spent = [0] * caps
        self.reserved = [0] * caps
        self.open = 0
        self.parts: deque[tuple[int, list[int]]] = deque()


class Ledger:
    """Caps on what is spent in any `per` seconds, for each key.

    At no time is more than a cap reserved and spent together, but for what calls really cost above
    their reservation, and what is forced. Spending counts from when it is settled, for `per`
    seconds and up to a sixtieth of that longer, never shorter; memory is fixed for each key.

    Args:
        caps: whole numbers of 0 or more, for amounts in the same order.
        per: length of the window in seconds, above 0; `math.inf` never forgets.
        max_keys: accounts kept. The one used least lately goes first, and with it what it has
            spent; one of which a call holds something is never dropped, so there may be more.

    Raises:
        ValueError: for a number out of its range.

    Example:
        >>> ledger = Ledger((100,), per=60.0)
        >>> grant = ledger.reserve(None, (80,), now=0.0)
        >>> ledger.reserve(None, (30,), now=0.0).standing
        Standing(spent=0, reserved=80, cap=100)
        >>> ledger.settle(grant, (20,), now=1.0)
        >>> ledger.standing(None, now=1.0)
        (Standing(spent=20, reserved=0, cap=100),)
    """

    __slots__ = ("__weakref__", "_accounts", "_generation", "_lock", "_width", "caps", "max_keys")

    def __init__(self, caps: Amounts, per: float, max_keys: int = MAX_KEYS) -> None:
        if not caps or not per > 0 or max_keys < 1:
            message = f"Ledger(caps={caps!r}, per={per!r}, max_keys={max_keys!r}): out of range"
            raise ValueError(message)
        self.caps = _checked(caps, len(caps))
        self.max_keys = max_keys
        self._width = per / _BUCKETS
        self._accounts: OrderedDict[Hashable, _Account] = OrderedDict()
        self._lock = Lock()
        self._generation = 0
        renew_after_fork(self)

    def reserve(
        self, key: Hashable, amounts: Amounts, now: float, *, force: bool = False
    ) -> Grant | Refusal:
        """Hold amounts for a call that begins.

        Args:
            key: whose account.
            amounts: what it may cost, for each cap.
            now: the time, in seconds of a clock that never goes back.
            force: hold them even where a cap is in the way.

        Returns:
            A grant to settle, or why there is none.

        Raises:
            ValueError: for an amount that is no whole number of 0 or more.
        """
        amounts = _checked(amounts, len(self.caps))
        with self._lock:
            account = self._account(key)
            if now >= account.forget_at:
                self._forget(account, now)
            if not force and not self._has_room(account, amounts):
                return self._refusal(account, amounts, now)
            _add(account.reserved, amounts)
            account.open += 1
            return Grant(account, self._generation, amounts)

    def extend(
        self, grant: Grant, amounts: Amounts, now: float, *, force: bool = False
    ) -> Refusal | None:
        """Hold more for a call that is under way; None when that was done, else why not."""
        amounts = _checked(amounts, len(self.caps))
        with self._lock:
            if grant.settled or grant._generation != self._generation:  # noqa: SLF001
                return None  # its amounts are out of the books
            account = grant._account  # noqa: SLF001  the grant is the ledger's own
            self._forget(account, now)
            if not force and not self._has_room(account, amounts):
                return self._refusal(account, amounts, now)
            _add(account.reserved, amounts)
            grant.amounts = tuple(map(sum, zip(grant.amounts, amounts, strict=True)))
            return None

    def settle(self, grant: Grant, spent: Amounts, now: float) -> None:
        """Put what a call has really cost in place of what was held for it; once, then nothing.

        Raises:
            ValueError: for an amount that is no whole number of 0 or more.
        """
        spent = _checked(spent, len(self.caps))
        with self._lock:
            if grant.settled:
                return
            grant.settled = True
            account = grant._account  # noqa: SLF001  the grant is the ledger's own
            if grant._generation == self._generation:  # noqa: SLF001
                account.open -= 1
                reserved = account.reserved
                for index, amount in enumerate(grant.amounts):
                    reserved[index] -= amount
            if any(spent):
                if now >= account.forget_at:
                    self._forget(account, now)
                self._spend(account, spent, now)

    def standing(self, key: Hashable, now: float) -> tuple[Standing, ...]:
        """How the account of a key stands, cap by cap."""
        with self._lock:
            account = self._accounts.get(key)
            if account is None:
                return tuple(Standing(0, 0, cap) for cap in self.caps)
            self._forget(account, now)
            return self._standing(account)

    def __len__(self) -> int:
        return len(self._accounts)

    def _account(self, key: Hashable) -> _Account:
        account = self._accounts.get(key)
        if account is not None:
            if len(self._accounts) > 1:
                self._accounts.move_to_end(key)
            return account
        while len(self._accounts) >= self.max_keys and self._drop_one():
            pass
        account = self._accounts[key] = _Account(len(self.caps))
        return account

    def _drop_one(self) -> bool:
        for key, account in islice(self._accounts.items(), _MOST_SKIPPED):
            if not account.open:
                del self._accounts[key]
                return True
        return False

    def _standing(self, account: _Account) -> tuple[Standing, ...]:
        return tuple(
            Standing(*each) for each in zip(account.spent, account.reserved, self.caps, strict=True)
        )

    def _has_room(self, account: _Account, amounts: Amounts) -> bool:
        spent, reserved = account.spent, account.reserved
        for index, cap in enumerate(self.caps):
            # Who cannot say what it costs finds no place either where nothing is left.
            if spent[index] + reserved[index] + (amounts[index] or 1) > cap:
                return False
        return True

    def _refusal(self, account: _Account, amounts: Amounts, now: float) -> Refusal:
        """The first cap in the way, with the time when all of them may have room."""
        blocking = [
            (index, amount, standing)
            for index, (amount, standing) in enumerate(
                zip(amounts, self._standing(account), strict=True)
            )
            if standing.left < (amount or 1)
        ]
        waits = [self._room_in(account, *each, now=now) for each in blocking]
        wait = None if None in waits else max(each for each in waits if each is not None)
        index, amount, standing = blocking[0]
        return Refusal(index, amount, standing, wait)

    def _room_in(
        self, account: _Account, index: int, amount: int, standing: Standing, *, now: float
    ) -> float | None:
        over = standing.spent + standing.reserved + max(amount, 1) - standing.cap
        for bucket, spent in account.parts:
            over -= spent[index]
            if over <= 0:
                wait = self._forgotten_at(bucket) - now
                return max(0.0, wait) if math.isfinite(wait) else None
        return None

    def _forget(self, account: _Account, now: float) -> None:
        """Forget what ended a whole window ago."""
        if now < account.forget_at:
            return
        parts = account.parts
        oldest = now // self._width - _BUCKETS
        while parts and parts[0][0] < oldest:
            for index, amount in enumerate(parts.popleft()[1]):
                account.spent[index] -= amount
        account.forget_at = self._forgotten_at(parts[0][0]) if parts else math.inf

    def _forgotten_at(self, bucket: int) -> float:
        return (bucket + 1 + _BUCKETS) * self._width

    def _spend(self, account: _Account, amounts: Amounts, now: float) -> None:
        _add(account.spent, amounts)
        parts = account.parts
        if parts and now < account.until:  # threads may come a little late
            _add(parts[-1][1], amounts)
            return
        bucket = int(now // self._width)
        if not parts:
            account.forget_at = self._forgotten_at(bucket)
        account.until = (bucket + 1) * self._width
        parts.append((bucket, list(amounts)))

    def _renew(self) -> None:
        # In a forked child: the parent's calls are the parent's to settle, its lock may be held.
        self._lock = Lock()
        self._generation += 1
        for account in self._accounts.values():
            account.open = 0
            account.reserved = [0] * len(self.caps)


def _add(sums: list[int], amounts: Amounts) -> None:
    for index, amount in enumerate(amounts):
        sums[index] += amount


def _checked(amounts: Amounts, count: int) -> Amounts:
    """Amounts of the right number.

    Raises:
        ValueError: for one that is no whole number of 0 or more.
    """
    if len(amounts) == count:
        for each in amounts:
            if type(each) is not int or each < 0:
                break
        else:
            return amounts
    message = f"{amounts!r} must be {count} whole numbers of 0 or more"
    raise ValueError(message)
