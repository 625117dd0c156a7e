"""`reliai feedback`: what people said of calls, training data of it, reviews, and forgetting."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from reliai.cli.calls_commands import Store, Where, conditions, moment, store_at
from reliai.cli.evals_common import AsJson, explained, leave, print_json

if TYPE_CHECKING:
    from reliai.datasets import Case, Dataset
    from reliai.feedback import Bias
    from reliai.records import RecordStore

__all__ = ["register"]

Since = Annotated[
    str | None, typer.Option(help="Only the last 30s, 10m, 2h or 7d, or since a date.")
]
Metric = Annotated[str, typer.Option(help="The feedback that says what is good: above 0.")]

_RUNS = Path(".reliai") / "runs"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    said = typer.Typer(
        help="What people said of calls: lists, training data, reviews, forgetting.",
        no_args_is_help=True,
    )
    for name, command in (
        ("list", list_said),
        ("show", show),
        ("export", export),
        ("exports", exports),
        ("bias", bias),
        ("queue", queue),
        ("forget", forget),
    ):
        said.command(name)(command)
    app.add_typer(said, name="feedback")


@explained
def list_said(
    *,
    store: Store = None,
    name: Annotated[str | None, typer.Option(help="Only of this name, as thumbs.")] = None,
    by: Annotated[str | None, typer.Option(help="Only what they said.")] = None,
    session: Annotated[str | None, typer.Option(help="Only of this conversation.")] = None,
    since: Since = None,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="How many at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """What holds now, the latest last."""
    from reliai.cli.feedback_views import print_said  # noqa: PLC0415  when it runs

    at = None if since is None else moment(since)
    with store_at(store) as opened:
        found = opened.feedback.current(session=session, name=name, by=by, since=at, limit=None)
        orphans = opened.feedback.orphans(86_400.0)
    if as_json:
        print_json([one._asdict() for one in found[-limit:]])
        return
    print_said(found[-limit:])
    if len(found) > limit:
        print(f"and {len(found) - limit} before these; -n shows more")
    if orphans.overdue:
        print(
            f"{orphans.overdue} wait for their call for over a day: {', '.join(orphans.call_ids)}"
        )


@explained
def show(
    call: Annotated[str, typer.Argument(metavar="CALL", help="The id, or how it begins or ends.")],
    *,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """All that was ever said of a call, with what was taken back."""
    from reliai.cli.feedback_views import print_said  # noqa: PLC0415  when it runs

    with store_at(store) as opened:
        found = opened.feedback.history(_call_id(opened, call), limit=None)
    if as_json:
        print_json([one._asdict() for one in found])
    else:
        print_said(found, kinds=True)


@explained
def export(
    format: Annotated[  # noqa: A002  the word for it
        Literal["sft", "dpo", "kto", "openai-sft", "openai-dpo"],
        typer.Argument(metavar="FORMAT", help="sft, dpo, kto, openai-sft or openai-dpo."),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="The file, a JSON object a line.")],
    *,
    store: Store = None,
    metric: Metric = "thumbs",
    held_out: Annotated[
        list[str] | None,
        typer.Option(help="DATASET[@VERSION] that evaluations are judged by; several times."),
    ] = None,
    redact: Annotated[
        bool, typer.Option("--redact/--no-redact", help="Replace personal data and secrets.")
    ] = True,
    since: Since = None,
    where: Where = None,
    as_json: AsJson = False,
) -> None:
    """Training data of corrections, votes and preferences. The store must keep content."""
    from reliai import feedback  # noqa: PLC0415  when it runs
    from reliai.cli.feedback_views import print_exported  # noqa: PLC0415  the same

    cases = [case for name in held_out or () for case in _cases(name)]
    with store_at(store) as opened:
        made = feedback.export(
            format,
            out=out,
            metric=metric,
            held_out=cases,
            redact=redact,
            since=None if since is None else moment(since),
            store=opened,
            where=conditions(where),
        )
    if as_json:
        print_json({name: getattr(made, name) for name in made.__slots__})
    else:
        print_exported(made)


def _cases(name: str) -> list[Case]:
    from reliai.datasets import resolve  # noqa: PLC0415  when it runs

    return list(resolve(name))


@explained
def exports(*, store: Store = None, as_json: AsJson = False) -> None:
    """The files that were exported, and how much in each was forgotten since."""
    from reliai.cli.feedback_views import exports_as_data, print_exports  # noqa: PLC0415  as above

    with store_at(store) as opened:
        notes = opened.exports.all()
    if as_json:
        print_json(exports_as_data(notes))
    else:
        print_exports(notes)


@explained
def bias(
    slice: Annotated[  # noqa: A002  the word for it
        str, typer.Argument(metavar="SLICE", help="A tag as locale, or tenant, model_served …")
    ],
    *,
    store: Store = None,
    metric: Metric = "thumbs",
    min_n: Annotated[int, typer.Option(min=1, help="Fewer judgements are insufficient.")] = 30,
    alpha: Annotated[float, typer.Option(help="Share of false alarms, in (0, 1).")] = 0.05,
    since: Since = None,
    where: Where = None,
    rules: Annotated[
        Path | None, typer.Option(help="Write routing rules for the worse slices to this file.")
    ] = None,
    to: Annotated[str, typer.Option(help="The variant that these get.")] = "candidate",
    default: Annotated[str, typer.Option(help="The variant of all others.")] = "control",
    fail: Annotated[
        bool, typer.Option("--fail", help="Exit code 1 when one is worse, 2 when there is none.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Whether some slices are served worse than the others."""
    from reliai import feedback  # noqa: PLC0415  when it runs

    with store_at(store) as opened:
        found = feedback.bias(
            slice,
            metric,
            min_n=min_n,
            alpha=alpha,
            since=None if since is None else moment(since),
            store=opened,
            where=conditions(where),
        )
    if as_json:
        shares = [{name: getattr(one, name) for name in one.__slots__} for one in found.slices]
        named = {"slice": found.slice, "metric": found.metric}
        print_json({**named, "slices": shares, "without": found.without})
    else:
        print(found)
    if rules is not None:
        _write_rules(found, rules, to, default, told=not as_json)
    if not found.slices:
        print(f"no judged call has {slice!r}", file=sys.stderr)
    if fail and not found.slices:  # a name that is wrong must not pass for ever
        raise typer.Exit(2)
    if fail and found.worse:
        raise typer.Exit(1)


