"""`reliai data`: datasets of cases, their versions and what is between them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reliai.cli import data_making, eval_reports
from reliai.cli.evals_common import (
    AsJson,
    console,
    explained,
    leave,
    named_by,
    print_json,
    progress,
)

if TYPE_CHECKING:
    from reliai.datasets import Case, Cases, Dataset, Version

__all__ = ["register"]

Name = Annotated[
    str, typer.Argument(metavar="DATASET", help="A name, a folder, or a URL such as s3://….")
]
Reference = Annotated[
    str, typer.Argument(metavar="DATASET[@VERSION]", help="Such as support-refunds@v3.")
]
Limit = Annotated[int, typer.Option("-n", "--limit", min=1, help="How many at most.")]

_HOME = Path(".reliai") / "datasets"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    data = typer.Typer(help="Datasets of cases: versions, changes, checks.", no_args_is_help=True)
    for name, command in (
        ("list", list_datasets),
        ("show", show),
        ("commit", commit),
        ("diff", diff),
        ("log", log),
        ("verify", verify),
        ("tag", tag),
        ("split", split),
        ("power", eval_reports.power),
    ):
        data.command(name)(command)
    data_making.register(data)
    app.add_typer(data, name="data")


@explained
def list_datasets(*, as_json: AsJson = False) -> None:
    """The datasets of this project."""
    from reliai.datasets import Dataset  # noqa: PLC0415  when it runs

    names = sorted(each.parent.parent.name for each in _HOME.glob("*/versions/v1.json"))
    rows = [_row(Dataset.open(name)) for name in names]
    if as_json:
        print_json(rows)
        return
    if not rows:
        print(f"no datasets below {_HOME}")
    _print_rows(rows, {"dataset": "name", "version": "version", "cases": "cases"}, "message")


def _row(dataset: Dataset) -> dict[str, Any]:
    from reliai.cli.data_staging import Staged  # noqa: PLC0415  when it runs

    latest = dataset.latest
    return {
        "name": dataset.name,
        "version": None if latest is None else latest.name,
        "cases": 0 if latest is None else len(latest),
        "staged": len(Staged(dataset)),
        "message": "" if latest is None else latest.message,
    }


@explained
def show(
    dataset: Reference,
    case: Annotated[
        str | None, typer.Argument(metavar="[CASE]", help="The id or digest of one case.")
    ] = None,
    *,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """A version and its cases; or one case with all that belongs to it."""
    from reliai.datasets import resolve  # noqa: PLC0415  when it runs

    version = resolve(dataset)
    if case is not None:
        print(json.dumps(_whole(version, case), indent=2, ensure_ascii=False))
        return
    if as_json:
        print_json({**_told(version), "case_keys": list(version.keys())})
        return
    print(_headline(version))
    shown = [one for one, _ in zip(version, range(limit), strict=False)]
    _print_cases(shown)
    if len(version) > limit:
        print(f"… and {len(version) - limit} more; -n shows more, and {dataset} KEY one of them")


def _whole(version: Version, key: str) -> dict[str, Any]:
    found = next((each for each in version if named_by(key, each)), None) or version.case(key)
    return {**found.to_dict(), "digest": found.digest}


def _told(version: Version) -> dict[str, Any]:
    return {
        "dataset": version.dataset,
        "version": version.name,
        "root": version.root,
        "cases": len(version),
        "parent": version.parent,
        "message": version.message,
        "at": version.at,
        "added": version.added,
        "changed": version.changed,
        "removed": version.removed,
    }


def _headline(version: Version) -> str:
    changes = f"+{version.added} ~{version.changed} -{version.removed}"
    return (
        f"{version.dataset}@{version.name}  {len(version)} cases  {changes}  "
        f"{version.root[:19]}…  {version.message}"
    )


def _print_cases(cases: list[Case]) -> None:
    from rich.table import Table  # noqa: PLC0415  when it runs
    from rich.text import Text  # noqa: PLC0415  the same

    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("case", no_wrap=True, max_width=24)
    table.add_column("tags", no_wrap=True, max_width=18)
    table.add_column("inputs", ratio=1)
    for case in cases:
        tags = ",".join(f"{name}={value}" for name, value in case.tags.items())
        inputs = json.dumps(dict(case.inputs), ensure_ascii=False)
        key = case.key if case.id else case.digest[7:19]
        table.add_row(Text(key), Text(tags), Text(inputs[:500], no_wrap=True, overflow="ellipsis"))
    console().print(table)


@explained
def commit(
    dataset: Name,
    *,
    message: Annotated[str, typer.Option("-m", "--message", help="What is new, and why.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a version of what was added, captured, imported or collapsed."""
    from reliai.cli.data_staging import Staged  # noqa: PLC0415  when it runs
    from reliai.datasets import Dataset  # noqa: PLC0415  the same

    opened = Dataset.open(dataset)
    staged = Staged(opened)
    before = opened.latest
    if not staged.apply():
        leave(f"{dataset}: nothing waits for a commit; `reliai data add` has cases wait", 2)
    version = opened.commit(message)
    staged.clear()
    if as_json:
        print_json(_told(version))
    elif before is not None and before.name == version.name:
        print(f"{_headline(version)}\nnothing is changed by what waited")
    else:
        print(_headline(version))


