"""A URL that is refused, or whose server is away, is told without the password in it."""

from __future__ import annotations

import pytest

from reliai._core.urls import unquoted, without_password
from reliai.errors import ConfigurationError
from reliai.records import RecordStore
from reliai.state import open_state


@pytest.mark.parametrize(
    "url",
    [
        "posgresql://ana:hunter2@host/name",
        "redis:/ana:hunter2@host/0",
        "postgresql://ana:%zzhunter2@host/name",
        "postgresql://ana:hun/ter2@host/name",
        "postgresql://ana:hunter2@[host/name",
        "redis://:hunter2@[host/0",
        "redis://:hunter2/@host/0",
    ],
)
def test_a_state_that_is_refused_is_told_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_state(url)
    told = f"{caught.value} {caught.value.__cause__}"
    assert not any(part in told for part in ("hunter2", "ter2", "'hun'", '"hun"'))


@pytest.mark.parametrize(
    "url",
    ["postgresql+psycopg://ana:hunter2@host:port/name", "ana:hunter2@host", "my sql://a:hunter2@h"],
)
def test_a_record_store_that_is_refused_is_told_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RecordStore(url)
    assert "hunter2" not in f"{caught.value} {caught.value.__cause__}"


def test_of_a_url_the_place_is_told() -> None:
    assert without_password("redis://ana:a@b@host:6379/0?x=1") == "redis://host:6379/0"
    assert without_password("memoryy") == "memoryy"
    assert without_password("ana:a://b@host") == "host"


def test_what_a_parser_quotes_is_left_out() -> None:
    assert unquoted('invalid token: "pa%zz"') == "invalid token: …"
    assert unquoted("no number: 'a' of 'b'\n") == "no number: …"
    assert unquoted("it's half") == "it…"