def _write_rules(found: Bias, path: Path, to: str, default: str, *, told: bool) -> None:
    from reliai.rollout import SliceRouter, slice_rules  # noqa: PLC0415  when it runs

    names = dict.fromkeys((default, to))
    new = slice_rules(found, to)
    if path.exists():
        names |= dict.fromkeys(SliceRouter.names(path))
        router = SliceRouter.load(path, names).with_rules(new)
    else:
        router = SliceRouter(names, default=default, rules=new)
    router.write(path)
    if told:
        print(f"{len(new)} rules found, {len(router.rules)} in {path}")


@explained
def queue(
    name: Annotated[str | None, typer.Argument(metavar="[QUEUE]", help="One queue.")] = None,
    *,
    store: Store = None,
    add: Annotated[
        list[str] | None, typer.Option(help="Put this call into it; several times.")
    ] = None,
    pair: Annotated[
        tuple[str, str] | None, typer.Option(help="Put two calls into it, to be compared.")
    ] = None,
    shadows: Annotated[
        float | None,
        typer.Option(help="Put this share of calls into it, each with its shadow's answer."),
    ] = None,
    reviews: Annotated[int, typer.Option(min=1, help="People for a call, of a new one.")] = 1,
    as_json: AsJson = False,
) -> None:
    """The review queues; or how far one is, and how far its reviewers agree."""
    from reliai.cli import feedback_views as views  # noqa: PLC0415  when it runs
    from reliai.feedback import ReviewQueue  # noqa: PLC0415  the same

    adding = bool(add or pair or shadows is not None)
    if name is None and adding:
        leave("say which QUEUE: reliai feedback queue QUEUE --add CALL")
    with store_at(store) as opened:
        if name is None:
            queues = ReviewQueue.list(store=opened)
            if as_json:
                print_json([views.queue_as_data(one, None) for one in queues])
            else:
                views.print_queues(queues)
            return
        if name not in opened.reviews.queues() and adding:
            chosen = ReviewQueue(name, reviews_per_item=reviews, store=opened)
        else:
            chosen = ReviewQueue.open(name, store=opened)
        if adding:
            new = chosen.add(*(_call_id(opened, one) for one in add or ()))
            if pair is not None:
                new += chosen.add_pair(*(_call_id(opened, one) for one in pair))
            new += 0 if shadows is None else chosen.fill_pairs(rate=shadows)
            if not as_json:
                print(f"{new} new")
        agreement = chosen.agreement() if chosen.progress().submitted else None
        if as_json:
            print_json(views.queue_as_data(chosen, agreement))
        else:
            views.print_queue(chosen, agreement)


