"""A file that changes, breaks, goes and comes back while the program runs."""

from __future__ import annotations

import os
import warnings
from contextlib import contextmanager
from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any

import pytest

from reliai import ConfigurationError
from reliai._core import complaints
from reliai.errors import ReliaiWarning
from reliai.prompts import Prompt, PromptVersion
from reliai.prompts._files import File
from reliai.testing import VirtualClock, virtual_clock
from tests.programs import printed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as clock:
        yield clock


@pytest.fixture(autouse=True)
def told() -> Iterator[None]:
    """Nothing was warned of before."""
    said, complaints._said = complaints._said, set()
    yield
    complaints._said = said


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "answer.md"
    path.write_text("Old {q}")
    return path


_written = iter(range(1, 10_000))


def write(file: Path, text: str) -> None:
    """Write a file so that it differs, whatever the resolution of the file system's times."""
    file.write_text(text)
    at = 1_700_000_000 + next(_written)
    os.utime(file, (at, at))


def later(clock: VirtualClock, prompt: Prompt, looks: int = 2) -> str:
    """What the prompt says after so many looks at its file."""
    said = ""
    for _ in range(looks):
        clock.advance(1)
        said = prompt.format(q="?")
    return said


@contextmanager
def complaining(message: str) -> Iterator[None]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    assert [one.category for one in caught] == [ReliaiWarning]
    assert message in str(caught[0].message)


def test_a_changed_file_serves_when_it_stays_the_same_for_two_looks(
    file: Path, clock: VirtualClock
) -> None:
    prompt = Prompt.load(file)
    write(file, "New {q}")
    assert later(clock, prompt, looks=1) == "Old ?"
    assert later(clock, prompt, looks=1) == "New ?"


def test_a_file_that_is_being_written_does_not_serve(file: Path, clock: VirtualClock) -> None:
    prompt = Prompt.load(file)
    for part in ("Ne", "New {q", "New {q} and m"):
        write(file, part)
        assert later(clock, prompt, looks=1) == "Old ?"
    write(file, "New {q} and more")
    assert later(clock, prompt) == "New ? and more"


