"""`reliai gate … --replay`: the last calls of production, put to an experiment's target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reliai.cli import calls_commands
from reliai.cli.eval_opening import experiment_at
from reliai.cli.evals_common import leave

if TYPE_CHECKING:
    from reliai.evals.comparison import RunComparison

__all__ = ["replayed"]


def replayed(
    target: str, name: str, *, store: str | None, last: int, since: str | None, cache: bool | None
) -> RunComparison:
    """What the target of an experiment says to stored calls, beside what was answered.

    Args:
        target: the experiment, of which target and scorers are taken.
        name: of the guarded function whose calls they are.
        store: that keeps content; as of `reliai calls`.
        last: how many calls to look at.
        since: a span or a date.
        cache: whether outputs of earlier runs are taken.
    """
    from reliai.evals.replaying import replay  # noqa: PLC0415  when it runs

    made = experiment_at(target)
    if not made.scorers:
        leave(f"--replay {name}: {target} has no scorers to judge by")
    at = None if since is None else calls_commands.moment(since)
    with calls_commands.store_at(store) as opened:
        return replay(
            made.target, opened, made.scorers, name=name, last=last, since=at, cache=cache
        )
