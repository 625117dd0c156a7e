"""The documentation page of the incidents, written from what a replay measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reliai.incidents.registry import Incident, find

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reliai.incidents.findings import Part, Report

__all__ = ["page", "section", "table_of"]

_INTRO = """\
# Incidents, replayed

What went wrong in production, over and over, as scenarios that run in virtual time: no network, no
waiting, the same numbers each time. Each is run three times, and only the three together show
anything:

- **unguarded**: the same application without reliai. The damage must be there.
- **guarded**: with the policies named below. It must be noticed in time and contained.
- **healthy**: the guarded functions on an ordinary day, {calls:,} calls. Nothing may be raised.

```console
$ reliai replay                    # all of them, on all cores; exit code 1 when one fails
$ reliai replay IR-02 IR-06        # some
$ reliai replay --list             # what there is
$ reliai replay --quick            # with {quick:,} healthy calls in place of {calls:,}
$ reliai replay --json facts.json  # every fact and its limit; "-" prints them
```

This page is written by `reliai replay --write docs/incidents.md`, and a test sees to it that it
says what a replay measures. A limit with "±" is that of a percentile or of a share, which a replay
estimates.
"""

_ADD = """\
## Add an incident

An incident is three functions of a trial. They run under a virtual clock of their own, so
`asyncio.sleep` takes no time; chance comes from `trial.random`; what they measure they tell the
trial, with the limit that it must keep. In the unguarded part the limits say how bad it has to be.

```python
import reliai
from reliai.incidents import Provider, Trial, Watch, incident, offer, run_incident

SLOW_MONDAY = incident(
    "ACME-1",
    title="every second request fails",
    scenario="5 calls/s for a minute; half of the requests get 503",
    evidence="our own gateway, on a Monday",
    guard="Retry(4)",
)


def guarded(provider, *observers):
    @reliai.reliable(reliai.Retry(4, budget=None), observers=observers)
    async def ask(question: int) -> str:
        return await provider.answer(question)

    return ask


@SLOW_MONDAY.unguarded
async def it_hurts(trial: Trial) -> None:
    provider = Provider(trial, failing=lambda now: 0.5)
    replies = await offer(trial, provider.answer, rate=5, seconds=60)
    trial.at_least("calls that fail", sum(not reply.ok for reply in replies), 100)


@SLOW_MONDAY.guarded
async def it_is_contained(trial: Trial) -> None:
    provider = Provider(trial, failing=lambda now: 0.5)
    replies = await offer(trial, guarded(provider), rate=5, seconds=60)
    failed = sum(not reply.ok for reply in replies)
    trial.at_most("calls that fail", 100 * failed / len(replies), 12, "%")
    trial.detected("at once")


@SLOW_MONDAY.healthy
async def nothing_happens(trial: Trial) -> None:
    provider, watch = Provider(trial), Watch(trial)
    await offer(trial, guarded(provider, watch), rate=5, calls=trial.calls)
    trial.none("retries", watch.counts["retry"])


report = run_incident("ACME-1", calls=1_000)
print(report.ok, [part.ok for part in report.parts])
```

```text
True [True, True, True]
```

`incident(…)` puts it into the catalogue. To have `reliai replay` find the incidents of your
package, name the module that makes them under the entry point group `reliai.incidents`:

```toml
[project.entry-points."reliai.incidents"]
acme = "acme.incidents"
```
"""


def page(reports: Sequence[Report], *, calls: int, quick: int) -> str:
    """The whole page, as Markdown.

    Args:
        reports: of all incidents, in order.
        calls: calls of a healthy part.
        quick: the same with `--quick`.
    """
    parts = [_INTRO.format(calls=calls, quick=quick), _overview(reports)]
    parts += [section(find(report.id), report) for report in reports]
    return "\n".join([*parts, _ADD])


def section(incident: Incident, report: Report) -> str:
    """What one incident is, and every fact of its three parts."""
    return "\n".join(
        [
            f"## {incident.id}: {incident.title}\n",
            f"{incident.scenario[0].upper()}{incident.scenario[1:]}.\n",
            f"Seen in: {incident.evidence}.\n",
            f"Guarded by: `{incident.guard}`\n",
            *_needs(incident),
            *(table_of(part) for part in report.parts),
        ]
    )


def _needs(incident: Incident) -> list[str]:
    return [f"Needs: `reliai[{','.join(incident.needs)}]`\n"] if incident.needs else []


def table_of(part: Part) -> str:
    """The facts of one part."""
    noticed = f"; noticed: {part.detected}" if part.detected else ""
    rows = [
        (finding.name, finding.text, finding.limit, "yes" if finding.ok else "**no**")
        for finding in part.findings
    ]
    return f"{_table([f'{part.name}{noticed}', 'measured', 'limit', 'met'], rows)}\n"


def _overview(reports: Iterable[Report]) -> str:
    rows = [
        (
            f"[{report.id}](#{_anchor(report)})",
            report.title,
            report.detected or "",
            *(_met(part) for part in report.parts),
        )
        for report in reports
    ]
    head = ["", "incident", "noticed after", "unguarded", "guarded", "healthy"]
    return f"{_table(head, rows)}\n"


def _met(part: Part) -> str:
    met = sum(finding.ok for finding in part.findings)
    words = {"unguarded": "hurts", "guarded": "contained", "healthy": "quiet"}
    verdict = words[part.name] if part.ok else "**fails**"
    return f"{verdict} ({met} of {len(part.findings)})"


def _anchor(report: Report) -> str:
    """The anchor that a heading gets on GitHub."""
    heading = f"{report.id}: {report.title}".lower()
    kept = [each for each in heading if each.isalnum() or each in " -"]
    return "".join(kept).replace(" ", "-")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
