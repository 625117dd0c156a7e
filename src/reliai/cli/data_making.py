"""`reliai data add`, `import`, `capture` and others: where cases come from, and where they go."""

from __future__ import annotations

import json
import sys
from pathlib import Path  # noqa: TC003  typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reliai.cli import calls_commands
from reliai.cli.eval_opening import keep_evidence
from reliai.cli.evals_common import AsJson, console, explained, leave, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.datasets import Case, Dataset

__all__ = ["register"]

Name = Annotated[
    str, typer.Argument(metavar="DATASET", help="A name, a folder, or a URL such as s3://….")
]
Reference = Annotated[
    str, typer.Argument(metavar="DATASET[@VERSION]", help="Such as support-refunds@v3.")
]
Message = Annotated[
    str | None,
    typer.Option("-m", "--message", help="Commit at once, with this message."),
]
Columns = Annotated[
    list[str] | None, typer.Option(help="Columns that are inputs, as in prompt,language.")
]
Column = Annotated[str | None, typer.Option(help="The column that it stands in.")]


def register(data: typer.Typer) -> None:
    """Add the commands."""
    for name, command in (
        ("add", add),
        ("remove", remove),
        ("import", import_),
        ("export", export),
        ("capture", capture),
        ("dedup", dedup),
        ("health", health),
    ):
        data.command(name)(command)