@explained
def diff(before: Reference, after: Reference, *, as_json: AsJson = False) -> None:
    """What is different between two versions: cases that came, went and changed.

    The second may be a version alone, as in `reliai data diff refunds@v3 v4`.
    """
    from reliai.datasets import Dataset  # noqa: PLC0415  when it runs

    name, _, old = before.rpartition("@")
    new = after.rpartition("@")[2]
    if not name:
        leave(f"{before!r}: give the first version with its dataset, as in {before}@v3")
    found = Dataset.open(name).diff(old, new)
    if as_json:
        print_json(found.to_dict())
    else:
        print(found)


@explained
def log(dataset: Name, *, limit: Limit = 20, as_json: AsJson = False) -> None:
    """The versions, the newest first."""
    from datetime import datetime  # noqa: PLC0415  when it runs

    from reliai.datasets import Dataset  # noqa: PLC0415  the same

    opened = Dataset.open(dataset)
    tags: dict[str, list[str]] = {}
    for name, version in opened.tags.items():
        tags.setdefault(version, []).append(name)
    rows: list[dict[str, Any]] = [
        {**_told(version), "tags": tags.get(version.name, [])}
        for version, _ in zip(opened.log(), range(limit), strict=False)
    ]
    if as_json:
        print_json(rows)
        return
    if not rows:
        leave(f"{dataset} has no version yet; `reliai data add` and `commit` make the first")
    for row in rows:
        row["when"] = datetime.fromtimestamp(row["at"]).astimezone().strftime("%Y-%m-%d %H:%M")
        row["changes"] = f"+{row['added']} ~{row['changed']} -{row['removed']}"
        row["message"] = " ".join([*(f"[{tag}]" for tag in row["tags"]), row["message"]])
    titles = {"version": "version", "when": "when", "cases": "cases", "changes": "changes"}
    _print_rows(rows, titles, "message")


def _print_rows(rows: list[dict[str, Any]], titles: dict[str, str], last: str) -> None:
    from rich.table import Table  # noqa: PLC0415  when it runs
    from rich.text import Text  # noqa: PLC0415  the same

    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    for title in titles:
        table.add_column(title, no_wrap=True)
    table.add_column(last, ratio=1)
    for row in rows:
        cells = ["" if row[name] is None else str(row[name]) for name in titles.values()]
        end = Text(str(row[last]), no_wrap=True, overflow="ellipsis")
        table.add_row(*map(Text, cells), end)
    console().print(table)


@explained
def verify(
    dataset: Name,
    *,
    deep: Annotated[bool, typer.Option(help="Make the digest of each case anew.")] = False,
    as_json: AsJson = False,
) -> None:
    """Whether all files are as they were written.

    Exit code 0: they are; 1: they are not, and the cases that are damaged are named.
    """
    from reliai.datasets import Dataset  # noqa: PLC0415  when it runs

    opened = Dataset.open(dataset)
    with progress("verifying") as tell:
        found = opened.verify(deep=deep, progress=tell)
    if as_json:
        problems = [
            {"path": one.path, "line": one.line, "digest": one.digest, "message": one.message}
            for one in found.problems
        ]
        print_json({"ok": found.ok, "versions": found.versions, "problems": problems})
    else:
        print(found)
    if not found.versions and not found.problems:
        leave(f"{dataset} has no version yet", 5)
    raise typer.Exit(0 if found.ok else 1)


@explained
def tag(
    name: Annotated[str, typer.Argument(metavar="TAG", help="Such as golden.")],
    dataset: Reference,
    *,
    move: Annotated[bool, typer.Option(help="Take the tag from another version.")] = False,
) -> None:
    """Give a version a name."""
    from reliai.datasets import Dataset, resolve  # noqa: PLC0415  when it runs

    version = resolve(dataset)
    Dataset.open(dataset.rpartition("@")[0] or dataset).tag(name, version, move=move)
    print(f"{name} is {version.dataset}@{version.name}")


@explained
def split(
    dataset: Reference,
    shares: Annotated[
        list[str], typer.Argument(metavar="NAME=SHARE", help="Such as train=.8 test=.2.")
    ],
    *,
    seed: Annotated[int, typer.Option(help="Another one divides anew.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="A folder that gets a file of the keys of each part.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Divide the cases so that those of one group stay together.

    A case never moves when others are added.
    """
    from reliai.datasets import resolve  # noqa: PLC0415  when it runs

    views = resolve(dataset).split(_shares(shares), seed=seed)
    rows = [{"name": name, "cases": len(view), "root": view.root} for name, view in views.items()]
    for name, view in views.items():
        if out is not None:
            _write_keys(out / f"{name}.txt", view)
    if as_json:
        print_json(rows)
    else:
        _print_rows(rows, {"part": "name", "cases": "cases"}, "root")


def _write_keys(path: Path, view: Cases) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{case.key}\n" for case in view), encoding="utf-8")


def _shares(given: list[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in given:
        name, _, share = text.partition("=")
        try:
            found[name] = float(share)
        except ValueError:
            leave(f"{text!r}: give a name and a share, as in train=.8")
    return found