def test_a_file_that_is_written_while_it_is_read_is_read_again(
    file: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = Prompt.load(file)
    write(file, "Half of {q}")
    assert later(clock, prompt, looks=1) == "Old ?"
    read = File.read

    def read_late(here: File) -> bytes:
        data = read(here)
        monkeypatch.setattr(File, "read", read)
        write(file, "All of {q}")
        return data

    monkeypatch.setattr(File, "read", read_late)
    assert later(clock, prompt, looks=1) == "Old ?"
    assert later(clock, prompt, looks=2) == "All of ?"


def test_the_file_is_not_looked_at_more_often_than_said(file: Path, clock: VirtualClock) -> None:
    prompt = Prompt.load(file, reload=10)
    write(file, "New {q}")
    assert later(clock, prompt, looks=9) == "Old ?"
    assert later(clock, prompt, looks=11) == "New ?"


def test_without_reloading_the_file_is_read_once(file: Path, clock: VirtualClock) -> None:
    prompt = Prompt.load(file, reload=None)
    write(file, "New {q}")
    assert later(clock, prompt, looks=5) == "Old ?"
    assert prompt.refresh() is True
    assert prompt.format(q="?") == "New ?"


def test_a_write_right_after_the_start_is_seen_even_when_it_leaves_no_trace(
    file: Path, clock: VirtualClock
) -> None:
    """The file system may give two writes of the same size the same time."""
    write(file, "Old {q}")
    prompt = Prompt.load(file)
    at = file.stat().st_mtime_ns
    file.write_text("New {q}")
    os.utime(file, ns=(at, at))
    assert later(clock, prompt) == "New ?"


@pytest.mark.parametrize("broken", ["", "+++\nmodel = \n+++\nHello {q}", "+++\nmodel = 1"])
def test_a_file_that_breaks_leaves_the_last_good_version_serving(
    file: Path, clock: VirtualClock, broken: str
) -> None:
    prompt = Prompt.load(file)
    write(file, broken)
    with complaining("The last good version goes on serving"):
        assert later(clock, prompt, looks=5) == "Old ?"
    assert prompt.served == "kept"
    assert prompt.problem is not None
    assert str(file) in prompt.problem


def test_a_file_that_is_mended_serves_again(file: Path, clock: VirtualClock) -> None:
    prompt = Prompt.load(file)
    write(file, "")
    with complaining("it has no text"):
        later(clock, prompt)
    write(file, "Mended {q}")
    assert later(clock, prompt) == "Mended ?"
    assert prompt.served == "file"
    assert prompt.problem is None


def test_a_file_that_is_gone_for_a_while_changes_nothing(file: Path, clock: VirtualClock) -> None:
    prompt = Prompt.load(file)
    later(clock, prompt)
    file.rename(file.with_suffix(".away"))
    with complaining("the file is gone"):
        assert later(clock, prompt, looks=3) == "Old ?"
    assert prompt.served == "kept"
    file.with_suffix(".away").rename(file)
    assert later(clock, prompt) == "Old ?"
    assert prompt.served == "file"


def test_the_age_grows_while_the_file_says_something_else(file: Path, clock: VirtualClock) -> None:
    prompt = Prompt.load(file)
    later(clock, prompt)
    assert prompt.age == 0
    good = file.read_text()
    file.unlink()
    with complaining("the file is gone"):
        later(clock, prompt)
    first = prompt.age
    clock.advance(60)
    assert prompt.age == pytest.approx(first + 60)
    write(file, good)
    later(clock, prompt)
    assert prompt.age == 0


def test_the_age_of_a_stand_in_is_that_of_the_program(tmp_path: Path, clock: VirtualClock) -> None:
    bundled = tmp_path / "bundled.md"
    bundled.write_text("Old {q}")
    with complaining("cannot be read"):
        prompt = Prompt.load(tmp_path / "none.md", bundled=bundled)
    clock.advance(5)
    assert prompt.age == pytest.approx(5)


def test_other_placeholders_than_the_program_fills_are_kept_out(
    file: Path, clock: VirtualClock
) -> None:
    prompt = Prompt.load(file)
    assert prompt.format(q="?") == "Old ?"
    write(file, "New {q} in {language}")
    with complaining("placeholders are {q}, {language}, and the program gives values for {q}"):
        assert later(clock, prompt) == "Old ?"


def test_a_file_with_the_wrong_placeholders_from_the_start_can_be_mended(
    file: Path, clock: VirtualClock
) -> None:
    write(file, "Old {question}")
    prompt = Prompt.load(file)
    with pytest.raises(ConfigurationError, match=r"no value is given for \{question\}"):
        prompt.format(q="?")
    write(file, "Mended {q}")
    clock.advance(1)
    with pytest.raises(ConfigurationError):
        prompt.format(q="?")
    assert later(clock, prompt) == "Mended ?"


def test_declared_placeholders_are_checked_at_the_start(file: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"gives values for \{question\}"):
        Prompt.load(file, placeholders=["question"])
    assert Prompt.load(file, placeholders=["q"]).format(q="?") == "Old ?"


def test_one_text_is_no_list_of_placeholders(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="placeholders='q': give a list of names"):
        Prompt.load(file, placeholders="q")


def _refuse(version: PromptVersion) -> object:
    return version.text.startswith("Old") or "it must begin with Old"


def _fail(version: PromptVersion) -> object:
    return bool(1 / (version.text.startswith("Old")))


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (_refuse, "it must begin with Old"),
        (_fail, "the check failed with ZeroDivisionError"),
        (lambda version: version.text.startswith("Old"), "the check says no"),
    ],
)
def test_a_check_keeps_a_version_out(
    file: Path, clock: VirtualClock, check: Any, message: str
) -> None:
    prompt = Prompt.load(file, check=check)
    write(file, "New {q}")
    with complaining(message):
        assert later(clock, prompt, looks=4) == "Old ?"


def test_refreshing_says_what_is_wrong_and_keeps_the_last_good_version(file: Path) -> None:
    prompt = Prompt.load(file)
    write(file, "")
    with complaining("it has no text"), pytest.raises(ConfigurationError, match="it has no text"):
        prompt.refresh()
    assert prompt.format(q="?") == "Old ?"
    assert prompt.served == "kept"


def test_a_clock_that_jumps_back_does_not_stop_the_looking(file: Path) -> None:
    prompt = Prompt.load(file)
    write(file, "New {q}")
    with virtual_clock() as clock:  # its time is another
        clock.advance(1)
        later(clock, prompt)
        assert later(clock, prompt) == "New ?"


def test_a_link_that_is_set_to_another_folder_is_a_changed_file(
    tmp_path: Path, clock: VirtualClock
) -> None:
    """As configuration that is mounted into a container changes: all files at once."""
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "answer.md").write_text(f"{version} {{q}}")
    (tmp_path / "now").symlink_to("v1")
    prompt = Prompt.load(tmp_path / "now" / "answer.md")
    (tmp_path / "next").symlink_to("v2")
    (tmp_path / "next").replace(tmp_path / "now")
    assert later(clock, prompt) == "v2 ?"


def test_a_forked_child_looks_at_the_file_although_its_parent_was_looking(file: Path) -> None:
    code = """
        import os, sys
        from pathlib import Path
        from reliai.prompts import Prompt

        prompt = Prompt.load(sys.argv[1])
        with prompt._keeper._lock:
            child = os.fork()
            if child == 0:
                Path(sys.argv[1]).write_text("New {q}")
                prompt.refresh()
                print(prompt.format(q="?"), flush=True)
                os._exit(0)
            os.waitpid(child, 0)
    """
    assert printed(code, file) == ["New ?"]


