"""Places for datasets: a folder, fsspec's memory, and an object store that speaks S3."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from reliai.datasets import Dataset

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Bucket", "object_store"]


class Bucket:
    """A bucket of an S3 on the loopback."""

    def __init__(self, endpoint: str) -> None:
        self.options: dict[str, Any] = {
            "endpoint_url": endpoint,
            "key": "test",
            "secret": "test",  # the store asks for some
            "client_kwargs": {"region_name": "eu-west-1"},
        }
        self.files.mkdir("bucket")

    @property
    def files(self) -> Any:
        import fsspec  # type: ignore[import-untyped]

        return fsspec.filesystem("s3", **self.options)

    def dataset(self, name: str | None = None) -> Dataset:
        """A dataset; without a name a new one."""
        return Dataset.open(f"s3://bucket/{name or uuid4().hex}", **self.options)


@contextmanager
def object_store() -> Iterator[Bucket]:
    """An S3 in this process, for as long as the block."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield Bucket(f"http://{host}:{port}")
    finally:
        server.stop()
