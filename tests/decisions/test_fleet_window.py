"""A window over the calls of many processes adds up to what all of them counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reliai.decisions.fleet_window import BUCKETS, FleetWindow

SECONDS = 10.0
moves = st.lists(
    st.one_of(
        st.tuples(st.just("record"), st.integers(0, 2), st.booleans()),
        st.tuples(st.just("exchange"), st.integers(0, 2), st.booleans()),
        st.tuples(st.just("wait"), st.integers(1, 30), st.booleans()),
    ),
    max_size=60,
)


class Store:
    """Adds up what windows hand over."""

    def __init__(self) -> None:
        self.buckets: dict[int, tuple[float, ...]] = {}

    def exchange(self, window: FleetWindow, now: float, *, arrives: bool) -> None:
        handed = window.hand_over()
        if not arrives:
            window.take_back()
            return
        for bucket, sums in handed.items():
            before = self.buckets.get(bucket, (0, 0, 0))
            self.buckets[bucket] = tuple(a + b for a, b in zip(before, sums, strict=True))
        oldest = int(now // window.width) - BUCKETS
        window.hear({b: s for b, s in self.buckets.items() if b >= oldest}, now)


@given(moves)
def test_after_an_exchange_each_window_holds_what_all_counted_lately(
    steps: list[tuple[str, int, bool]],
) -> None:
    store, windows = Store(), [FleetWindow(SECONDS, 0.0) for _ in range(3)]
    counted: list[tuple[float, bool]] = []
    now = 1_000.0
    for step, number, flag in steps:
        if step == "record":
            windows[number].record(now, flag, slow=False)
            counted.append((now, flag))
        elif step == "exchange":
            store.exchange(windows[number], now, arrives=flag)
        else:
            now += number / 10
    for window in (*windows, *windows):
        store.exchange(window, now, arrives=True)
    width = SECONDS / BUCKETS
    oldest = int(now // width) - BUCKETS + 1
    lately = [failed for at, failed in counted if int(at // width) >= oldest]
    for window in windows:
        assert window.counts(now) == (len(lately), sum(lately), 0)


def test_what_did_not_arrive_is_counted_here_and_handed_over_again() -> None:
    window = FleetWindow(SECONDS, 0.0)
    window.record(100.0, failure=True, slow=True)
    window.hand_over()
    window.take_back()
    assert window.counts(100.0) == (1, 1, 1)
    assert window.hand_over() == {200: (1, 1, 1)}


def test_what_is_under_way_still_counts() -> None:
    window = FleetWindow(SECONDS, 0.0)
    window.record(100.0, failure=True, slow=False)
    window.hand_over()
    window.record(100.1, failure=False, slow=False)
    assert window.counts(100.1) == (2, 1, 0)
