"""What tokens cost: as the bundled table says, as the user says, or not known."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import clock
from reliai.providers import prices
from reliai.providers.prices import price_of, set_price

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("genai_prices")

TOKENS = [
    (1, 1, None, None),
    (1_000, 500, None, None),
    (1_000, 500, 400, None),
    (1_000, 500, 400, 300),
    (128_001, 2_000, 100_000, None),
    (200_000, 3_000, None, None),
    (200_001, 3_000, 150_000, 1),
    (1_000_000, 65_536, 1_000_000, None),
]
"""Tokens in, out, read from a cache and written to one: below, at and above the usual tiers."""


@pytest.fixture(autouse=True)
def own_prices() -> Iterator[None]:
    """Forget what a test has set."""
    said = dict(prices._said)
    yield
    prices._said.clear()
    prices._said.update(said)
    prices._known.clear()


def in_its_own_words(model: Any, provider: Any, tokens: Any, now: float) -> float | None:
    """What genai-prices itself works out; None where it has no price for some of the tokens."""
    from genai_prices import Usage

    names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
    usage = Usage(**dict(zip(names, tokens, strict=True)))
    at = datetime.fromtimestamp(now, UTC)
    given = model.get_prices(at)
    if None in (given.input_mtok, given.output_mtok):
        return None
    return float(model.calc_price(usage, provider, genai_request_timestamp=at).total_price)


def ours(model: Any, tokens: Any) -> float | None:
    rates = prices._rates(model.prices)
    return None if rates is None else prices._price(rates, *(each or 0 for each in tokens))


def whole_table() -> list[tuple[Any, Any]]:
    table = prices._table()
    return [(provider, model) for provider in table.providers for model in provider.models]


def as_exact(price: float | None) -> Any:
    return None if price is None else pytest.approx(price, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("tokens", TOKENS, ids=str)
def test_every_price_is_what_the_tables_own_arithmetic_gives(tokens: Any) -> None:
    now = clock.active().time()
    for provider, model in whole_table():
        expected = in_its_own_words(model, provider, tokens, now)
        assert ours(model, tokens) == as_exact(expected), (provider.id, model.id)


@pytest.mark.parametrize("day", ["2023-11-01", "2025-01-01", "2026-06-01", "2027-01-01"])
@pytest.mark.parametrize("hour", ["00:10", "01:30", "12:00", "23:59"])
def test_prices_are_those_of_the_day(day: str, hour: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.fromisoformat(f"{day}T{hour}:00+00:00").timestamp()
    monkeypatch.setattr(clock.active(), "time", lambda: now)
    for provider, model in whole_table():
        if isinstance(model.prices, list):
            expected = in_its_own_words(model, provider, TOKENS[3], now)
            assert ours(model, TOKENS[3]) == as_exact(expected), (provider.id, model.id)


def test_most_models_of_the_table_are_found_by_their_names() -> None:
    pairs = whole_table()
    found = [prices._find(provider.id, model.id) is not None for provider, model in pairs]
    assert sum(found) > 0.85 * len(pairs)


def test_a_tier_applies_to_all_tokens_once_it_is_passed() -> None:
    model = "gemini-2.5-pro"
    below, above = (price_of("google", model, tokens, 0) for tokens in (200_000, 200_001))
    assert below is not None
    assert above is not None
    assert above > 1.9 * below


def test_cached_tokens_cost_less_than_others() -> None:
    assert price_of("openai", "gpt-4o", 1_000_000, 0, 1_000_000) == 1.25
    assert price_of("openai", "gpt-4o", 1_000_000, 0) == 2.5


def test_a_model_is_found_by_its_dated_name_and_by_its_name_alone() -> None:
    assert price_of("openai", "gpt-4o-2024-08-06", 1_000_000, 0) == 2.5
    assert price_of(None, "gpt-4o", 1_000_000, 0) == 2.5
    assert price_of(None, "openai/gpt-4o", 1_000_000, 0) == 2.5


def test_a_model_served_through_openais_sdk_by_somebody_else_is_found() -> None:
    assert price_of("openai", "deepseek-chat", 1_000, 1_000) is not None


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "gpt-x"), ("nobody", "gpt-4o"), (None, "our-own-7b"), (None, ""), (None, None)],
)
def test_an_unknown_price_is_none_and_never_zero(provider: Any, model: Any) -> None:
    assert price_of(provider, model, 1_000, 1_000) is None


@pytest.mark.parametrize(
    "tokens", [(None, 5), (5, None), (-1, 5), (5, -1), (5, 5, 6), (5, 5, -1)], ids=str
)
def test_numbers_that_are_missing_or_cannot_be_have_no_price(tokens: Any) -> None:
    assert price_of("openai", "gpt-4o", *tokens) is None


def test_a_model_that_gives_no_tokens_is_priced_by_its_input() -> None:
    cost = price_of("openai", "text-embedding-3-small", 1_000_000, None)
    assert cost == pytest.approx(0.02)


def test_a_model_paid_for_by_other_things_than_tokens_has_no_price() -> None:
    assert price_of("groq", "whisper-large-v3", 10, 10) is None


def test_a_price_that_was_set_goes_before_the_table() -> None:
    assert price_of("openai", "gpt-4o", 1_000, 0) == 0.0025
    reliai.set_price("gpt-4o", input=1, output=2)
    assert price_of("openai", "gpt-4o", 1_000_000, 1_000_000) == 3.0
    assert price_of(None, "GPT-4o", 1_000_000, 0) == 1.0


def test_a_price_that_was_set_for_one_provider_holds_for_no_other() -> None:
    reliai.set_price("m", input=1, output=2, provider="azure")
    assert price_of("Azure", "m", 1_000_000, 0) == 1.0
    assert price_of(None, "m", 1_000_000, 0) is None


def test_cached_tokens_cost_what_was_set() -> None:
    set_price("a", input=2, output=4, cached=0.5)
    set_price("b", input=2, output=4)
    assert price_of(None, "a", 1_000_000, 0, 1_000_000) == 0.5
    assert price_of(None, "b", 1_000_000, 0, 1_000_000) == 2.0


def test_a_price_of_zero_is_zero() -> None:
    set_price("own", input=0, output=0)
    assert price_of(None, "own", 10, 10) == 0.0


@pytest.mark.parametrize("price", [-1, float("nan"), float("inf"), "2", True, None])
@pytest.mark.parametrize("name", ["input", "output", "cached"])
def test_a_price_that_is_no_number_of_dollars_is_refused(name: str, price: Any) -> None:
    given: Any = {"input": 1.0, "output": 1.0, name: price}
    if name == "cached" and price is None:
        set_price("m", **given)
        return
    with pytest.raises(reliai.ConfigurationError, match=f"{name}=.*per million tokens"):
        set_price("m", **given)


@pytest.mark.parametrize("names", [{"model": ""}, {"model": None}, {"model": "m", "provider": ""}])
def test_a_price_needs_a_name(names: Any) -> None:
    with pytest.raises(reliai.ConfigurationError, match="must be a name"):
        set_price(**names, input=1, output=1)


def test_what_is_kept_is_bounded() -> None:
    for number in range(2_500):
        price_of(None, f"model-{number}", 1, 1)
    assert len(prices._known) <= 1_000


def test_a_price_set_while_it_is_looked_up_is_not_lost() -> None:
    errors: list[str] = []

    def look() -> None:
        for _ in range(2_000):
            price_of(None, "raced", 1, 1)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for value in range(200):
        set_price("raced", input=value, output=0)
        if price_of(None, "raced", 1_000_000, 0) != value:
            errors.append(str(value))
    for thread in threads:
        thread.join()
    assert not errors


def in_a_new_process(program: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return run.stdout.strip()


def test_without_genai_prices_a_price_is_none_unless_it_was_set() -> None:
    program = """
import sys
sys.modules["genai_prices"] = None
import reliai
from reliai.providers import price_of
print(price_of("openai", "gpt-4o", 1, 1))
reliai.set_price("gpt-4o", input=1, output=1)
print(price_of("openai", "gpt-4o", 1_000_000, 0))
"""
    assert in_a_new_process(program).split() == ["None", "1.0"]


def test_prices_start_no_thread_and_open_no_connection() -> None:
    program = """
import sys, threading
seen = []
sys.addaudithook(lambda event, args: seen.append(event) if event.startswith("socket.") else None)
from reliai.providers import price_of
print(price_of("openai", "gpt-4o", 1_000_000, 0), threading.active_count(), seen)
"""
    assert in_a_new_process(program) == "2.5 1 []"


def test_the_table_is_the_bundled_one_even_where_the_program_fetched_another() -> None:
    from genai_prices import data_snapshot

    data_snapshot.set_custom_snapshot(
        data_snapshot.DataSnapshot(providers=[], from_auto_update=True)
    )
    try:
        assert price_of("openai", "gpt-4o", 1_000_000, 0) == 2.5
    finally:
        data_snapshot.set_custom_snapshot(None)