@explained
def add(
    dataset: Name,
    *,
    inputs: Annotated[
        str | None, typer.Option(help='The inputs, as JSON: \'{"prompt": "…"}\'.')
    ] = None,
    expected: Annotated[
        str | None, typer.Option(help="What is expected, as JSON; what is none is a text.")
    ] = None,
    name: Annotated[str | None, typer.Option("--id", help="A name that stays.")] = None,
    group: Annotated[str | None, typer.Option(help="The session that it belongs to.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="NAME=VALUE; several may be given.")] = None,
    message: Message = None,
) -> None:
    """Add one case, or what stands on the standard input, a case as JSON on each line."""
    from reliai.datasets import MISSING, Case  # noqa: PLC0415  when it runs

    if inputs is None:
        if sys.stdin.isatty():
            leave("--inputs: give the inputs as JSON, or cases on the standard input")
        _stage(dataset, list(_read_lines(sys.stdin.read())), message)
        return
    case = Case(
        inputs=_json("--inputs", inputs),
        expected=MISSING if expected is None else _json_or_text(expected),
        id=name,
        group=group,
        tags=dict(_pair("--tag", each) for each in tag or ()),
    )
    _stage(dataset, [case], message)


def _read_lines(text: str) -> Iterator[Case]:
    from reliai.datasets import Case  # noqa: PLC0415  when it runs

    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield Case.from_dict(json.loads(line))
            except ValueError as error:
                leave(f"<stdin>:{number}: {error}")


def _json(option: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        leave(f"{option} {text!r}: is no JSON: {error}")


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _pair(option: str, text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not name or not sign:
        leave(f"{option} {text!r}: give a name and a value, as in locale=de")
    return name, value


def _stage(dataset: str, cases: list[Case], message: str | None) -> None:
    """Have cases wait for a commit, or commit them with all that waits."""
    from reliai.cli.data_staging import Staged  # noqa: PLC0415  when it runs
    from reliai.datasets import Dataset  # noqa: PLC0415  the same

    for case in cases:
        _ = case.digest  # what is no JSON is told before anything is written
    opened = Dataset.open(dataset)
    staged = Staged(opened)
    staged.add(cases)
    print(f"{len(cases)} case{'s' * (len(cases) != 1)}, {len(staged)} changes wait for a commit")
    if message is not None:
        staged.apply()
        version = opened.commit(message)
        staged.clear()
        print(f"{version.dataset}@{version.name}: {len(version)} cases")


@explained
def remove(
    dataset: Name,
    keys: Annotated[list[str], typer.Argument(metavar="CASE", help="Ids or digests.")],
) -> None:
    """Have cases removed by the next commit; versions that have them keep them."""
    from reliai.cli.data_staging import Staged  # noqa: PLC0415  when it runs
    from reliai.datasets import Dataset  # noqa: PLC0415  the same

    opened = Dataset.open(dataset)
    latest = opened.latest
    missing = [key for key in keys if latest is None or key not in latest]
    if missing:
        leave(f"{dataset} has no case {missing[0]!r}; `reliai data show {dataset}` lists them")
    staged = Staged(opened)
    staged.remove(keys)
    print(f"{len(keys)} removed, {len(staged)} changes wait for a commit")


@explained
def import_(
    dataset: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE", help=".jsonl, .json, .csv or .parquet.")],
    *,
    inputs: Columns = None,
    expected: Column = None,
    name: Annotated[str | None, typer.Option("--id", help="The column that names cases.")] = None,
    group: Column = None,
    tag: Annotated[list[str] | None, typer.Option(help="Columns that are tags.")] = None,
    message: Message = None,
) -> None:
    """Add the cases of a file. A line that is no case is told by its number; nothing is guessed."""
    from reliai.datasets import load_cases  # noqa: PLC0415  when it runs
    from reliai.datasets.exchange import read_cases  # noqa: PLC0415  the same

    named = inputs or expected or name or group or tag
    if file.suffix == ".parquet" and named:
        leave("--inputs, --expected, --id, --group, --tag: are for .csv, .json and .jsonl")
    if file.suffix in {".jsonl", ".json", ".ndjson"} or named:
        cases = load_cases(
            file,
            inputs=_names(inputs) or None,
            expected=expected,
            id=name,
            group=group,
            tags=_names(tag),
        )
    else:
        cases = read_cases(file)
    _stage(dataset, cases, message)


def _names(given: list[str] | None) -> list[str]:
    """Names that are given one by one, or with commas between."""
    return [name.strip() for text in given or () for name in text.split(",") if name.strip()]


@explained
def export(
    dataset: Reference,
    out: Annotated[
        Path, typer.Argument(metavar="FILE", help=".jsonl, .csv or .parquet; - for lines.")
    ],
) -> None:
    """Write the cases of a version into a file, from which they come back the same."""
    from reliai.datasets import resolve  # noqa: PLC0415  when it runs
    from reliai.datasets.exchange import write_cases  # noqa: PLC0415  the same

    version = resolve(dataset)
    if str(out) == "-":
        for case in version:
            print(json.dumps(case.to_dict(), ensure_ascii=False))
        return
    count = write_cases(version, out)
    print(f"{count} cases of {dataset} in {out}")


@explained
def capture(
    dataset: Name,
    *,
    store: calls_commands.Store = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            help='Which calls become cases: "on_error", "below(confidence, .6)", '
            '"on_feedback(thumbs, 0)", "slowest(.99)", "uniform(.01)", …; several may be given. '
            "(default: on_error and uniform(.01))"
        ),
    ] = None,
    since: Annotated[str | None, typer.Option(help="Only the last 30m, 6h or 7d.")] = None,
    name: calls_commands.Name = None,
    max_per_day: Annotated[int, typer.Option(min=1, help="Cases a day at most.")] = 200,
    message: Annotated[str, typer.Option("-m", "--message", help="Of the new version.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make cases of calls that a store has kept, with personal data replaced; and commit them."""
    from reliai.datasets import Capture, Dataset  # noqa: PLC0415  when it runs

    rules = [_rule(text) for text in rule or ("on_error", "uniform(.01)")]
    opened = Dataset.open(dataset)
    with calls_commands.store_at(store) as source:
        which = {} if name is None else {"name": name}
        at = None if since is None else calls_commands.moment(since)
        counts = Capture.from_store(
            source, opened, rules, since=at, which=which, max_per_day=max_per_day
        )
    told = counts._asdict()
    if not opened.staged:
        if as_json:
            print_json({"version": None, **told})
        leave(f"no case: {counts.seen} calls were seen, and no rule took one", 5)
    version = opened.commit(message or f"captured by {', '.join(rule or ('on_error', 'uniform'))}")
    if as_json:
        print_json({"version": version.name, "cases": len(version), **told})
        return
    print(f"{version.dataset}@{version.name}: {len(version)} cases, {version.added} of them new")
    print(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in told.items() if count))


def _rule(text: str) -> Any:
    """The capture rule of a text such as "below(confidence, .6)".

    Words need no quotes, and nothing is evaluated but numbers and quoted words.
    """
    from reliai.datasets import rules  # noqa: PLC0415  when it runs
    from reliai.errors import ConfigurationError  # noqa: PLC0415  the same

    name, bracket, rest = text.strip().partition("(")
    known = [each for each in _RULES if hasattr(rules, each)]
    if name not in known or (bracket and not rest.endswith(")")):
        leave(f"--rule {text!r}: use one of {', '.join(known)}, as in below(confidence, .6)")
    words = [each.strip() for each in rest.removesuffix(")").split(",") if each.strip()]
    named = dict(each.split("=", 1) for each in words if "=" in each)
    plain = [_value(each) for each in words if "=" not in each]
    options = {key.strip(): _value(value.strip()) for key, value in named.items()}
    try:
        return getattr(rules, name)(*plain, **options)
    except (TypeError, ConfigurationError) as error:
        leave(f"--rule {text!r}: {error}")


_RULES = (
    *("on_error", "on_status", "below", "above", "failed_check", "on_feedback", "slowest"),
    *("novel", "uniform"),
)


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.strip("\"'")


@explained
def dedup(
    dataset: Reference,
    *,
    threshold: Annotated[
        float, typer.Option(min=0.5, max=1, help="Likeness from which cases are duplicates.")
    ] = 0.8,
    collapse: Annotated[
        bool, typer.Option("--collapse", help="Keep one case of each cluster, and commit.")
    ] = False,
    back: Annotated[
        bool, typer.Option("--put-back", help="Undo every collapse, and commit.")
    ] = False,
    message: Annotated[str, typer.Option("-m", "--message", help="Of the new version.")] = "",
    as_json: AsJson = False,
) -> None:
    """Cases whose inputs are nearly the same, in clusters."""
    from reliai.datasets import Dataset, near_duplicates, put_back, resolve  # noqa: PLC0415

    version = resolve(dataset)
    opened = Dataset.open(dataset.rpartition("@")[0] or dataset)
    if back:
        _say_commit(opened, put_back(opened), "put back", message or "duplicates put back")
        return
    found = near_duplicates(version, threshold=threshold)
    if as_json:
        print_json(found.to_dict())
    else:
        for cluster in found.clusters:
            note = "  expects different answers" if cluster.conflict else ""
            print(f"{_short(cluster.representative)}{note}")
            for case, likeness in cluster.others:
                print(f"  {likeness:.2f}  {_short(case)}")
        print(f"{found.redundant} of {found.cases} cases are like another one")
    if collapse:
        gone = found.collapse(opened)
        _say_commit(opened, gone, "collapsed", message or f"duplicates at {threshold:g} collapsed")


def _say_commit(opened: Dataset, count: int, what: str, message: str) -> None:
    if not count:
        print(f"nothing {what}", file=sys.stderr)
        return
    version = opened.commit(message)
    said = f"{count} {what}: {version.dataset}@{version.name}, {len(version)} cases"
    print(said, file=sys.stderr)


def _short(case: Case) -> str:
    return case.id or case.digest[:19]


@explained
def health(
    dataset: Reference,
    *,
    store: calls_commands.Store = None,
    since: Annotated[str, typer.Option(help="Live calls of the last 30m, 6h or 7d.")] = "7d",
    name: calls_commands.Name = None,
    as_json: AsJson = False,
) -> None:
    """How a version stands beside live traffic: coverage, drift, age; and what to add.

    Exit code 0: nothing to warn of; 1: warnings.
    """
    from reliai.datasets import resolve  # noqa: PLC0415  when it runs
    from reliai.datasets.health import health_of  # noqa: PLC0415  the same

    version = resolve(dataset)
    with calls_commands.store_at(store) as source:
        found = health_of(version, source, since=calls_commands.moment(since), name=name)
    if as_json:
        print_json(found.to_dict())
    else:
        console().print(str(found), markup=False)
    told = {"live": found.calls, "warnings": list(found.warnings)}
    keep_evidence({"kind": "health", "id": version.reference, "name": version.dataset}, told)
    raise typer.Exit(0 if found.ok else 1)
