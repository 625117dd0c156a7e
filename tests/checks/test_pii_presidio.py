"""Pii with presidio as its engine: the real one, without a network."""

from __future__ import annotations

import importlib.util
import logging
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import ConfigurationError, Pii, Replace

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("presidio_analyzer") is None, reason="presidio is not installed"
)
TEXT = "Write to ana@example.co.uk, card 4242 4242 4242 4242, IBAN DE89370400440532013000."


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("it asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(scope="module", name="pii")
def prepared() -> Iterator[Pii]:
    logging.disable(logging.WARNING)  # presidio tells which recognisers it leaves out
    made = Pii("redact", engine="presidio")
    made.prepare()
    yield made
    logging.disable(logging.NOTSET)


def test_it_finds_what_presidio_finds_under_our_names(pii: Pii) -> None:
    assert pii(TEXT) == Replace("Write to [EMAIL], card [CARD], IBAN [IBAN].")
    assert {"email", "card", "iban", "phone", "ip", "us_ssn"} <= set(pii.kinds)
    assert pii("nothing here") is None
    assert pii("  ") is None


def test_a_top_level_domain_is_judged_without_a_download(pii: Pii) -> None:
    assert pii("ana@example.museum and ana@example.nosuchtld") == Replace(
        "[EMAIL] and ana@example.nosuchtld"
    )


def test_vague_kinds_are_left_out_unless_asked_for(pii: Pii) -> None:
    assert not {"date_time", "url", "nrp"} & set(pii.kinds)


def test_it_buffers_a_stream_for_it_has_no_bound(pii: Pii) -> None:
    assert pii.window is None


def test_an_engine_of_ones_own_is_asked_as_it_is(pii: Pii) -> None:
    from presidio_analyzer import Pattern, PatternRecognizer

    engine: Any = pii._scan._engine
    recogniser: Any = PatternRecognizer(
        supported_entity="EMPLOYEE", patterns=[Pattern("employee", r"EMP-\d{6}", 0.9)]
    )
    engine.registry.add_recognizer(recogniser)
    own = Pii("redact", ["EMPLOYEE", "email"], engine=engine)
    own.prepare()
    assert own("EMP-123456 ana@example.com") == Replace("[EMPLOYEE] [EMAIL]")
    assert own.kinds == ("email", "employee")
    engine.registry.remove_recognizer(recogniser.name)


def test_the_threshold_is_the_least_score_that_counts(pii: Pii) -> None:
    engine = pii._scan._engine
    text = "415 555 2671"
    assert Pii("redact", "phone", engine=engine, threshold=0.4)(text) == Replace("[PHONE]")
    assert Pii("redact", "phone", engine=engine, threshold=0.9)(text) is None


def test_a_kind_it_does_not_know_is_refused_when_decorating(pii: Pii) -> None:
    with pytest.raises(ConfigurationError, match=r"\['shoe_size'\].*it finds: card"):
        reliai.Guard(Pii(kinds=["shoe_size"], engine=pii._scan._engine))(ask)


def ask(prompt: str) -> str:
    return prompt


def test_pseudonyms_can_be_given_to_what_presidio_finds(pii: Pii) -> None:
    asked: list[str] = []

    @reliai.reliable(reliai.Guard(Pii("pseudonymize", engine=pii._scan._engine)), name="ask")
    def ask(prompt: str) -> str:
        asked.append(prompt)
        return prompt.upper()

    assert ask("to ana@example.com") == "TO ana@example.com"
    assert asked == ["to <EMAIL_1>"]


def test_without_presidio_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['presidio_analyzer'] = None\n"
        "from reliai import Pii, ConfigurationError\n"
        "try: Pii(engine='presidio').prepare()\n"
        "except ConfigurationError as error: print(error)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "reliai[presidio]"' in out.stdout