def _call_id(store: RecordStore, part: str) -> str:
    """The whole id of a call; what no call has may be one that is yet to come, or was deleted."""
    found = store.find(part)
    if len(found) > 1:
        leave(f"{part!r} begins or ends several ids: {', '.join(one.id for one in found)}, …")
    return found[0].id if found else part


@explained
def forget(
    subject: Annotated[str, typer.Argument(help="Whom the calls were made for.")],
    *,
    store: Store = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(help="A further dataset, beside those of this project; several times."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete what is there of a subject: calls, feedback, reviews, cases in all versions.

    It is not undone. Files that were exported earlier are named, and not deleted.
    """
    from reliai import feedback  # noqa: PLC0415  when it runs

    with store_at(store) as opened:
        datasets = _datasets(dataset or ())
        if not yes:
            names = ", ".join(one.name for one in datasets) or "no dataset"
            typer.confirm(f"delete all of {subject!r} in {opened!r} and {names}?", abort=True)
        waiting = _unstaged(opened, subject, datasets)
        done = feedback.forget(subject=subject, datasets=datasets, store=opened)
    gone = {key for one in done.datasets for key in (*one.removed, *one.kept)}
    runs = _runs_with(gone)
    if as_json:
        print_json(
            {
                "calls": done.calls,
                "said": done.said,
                "datasets": [
                    {each: getattr(one, each) for each in one.__slots__} for one in done.datasets
                ],
                "staged": waiting,
                "exports": [one._asdict() for one in done.exports],
                "runs": runs,
            }
        )
        return
    print(done)
    if waiting:
        print(f"{waiting} cases that waited for `reliai data commit` are left out")
    for run in runs:
        print(f"{run} has outputs of such cases: delete it")


def _datasets(more: Any) -> list[Dataset]:
    from reliai.datasets import Dataset  # noqa: PLC0415  when it runs

    home = Path(".reliai") / "datasets"
    names = [each.parent.parent.name for each in home.glob("*/versions/v1.json")]
    return [Dataset.open(name) for name in dict.fromkeys((*sorted(names), *more))]


def _unstaged(store: RecordStore, subject: str, datasets: list[Dataset]) -> int:
    from reliai.cli.data_staging import Staged  # noqa: PLC0415  when it runs
    from reliai.datasets._whose import Whose  # noqa: PLC0415  the same

    traces = store.feedback.traces(subject)
    whose = Whose(*map(frozenset, (traces.calls, traces.said, traces.sessions, ())))
    return sum(Staged(one).forget(whose) for one in datasets)


def _runs_with(keys: set[str]) -> list[str]:
    """The folders of runs that have tries of these cases."""
    found: dict[str, None] = {}
    for path in sorted(_RUNS.glob("*/*/*.jsonl")) if keys else ():
        text = path.read_text(encoding="utf-8", errors="replace")
        if any(key in text for key in keys):
            found[str(path.parent)] = None
    return list(found)
