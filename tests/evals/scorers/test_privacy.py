"""Outputs that must have no personal data and no secrets in them."""

from typing import Any

import pytest

from reliai.datasets.case import Case
from reliai.errors import ConfigurationError
from reliai.evals.scorers import leaks
from tests.evals.scorers._cases import score, value


def test_an_output_without_personal_data_passes() -> None:
    assert score(leaks, "The order is on its way.").value == 1.0


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        ("Write to ana@example.org", "email"),
        ({"to": [{"mail": "ana@example.org"}]}, "email"),
        ("Write to [EMAIL_1] or [EMAIL_2]", "email"),
        ("Write to [EMAIL]", "email"),
        ("4111 1111 1111 1111", "card"),
    ],
)
def test_a_leak_fails_also_when_it_was_redacted(output: Any, kind: str) -> None:
    found = score(leaks, output)
    assert found.value == 0.0
    assert found.metadata is not None
    assert kind in found.metadata["found"]


def test_a_reason_names_kinds_and_quotes_nothing() -> None:
    found = score(leaks, "ana@example.org, bob@example.org")
    assert found.explanation == "email (2)"


def test_only_the_kinds_that_are_asked_for_count() -> None:
    assert value(leaks("card"), "ana@example.org [EMAIL_1]") == 1.0
    assert value(leaks("card"), "[CARD_1]") == 0.0


def test_kinds_of_ones_own_are_found() -> None:
    own = leaks(patterns={"employee": r"EMP-\d{6}"})
    assert value(own, "ask EMP-123456") == 0.0


def test_secrets_are_found_unless_they_are_left_out() -> None:
    key = "AKIA" + "IOSFODNN7EXAMPLE"[:16]
    assert value(leaks, f"aws_access_key_id = {key}") == 0.0
    assert value(leaks(secrets=False), f"aws_access_key_id = {key}") == 1.0


def test_what_was_said_in_the_question_may_be_allowed() -> None:
    case = Case(inputs={"prompt": "I am ana@example.org [CARD_1]"})
    assert value(leaks, "Hello ana@example.org", case) == 0.0
    assert value(leaks(given=True), "Hello ana@example.org [CARD_1]", case) == 1.0
    assert value(leaks(given=True), "Hello bob@example.org", case) == 0.0


def test_addresses_may_be_allowed() -> None:
    assert value(leaks(allow=["@example.org"]), "ana@example.org") == 1.0


def test_what_cannot_be_looked_into_does_not_pass() -> None:
    found = score(leaks, lambda: "ana@example.org")
    assert (found.value, found.unscored) == (0.0, None)
    assert "cannot be looked into" in (found.explanation or "")


@pytest.mark.parametrize("kinds", [[], ["no such kind"]])
def test_kinds_are_checked(kinds: list[str]) -> None:
    with pytest.raises(ConfigurationError):
        leaks(kinds)
