"""Tools that cannot be undone: each call needs the approval of a person, of these arguments."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import reliai
from reliai.testing import records, virtual_clock

NO = "nobody approved a call with these arguments"


class Tables:
    """What is deleted."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    def tool(self, **options: Any) -> Any:
        @reliai.tool(approval=True, **options)
        def delete(table: str, rows: int = 0) -> str:
            """Delete rows of a table."""
            self.deleted.append(f"{table} {rows}")
            return "gone"

        return delete


@pytest.fixture
def tables() -> Tables:
    return Tables()


def refused(delete: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(reliai.GuardRejected) as raised:
        delete(*args, **kwargs)
    assert raised.value.check == "approval"
    return str(raised.value)


def test_without_an_approval_nothing_is_done(tables: Tables) -> None:
    delete = tables.tool()
    assert NO in refused(delete, "orders")
    assert tables.deleted == []


def test_an_approval_lets_one_call_happen_once(tables: Tables) -> None:
    delete = tables.tool()
    token = reliai.tool.approve(delete, {"table": "orders", "rows": 3}, by="ana")
    with reliai.tool.approved(token):
        assert delete("orders", rows=3) == "gone"
        assert "was used already" in refused(delete, "orders", rows=3)
    assert tables.deleted == ["orders 3"]


def test_it_is_for_these_arguments_as_the_tool_gets_them(tables: Tables) -> None:
    delete = tables.tool()
    token = reliai.tool.approve(delete, {"table": "orders", "rows": "3"}, by="ana")
    with reliai.tool.approved(token):
        assert NO in refused(delete, "orders", rows=4)
        assert NO in refused(delete, "users", rows=3)
        assert reliai.tool.call_json(delete, '{"rows": "3", "table": "orders"}') == "gone"


def test_it_is_for_this_tool(tables: Tables) -> None:
    delete, other = tables.tool(name="delete_rows"), tables.tool(name="delete_more")
    with reliai.tool.approved(reliai.tool.approve(other, {"table": "orders"}, by="ana")):
        assert NO in refused(delete, "orders")


def test_it_holds_inside_its_context_alone(tables: Tables) -> None:
    delete = tables.tool()
    with reliai.tool.approved(reliai.tool.approve(delete, {"table": "orders"}, by="ana")):
        pass
    assert NO in refused(delete, "orders")


def test_it_runs_out(tables: Tables) -> None:
    with virtual_clock() as clock:
        delete = tables.tool()
        token = reliai.tool.approve(delete, {"table": "orders"}, by="ana", valid_for=60)
        clock.advance(60)
        with reliai.tool.approved(token):
            assert "has run out" in refused(delete, "orders")


def test_several_approvals_are_good_for_as_many_calls(tables: Tables) -> None:
    delete = tables.tool()
    tokens = [reliai.tool.approve(delete, {"table": "orders"}, by="ana") for _ in range(2)]
    with reliai.tool.approved(tokens[0]), reliai.tool.approved(tokens[1]):
        delete("orders")
        delete("orders")
        refused(delete, "orders")
    assert len(tables.deleted) == 2


@pytest.mark.parametrize("forged", ["", "yes", "APPROVED by ana", "é", "A" * 200, "====", None, 7])
def test_a_text_that_was_not_signed_is_no_approval(tables: Tables, forged: Any) -> None:
    delete = tables.tool()
    with reliai.tool.approved(forged):
        assert NO in refused(delete, "orders")


def test_a_token_that_was_changed_is_no_approval(tables: Tables) -> None:
    delete = tables.tool()
    token = reliai.tool.approve(delete, {"table": "orders"}, by="ana")
    for at in range(0, len(token), 7):
        other = "A" if token[at] != "A" else "B"
        with reliai.tool.approved(token[:at] + other + token[at + 1 :]):
            refused(delete, "orders")
    assert tables.deleted == []


def test_a_model_cannot_pass_one_as_an_argument(tables: Tables) -> None:
    delete = tables.tool()
    token = reliai.tool.approve(delete, {"table": "orders"}, by="ana")
    with pytest.raises(reliai.GuardRejected, match="do not fit"):
        reliai.tool.call_json(delete, f'{{"table": "orders", "approval": "{token}"}}')


@pytest.mark.parametrize("mode", ["off", "observe", "enforce"])
def test_it_is_needed_in_whatever_mode(tables: Tables, mode: Any) -> None:
    delete = tables.tool()
    token = reliai.tool.approve(delete, {"table": "orders"}, by="ana")
    with reliai.mode(mode):
        refused(delete, "orders")
        with reliai.tool.approved(token):
            delete("orders")
            refused(delete, "orders")
    assert tables.deleted == ["orders 0"]


def test_further_attempts_of_one_call_need_no_further_one() -> None:
    tried: list[int] = []

    @reliai.Retry(3)
    @reliai.tool(approval=True, effects="idempotent")
    def delete(table: str) -> str:
        tried.append(1)
        if len(tried) < 3:
            raise ConnectionError("down")
        return table

    with virtual_clock():
        token = reliai.tool.approve(delete, {"table": "orders"}, by="ana")
        with reliai.tool.approved(token):
            assert delete("orders") == "orders"
            refused(delete, "orders")
    assert len(tried) == 3


def test_two_calls_of_one_id_need_two(tables: Tables) -> None:
    delete = tables.tool()
    token = reliai.tool.approve(delete, {"table": "orders"}, by="ana")
    with reliai.tool.approved(token), reliai.context(call_id="0" * 32):
        delete("orders")
        refused(delete, "orders")


def test_the_record_tells_who_approved_and_what_was_refused(tables: Tables) -> None:
    delete = tables.tool()
    token = reliai.tool.approve(delete, {"table": "orders"}, by="ana")
    with records() as seen:
        refused(delete, "orders")
        with reliai.tool.approved(token):
            delete("orders")
    told = [(e.kind, dict(e.attributes)) for record in seen for e in record.events]
    assert ("approval_refused", {"reason": NO}) in told
    assert ("approved", {"by": "ana"}) in told


def test_asynchronous_tools_need_one_too() -> None:
    @reliai.tool(approval=True)
    async def delete(table: str) -> str:
        return table

    async def both() -> str:
        with pytest.raises(reliai.GuardRejected):
            await delete("orders")
        with reliai.tool.approved(reliai.tool.approve(delete, {"table": "orders"}, by="ana")):
            return await delete("orders")

    assert asyncio.run(both()) == "orders"


def test_of_many_threads_with_one_approval_one_calls(tables: Tables) -> None:
    delete = tables.tool()
    token = reliai.tool.approve(delete, {"table": "orders"}, by="ana")

    def call() -> bool:
        with reliai.tool.approved(token):
            return reliai.execute(delete, "orders").ok

    with ThreadPoolExecutor(8) as pool:
        done = [each.result() for each in [pool.submit(call) for _ in range(16)]]
    assert done.count(True) == len(tables.deleted) == 1


def test_a_method_is_approved_by_its_arguments() -> None:
    class Shop:
        @reliai.tool(approval=True)
        def close(self, day: str) -> str:
            return day

    shop = Shop()
    with reliai.tool.approved(reliai.tool.approve(shop.close, {"day": "Monday"}, by="ana")):
        assert shop.close("Monday") == "Monday"


def test_processes_with_one_key_know_each_others(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reliai._tool import approval

    delete = tables.tool()
    monkeypatch.setenv("RELIAI_APPROVAL_KEY", "a key of enough bytes")
    token = reliai.tool.approve(delete, {"table": "orders"}, by="ana")
    monkeypatch.setattr(approval.approvals, "_drawn", os.urandom(32))  # as in another process
    with reliai.tool.approved(token):
        assert delete("orders") == "gone"
    monkeypatch.delenv("RELIAI_APPROVAL_KEY")
    with reliai.tool.approved(token):
        assert NO in refused(delete, "orders")


def test_what_cannot_be_approved_is_told(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    delete = tables.tool()
    with pytest.raises(reliai.GuardRejected, match="do not fit"):
        reliai.tool.approve(delete, {"rows": 3}, by="ana")
    with pytest.raises(reliai.ConfigurationError, match="say who approves"):
        reliai.tool.approve(delete, {"table": "orders"}, by=" ")
    with pytest.raises(reliai.ConfigurationError, match=r"valid_for=0"):
        reliai.tool.approve(delete, {"table": "orders"}, by="ana", valid_for=0)
    with pytest.raises(reliai.ConfigurationError, match="needs none"):
        reliai.tool.approve(reliai.tool(Tables().deleted.append), {}, by="ana")
    with pytest.raises(reliai.ConfigurationError, match="it is no tool"):
        reliai.tool.approve(len, {}, by="ana")
    monkeypatch.setenv("RELIAI_APPROVAL_KEY", "short")
    with pytest.raises(reliai.ConfigurationError, match="5 bytes"):
        reliai.tool.approve(delete, {"table": "orders"}, by="ana")


def test_used_ones_are_forgotten_once_they_have_run_out(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reliai._tool.approval import approvals

    monkeypatch.setattr(approvals, "_used", {})
    with virtual_clock() as clock:
        delete = tables.tool()
        for _ in range(5):
            token = reliai.tool.approve(delete, {"table": "orders"}, by="ana", valid_for=1)
            with reliai.tool.approved(token):
                delete("orders")
            clock.advance(2)
        assert len(approvals._used) == 1
