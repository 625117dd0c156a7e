"""Datasets on an object store and in memory: the same, with as few requests as it takes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import fsspec  # type: ignore[import-untyped]
import pytest

from reliai.datasets import Case, Dataset, DatasetError, Source
from reliai.datasets import _remote as remote
from reliai.testing import virtual_clock
from tests.datasets.stores import Bucket, object_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with object_store() as made:
        yield made


@pytest.fixture(params=["memory", "s3"])
def opened(request: pytest.FixtureRequest) -> Callable[[], Dataset]:
    """Opens one and the same new dataset, each time anew."""
    name = uuid4().hex
    if request.param == "memory":
        return lambda: Dataset.open(f"memory://{name}/refunds")
    store: Bucket = request.getfixturevalue("bucket")
    return lambda: store.dataset(f"{name}/refunds")


def _case(number: int, **more: object) -> Case:
    return Case.from_dict({"inputs": {"prompt": f"question {number}"}, **more})


def test_versions_are_the_same_as_on_a_disk(opened: Callable[[], Dataset], tmp_path: Any) -> None:
    here, there = Dataset.open(tmp_path / "refunds"), opened()
    for dataset in (here, there):
        dataset.add([_case(number, id=f"q{number}") for number in range(50)])
        dataset.commit()
        dataset.add([_case(number) for number in range(60, 80)])
        dataset.remove("q7")
        dataset.commit("second")
        dataset.tag("golden", "v1")
    again = opened()
    assert [each.root for each in again.log()] == [each.root for each in here.log()]
    assert list(again.at("v2")) == list(here.at("v2"))
    assert (again.name, again.at("golden").name, len(again.at("v2"))) == ("refunds", "v1", 69)
    assert str(again.diff("v1", "v2")) == str(here.diff("v1", "v2"))
    assert again.verify().ok


def test_what_is_forgotten_is_in_no_object_any_more(opened: Callable[[], Dataset]) -> None:
    dataset = opened()
    call = Source(kind="call", id="c1")
    dataset.add([_case(1), Case(inputs={"prompt": "canary-5e1d"}, sources=(call,))])
    dataset.commit()
    dataset.add(_case(2))
    dataset.commit()
    assert dataset.forget(calls=["c1"]).versions == ("v1", "v2")
    storage: Any = dataset._parts.storage
    files = storage._files
    for path in files.find(dataset.url):
        assert b"canary" not in files.cat_file(path), path
    assert [len(each) for each in opened().log()] == [2, 2, 1]
    found = opened().verify(deep=True)
    assert found.ok, str(found)


def test_threads_that_commit_at_once_lose_nothing(opened: Callable[[], Dataset]) -> None:
    writers, failures = 3, []
    start = threading.Barrier(writers)

    def write(writer: int) -> None:
        try:
            dataset = opened()
            start.wait(10)
            for number in range(2):
                dataset.add(_case(10 * writer + number, id="shared" if number else None))
                dataset.commit(f"{writer}/{number}")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    latest = opened().latest
    assert latest is not None
    assert (latest.name, len(latest)) == ("v6", writers + 1)
    assert opened().verify(deep=True).ok


def test_a_commit_is_seen_by_whoever_looked_before(opened: Callable[[], Dataset]) -> None:
    reader, writer = opened(), opened()
    assert reader.latest is None
    for number in range(1, 4):
        writer.add(_case(number))
        writer.commit()
        latest = reader.latest
        assert latest is not None
        assert (latest.name, len(latest)) == (f"v{number}", number)


def test_opening_and_counting_reads_no_part(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = uuid4().hex
    dataset = bucket.dataset(name)
    dataset.add([_case(number) for number in range(100)])
    dataset.commit()
    reads = _reads(monkeypatch)
    latest = bucket.dataset(name).latest
    assert latest is not None
    assert len(latest) == 100
    assert reads == ["versions/v1.json", "versions/v2.json"]


def _reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    reads: list[str] = []
    read = remote.RemoteStorage.read

    def counted(self: Any, path: str, start: int = 0, end: int | None = None) -> bytes:
        reads.append(path)
        return read(self, path, start, end)

    monkeypatch.setattr(remote.RemoteStorage, "read", counted)
    return reads


def test_a_request_that_was_answered_twice_is_a_commit(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer is lost, so the client asks again and hears that the file is there."""
    dataset = bucket.dataset()
    dataset.add(_case(1))
    dataset.commit()
    files = bucket.files  # fsspec gives everybody the same
    pipe = files.pipe_file
    repeated: list[str] = []

    def twice(path: str, data: bytes, **options: Any) -> None:
        pipe(path, data, **options)
        if options.get("mode") == "create":
            repeated.append(path)
            pipe(path, data, **options)

    monkeypatch.setattr(files, "pipe_file", twice)
    dataset.add(_case(2))
    assert dataset.commit().name == "v2"
    assert len(repeated) == 1