def test_threads_see_the_old_version_or_the_new_one(file: Path) -> None:
    prompt = Prompt.load(file, reload=0)
    seen: set[str] = set()
    together = Barrier(5)

    def use() -> None:
        together.wait()
        for _ in range(200):
            seen.add(prompt.format(q="?"))

    threads = [Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    together.wait()
    for number in range(20):
        beside = file.with_suffix(".new")
        beside.write_text(f"{number} {{q}}")
        beside.replace(file)
    for thread in threads:
        thread.join()
    assert seen <= {"Old ?", *(f"{number} ?" for number in range(20))}
    prompt.refresh()
    assert prompt.format(q="?") == "19 ?"


# --- a start with a broken file -------------------------------------------------------------
def test_the_bundled_version_serves_until_there_is_a_good_file(
    tmp_path: Path, file: Path, clock: VirtualClock
) -> None:
    mounted = tmp_path / "mounted.md"
    with complaining("The bundled version serves"):
        prompt = Prompt.load(mounted, bundled=file)
    assert prompt.format(q="?") == "Old ?"
    assert prompt.served == "bundled"
    write(mounted, "Mounted {q}")
    assert later(clock, prompt) == "Mounted ?"
    assert prompt.served == "file"


def test_a_resource_of_a_package_can_be_bundled(tmp_path: Path) -> None:
    class Resource:
        def read_bytes(self) -> bytes:
            return b"Bundled {q}"

    with complaining("The bundled version serves"):
        prompt = Prompt.load(tmp_path / "no.md", bundled=Resource())
    assert prompt.format(q="?") == "Bundled ?"


def test_a_start_with_a_stand_in_goes_on_where_warnings_are_errors(
    file: Path, tmp_path: Path
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prompt = Prompt.load(tmp_path / "no.md", bundled=file)
    assert prompt.problem is not None


def test_a_bundled_version_that_is_no_good_either_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no\.md.*the bundled one cannot be read"):
        Prompt.load(tmp_path / "no.md", bundled=tmp_path / "none.md")


def test_the_last_good_version_serves_after_a_restart(file: Path, tmp_path: Path) -> None:
    Prompt.load(file, snapshots=tmp_path / "kept")
    write(file, "")
    with complaining("The snapshot version serves"):
        prompt = Prompt.load(file, snapshots=tmp_path / "kept", bundled=tmp_path / "none.md")
    assert prompt.format(q="?") == "Old ?"
    assert prompt.served == "snapshot"


def test_a_reloaded_version_is_the_last_good_one(
    file: Path, tmp_path: Path, clock: VirtualClock
) -> None:
    prompt = Prompt.load(file, snapshots=tmp_path / "kept")
    write(file, "New {q}")
    later(clock, prompt)
    file.unlink()
    with complaining("The snapshot version serves"):
        assert Prompt.load(file, snapshots=tmp_path / "kept").format(q="?") == "New ?"
    assert len(list((tmp_path / "kept").iterdir())) == 1


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"content": "Cut {q}", "sha256": "1"}', b"[1]"])
def test_a_damaged_snapshot_is_none(file: Path, tmp_path: Path, damage: bytes) -> None:
    Prompt.load(file, snapshots=tmp_path / "kept")
    (tmp_path / "kept" / "answer.json").write_bytes(damage)
    bundled = tmp_path / "bundled.md"
    bundled.write_text("Bundled {q}")
    file.unlink()
    with complaining("The bundled version serves"):
        prompt = Prompt.load(file, snapshots=tmp_path / "kept", bundled=bundled)
    assert prompt.served == "bundled"


def test_a_snapshot_that_cannot_be_kept_is_said_once(file: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file where the folder should be")
    with complaining("no snapshot can be kept in"):
        for _ in range(2):
            assert Prompt.load(file, snapshots=tmp_path / "kept").format(q="?") == "Old ?"


@pytest.mark.parametrize("names", [(None, None), ("a/answer", "a.answer")])
def test_two_files_are_not_kept_in_one_place(
    tmp_path: Path, names: tuple[str | None, str | None]
) -> None:
    """The one would stand in for the other, and nobody would see it."""
    files = [tmp_path / language / "answer.md" for language in ("en", "de")]
    for each in files:
        each.parent.mkdir()
        each.write_text("Say {q}")
    first = Prompt.load(files[0], name=names[0], snapshots=tmp_path / "kept")
    with pytest.raises(ConfigurationError, match=r"would both be kept there as .*another name="):
        Prompt.load(files[1], name=names[1], snapshots=tmp_path / "kept")
    assert Prompt.load(files[1], name="other", snapshots=tmp_path / "kept").served == "file"
    assert first.served == "file"
