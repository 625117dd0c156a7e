"""A child that is forked while another thread is in the middle of a call can make calls itself."""

from __future__ import annotations

import os

import pytest

from tests.programs import printed

PROGRAM = """
    import os, sys, threading, time, warnings
    warnings.simplefilter("ignore")
    import reliai

    async def middleware(call, proceed):
        return await proceed(call)

    @reliai.reliable(
        reliai.Cache(ttl=1), reliai.Budget(tokens=10**9, estimate=1), reliai.Retry(2),
        reliai.CircuitBreaker("x"), reliai.RateLimit(1e9), reliai.Bulkhead(50),
        reliai.AdaptiveLimit(50), reliai.AdaptiveThrottle(), middleware,
    )
    def ask(number: int) -> str:
        return str(number)

    def work():
        while True:
            ask(time.monotonic_ns() % 50)

    for _ in range(2):
        threading.Thread(target=work, daemon=True).start()
    hung = 0
    for _ in range(30):
        child = os.fork()
        if child == 0:
            for number in range(20):
                ask(number)
            os._exit(0)
        until = time.monotonic() + 20
        while not os.waitpid(child, os.WNOHANG)[0]:
            if time.monotonic() > until:
                hung += 1
                os.kill(child, 9)
                os.waitpid(child, 0)
                break
            time.sleep(0.001)
    print(hung)
    sys.stdout.flush()
    os._exit(0)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_no_child_waits_for_a_lock_that_nobody_will_release() -> None:
    assert printed(PROGRAM) == ["0"]