def test_a_store_that_overwrites_is_refused(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = bucket.files
    pipe = files.pipe_file

    def careless(path: str, data: bytes, mode: str = "") -> Any:
        return pipe(path, data)

    monkeypatch.setattr(files, "pipe_file", careless)
    dataset = bucket.dataset()
    dataset.add(_case(1))
    with pytest.raises(DatasetError, match="needs conditional writes"):
        dataset.commit()
    assert dataset.latest is None


def test_an_unknown_protocol_is_refused_by_name() -> None:
    with pytest.raises(DatasetError, match="knows no such protocol"):
        _ = Dataset.open("nowhere://bucket/x").latest


def test_a_url_without_folder_is_refused() -> None:
    with pytest.raises(DatasetError, match="names no folder"):
        Dataset.open("memory://")


def test_a_flipped_byte_is_found_in_memory_too() -> None:
    name = uuid4().hex
    dataset = Dataset.open(f"memory://{name}")
    dataset.add(_case(1))
    dataset.commit()
    files = fsspec.filesystem("memory")
    (part,) = files.glob(f"/{name}/parts/*/*.jsonl")
    files.pipe_file(part, files.cat_file(part).replace(b"question 1", b"question 2"))
    assert Dataset.open(f"memory://{name}").verify().digests == (_case(1).digest,)


def test_two_requests_that_met_are_sent_once_more(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = bucket.dataset()
    dataset.add(_case(1))
    dataset.commit()
    files = bucket.files
    pipe, conflicts = files.pipe_file, ["versions/v2.json"]

    def met(path: str, data: bytes, **options: Any) -> Any:
        if options.get("mode") == "create" and conflicts and path.endswith(conflicts[0]):
            conflicts.clear()
            raise OSError(16, "ConditionalRequestConflict")
        return pipe(path, data, **options)

    monkeypatch.setattr(files, "pipe_file", met)
    dataset.add(_case(2))
    with virtual_clock():
        assert dataset.commit().name == "v2"
    assert conflicts == []


def test_a_password_in_a_url_is_refused_unsaid() -> None:
    with pytest.raises(DatasetError, match="holds a password") as caught:
        Dataset.open("sftp://ana:secret@host/refunds")
    assert "secret" not in str(caught.value)


def test_a_version_elsewhere_is_read_by_few_requests_that_grow(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reliai.datasets._parts._MOST_ROWS", 8)
    name = uuid4().hex
    dataset = bucket.dataset(name)
    dataset.add([_case(number) for number in range(100)])
    dataset.commit()
    dataset.add([_case(number, tags={"t": "1"}) for number in range(90, 110)])
    dataset.commit()
    asked: list[int] = []
    read = remote.RemoteStorage.read_ranges

    def counted(self: Any, ranges: list[tuple[str, int, int]]) -> list[bytes]:
        asked.append(sum(path.endswith(".jsonl") for path, _, _ in ranges))
        return read(self, ranges)

    monkeypatch.setattr(remote.RemoteStorage, "read_ranges", counted)
    version = bucket.dataset(name).at("v2")
    found = list(version)
    assert len({case.digest for case in found}) == len(found) == 110
    assert sum(case.tags == {"t": "1"} for case in found) == 20
    assert asked[:2] == [2, 4]
    assert len(asked) <= 5


def test_adding_what_is_there_reads_no_row_and_joining_reads_rows_at_once(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = uuid4().hex
    dataset = bucket.dataset(name)
    dataset.add([_case(number) for number in range(30)])
    dataset.commit()
    reads = _reads(monkeypatch)
    dataset.add([_case(number) for number in range(30)])
    assert dataset.commit().name == "v1"
    assert not any(path.endswith(".jsonl") for path in reads)
    dataset.add([_case(number, tags={"t": "1"}) for number in range(20)])
    dataset.remove(_case(25).digest)
    reads.clear()
    version = dataset.commit()
    assert (version.changed, version.removed) == (20, 1)
    # One part is read as a whole, to be merged with what is new; no row of it by itself.
    assert sum(path.endswith(".jsonl") for path in reads) == 1
