"""Which incidents there are, and how others come in."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from reliai.errors import ConfigurationError, ReliaiWarning
from reliai.incidents import Incident, catalogue, find, incident, run_part
from tests.incidents.made import made

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    from reliai.incidents.registry import _known

    catalogue()
    before = dict(_known)
    yield
    _known.clear()
    _known.update(before)


def test_all_thirty_are_there_in_order() -> None:
    ids = [each.id for each in catalogue() if each.id.startswith("IR-")]
    assert ids == [f"IR-{number:02}" for number in range(1, 31)]


@pytest.mark.parametrize("spelt", ["IR-02", "ir-02", "ir02", "IR-2", "2", "02"])
def test_an_incident_is_found_however_it_is_spelt(spelt: str) -> None:
    assert find(spelt).id == "IR-02"


def test_one_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(ConfigurationError, match=r"no incident 'IR-99'; these are there: IR-01, "):
        find("IR-99")


def test_one_that_is_made_is_in_the_catalogue_after_the_others() -> None:
    mine = made("ACME-7")
    assert catalogue()[-1] is mine
    assert find("acme-7") is mine


def test_an_id_that_is_taken_is_refused() -> None:
    made("ACME-7")
    with pytest.raises(ConfigurationError, match=r"'ACME-7'.*has this id already"):
        made("ACME-7", title="another")


def test_the_same_module_run_again_replaces_its_incident() -> None:
    made("ACME-7")
    again = made("ACME-7")
    assert find("ACME-7") is again


@pytest.mark.parametrize("id", ["", "7", "ACME_7", "-7", "IR 7"])
def test_what_is_no_id_is_refused(id: str) -> None:  # noqa: A002  what it is called
    with pytest.raises(ConfigurationError, match="an id is letters, digits and dashes"):
        made(id)


def test_an_incident_without_a_part_is_no_evidence() -> None:
    half = incident("ACME-8", title="half", scenario="-", evidence="-", guard="-")
    with pytest.raises(ConfigurationError, match="ACME-8 has no unguarded part; give all three"):
        run_part(half, "unguarded")


def test_an_incident_says_which_extras_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    needy = _needy()
    assert list(needy.missing) == []
    _without_scipy(monkeypatch)
    assert list(needy.missing) == ["monitoring"]


def test_one_that_cannot_be_run_is_left_out_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from reliai.cli.replay import _all_that_can_be_run

    needy = _needy()
    console = Console(record=True, width=100, file=StringIO())
    assert needy in _all_that_can_be_run(console)
    assert not console.export_text()
    _without_scipy(monkeypatch)
    assert needy not in _all_that_can_be_run(console)
    assert 'ACME-9 is left out; it needs: pip install "reliai[monitoring]"' in console.export_text()


def _needy() -> Incident:
    needs = ("monitoring", "records")
    return incident("ACME-9", title="-", scenario="-", evidence="-", guard="-", needs=needs)


def _without_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "reliai.incidents.registry.find_spec", lambda name: None if name == "scipy" else name
    )


def test_other_packages_bring_incidents(monkeypatch: pytest.MonkeyPatch) -> None:
    _found(monkeypatch, "tests.incidents.of_another_package")
    assert find("OTHER-1").title == "of another package"


def test_a_package_that_cannot_be_imported_is_told_and_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _found(monkeypatch, "tests.incidents.is_not_there")
    with pytest.warns(ReliaiWarning, match="tests.incidents.is_not_there"):
        assert catalogue()[0].id == "IR-01"


def _found(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """Let a package name a module of incidents."""
    import importlib.metadata

    from reliai._core import complaints

    entries = [EntryPoint("acme", module, "reliai.incidents")]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: entries)
    monkeypatch.setattr("reliai.incidents.registry._loaded", False)
    monkeypatch.setattr(complaints, "_said", set())


def test_an_incident_says_what_it_is() -> None:
    assert repr(find("IR-02")) == (
        "<reliai.incidents.Incident IR-02: brownout: 30 % of requests fail>"
    )
