"""What a dataset costs, by its size: `python -m benchmarks._datasets [--cases 100000] [--s3]`.

Beside it the least that a file of JSON lines takes: written once, read once, and written anew with
a hundred more cases. Times are of this process; with `--s3` an object store runs in it too (moto).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks._harness import settle
from reliai.datasets import Case, Dataset, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ADDED = 100
ROUNDS = 5


class Took(NamedTuple):
    """Seconds on the wall and of this process."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:8.4f} s {self.cpu:8.4f} s"


def took(act: Callable[[], Any]) -> Took:
    """How long something takes once."""
    settle()
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def least(act: Callable[[int], Any]) -> Took:
    """How long the quickest of some rounds takes; each is told its number."""
    return min(took(partial(act, number)) for number in range(ROUNDS))


def cases(count: int, word: str) -> list[Case]:
    """Cases of about 150 bytes, in sessions of four."""
    text = "lorem ipsum dolor " * 5
    return [
        Case(
            inputs={"prompt": f"{word} {number} {text}", "k": number},
            expected=f"answer {number}",
            tags={"locale": "de" if number % 2 else "en"},
            group=f"s{number // 4}",
        )
        for number in range(count)
    ]


def of_dataset(where: str, count: int, options: dict[str, Any]) -> dict[str, Took]:
    """What a dataset of so many cases takes."""

    def opened() -> Dataset:
        return Dataset.open(where, **options)

    def begin() -> None:
        dataset = opened()
        dataset.add(cases(count, "question"))
        dataset.commit("begin")

    def more(number: int) -> None:
        dataset = opened()
        dataset.add(cases(ADDED, f"round {number}"))
        dataset.commit("more")

    def version() -> Any:
        return resolve(f"{where}@latest", **options)

    found = {"add and commit all": took(begin)}
    key = next(iter(version())).key
    found[f"commit {ADDED} on top"] = least(more)
    found["open, length and root"] = least(lambda _: (len(version()), version().root))
    found["open and read all"] = least(lambda _: list(version()))
    found["find one"] = least(lambda _: version().case(key))
    split = {"train": 0.8, "test": 0.2}
    found["split and count"] = least(lambda _: [len(e) for e in version().split(split).values()])
    found["verify"] = took(lambda: opened().verify().require())
    return found


def of_lines(folder: Path, count: int) -> dict[str, Took]:
    """What the same cases take as one file of JSON lines, with nothing checked."""
    path = folder / "lines.jsonl"
    made = [case.to_dict() for case in cases(count, "question")]

    def write(more: Sequence[Any] = ()) -> None:
        path.write_text("".join(json.dumps(each) + "\n" for each in [*made, *more]))

    def read() -> list[Case]:
        with path.open() as lines:
            return [Case.from_dict(json.loads(line)) for line in lines]

    added = [case.to_dict() for case in cases(ADDED, "more")]
    return {
        "add and commit all": took(write),
        f"commit {ADDED} on top": least(lambda _: write(added)),
        "open and read all": least(lambda _: read()),
    }


def shown(title: str, found: dict[str, Took], beside: dict[str, Took]) -> None:
    """Print what was found, and how many times the file's time it is."""
    print(f"\n{title:<24}     wall        cpu     of a plain file")
    for name, each in found.items():
        other = beside.get(name)
        ratio = "" if other is None else f"{each.cpu / other.cpu:10.2f} x"
        print(f"{name:<24} {each} {ratio}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--s3", action="store_true", help="on an object store of this process too")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store: dict[str, Any] | None = None
        if options.s3:
            from tests.datasets.stores import object_store  # it needs moto

            store = stack.enter_context(object_store()).options
        for count in (max(1, options.cases // 100), options.cases):
            lines = of_lines(folder, count)
            shown(f"{count:,} on a disk", of_dataset(f"{folder}/{count}", count, {}), lines)
            if store is not None:
                found = of_dataset(f"s3://bucket/{count}", count, store)
                shown(f"{count:,} on S3", found, lines)


if __name__ == "__main__":
    main()
