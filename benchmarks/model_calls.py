"""What is done around a model's answer, and its price: `python -m benchmarks.model_calls`.

One process, one run, all rows of a section interleaved. `benchmarks/README.md` says how to read it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks import _caching, _clients, _holding, _pii, _structured
from benchmarks import _reliai as rel
from benchmarks._command import Bench, parser, run
from benchmarks._pii_corpus import corpus
from benchmarks._report import number, table
from benchmarks._targets import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

QUIET = "1 kB without"


def structured(bench: Bench) -> None:
    """Answers read as a type, and asked for again once."""
    bench.timed(_structured.rows())
    for group in (_structured.ONCE, _structured.AGAIN):
        bench.show(f"{group}, us", group, "sync", lambda _: _structured.BARE)
    bench.show(
        f"{_structured.TYPED}, us", _structured.TYPED, "sync", lambda _: _structured.PYDANTIC
    )


def caching(bench: Bench) -> None:
    """Hits and misses of a full cache."""
    bench.timed(_caching.rows())
    for kind in rel.KINDS:
        for group in _caching.GROUPS:
            bench.show(f"Cache, {group}, us", group, kind, lambda _: _caching.BARE)


def held(bench: Bench) -> None:
    """What checks add to each chunk of a stream."""
    timings = bench.timed(_holding.holding_rows())
    for kind in rel.KINDS:
        if f"held/{_holding.WITHOUT} [{kind}]" not in timings:
            continue
        found = _holding.added(timings, kind)
        bench.figures[f"held [{kind}]"] = found
        lines = [(name, *(number(value) for value in each)) for name, each in found.items()]
        title = f"Checks of a stream of {_holding.MANY_CHUNKS:,} chunks, us added a chunk [{kind}]"
        table(title, ("", "median", "min"), lines)


def privacy(bench: Bench) -> None:
    """Time for a kilobyte, and what is found in a labelled corpus."""
    rows = []
    for row in bench.chosen(_pii.rows()):
        try:
            row.build()
        except ModuleNotFoundError as error:
            bench.lab.skip(row.key, error)
        except Exception as error:
            bench.lab.skipped[row.key] = f"cannot be built: {type(error).__name__}"
        else:
            rows.append(row)
    bench.timings |= bench.lab.interleave(rows, bench.options.rounds, bench.options.block / 1e3)
    for group in sorted({row.group for row in rows}):
        bench.show(f"Personal data, {group}, us", group, "sync", lambda _: "reliai")
    for bare, about in ((False, "with words around"), (True, "without a word that names it")):
        _found(bench, sorted({row.name for row in rows}), about, bare=bare)


def _found(bench: Bench, engines: Sequence[str], about: str, *, bare: bool) -> None:
    texts = corpus(7, bench.options.documents, bare=bare)
    lines = []
    for name in engines:
        for kind, score in _pii.measured(_pii.ENGINES[name](), texts).items():
            figures = score.recall, score.precision
            lines.append((f"{name}, {kind}", f"{score.labelled}", *(f"{f:.3f}" for f in figures)))
            bench.figures[f"pii {about}: {name}, {kind}"] = {"n": score.labelled, "found": figures}
    title = f"Found in {bench.options.documents} made-up texts, {about}"
    table(title, ("", "n", "recall", "precision"), lines)


def clients(bench: Bench) -> None:
    """Reading an answer, a request of a client, and policies that count."""
    bench.timed(_clients.rows())
    for kind in rel.KINDS:
        for group, base, title in (
            (_clients.READING, _clients.TEXT, "A guarded function that"),
            (_clients.REQUEST, _clients.PLAIN, "A request of OpenAI's client, no network,"),
            (_clients.POLICY, _clients.NO_POLICY, "A function that says what it used,"),
        ):
            bench.show(f"{title} us", group, kind, lambda _, base=base: base)  # type: ignore[misc]


SECTIONS: dict[str, Callable[[Bench], None]] = {
    "structured": structured,
    "caching": caching,
    "held": held,
    "privacy": privacy,
    "clients": clients,
}
NEEDED = (
    *(_structured.BARE, _structured.PYDANTIC, _caching.BARE, _holding.WITHOUT),
    *(_clients.TEXT, _clients.PLAIN, _clients.NO_POLICY),
)


def verdicts(bench: Bench) -> Iterator[Verdict]:
    """All targets that this run can judge."""
    again, typed = _structured.AGAIN, _structured.TYPED
    yield from _ratio(
        bench,
        "a",
        f"{again}/{_structured.OURS} [sync]",
        f"{again}/{_structured.INSTRUCTOR} [sync]",
        0.05,
    )
    yield from _ratio(
        bench,
        "b",
        f"{typed}/{_structured.TYPED_OURS} [sync]",
        f"{typed}/{_structured.GUARDRAILS} [sync]",
        1.0,
    )
    for kind in rel.KINDS:
        hit = bench.timings.get(f"hit/{_caching.CACHE} [{kind}]")
        if hit:
            yield Verdict("c", f"a hit [{kind}]", 5.0, "us", hit.median, hit.fastest)
        base = f"miss/{_caching.BASES[kind]} [{kind}]"
        yield from _ratio(bench, "d", f"miss/{_caching.CACHE} [{kind}]", base, 1.5)
        for name, added in bench.figures.get(f"held [{kind}]", {}).items():
            yield Verdict("e", f"held, {name} [{kind}]", 3.0, "us", *added)
    for engine in ("presidio", "llm-guard"):
        for group in (QUIET, "1 kB with two"):
            mine = f"{group}/reliai [sync]"
            yield from _ratio(bench, "f", mine, f"{group}/{engine} [sync]", 1.0)


def _ratio(bench: Bench, letter: str, mine: str, base: str, limit: float) -> Iterator[Verdict]:
    ours, theirs = bench.timings.get(mine), bench.timings.get(base)
    if ours and theirs:
        what = f"{mine} / {base.partition('/')[2]}"
        best = ours.fastest / theirs.fastest
        yield Verdict(letter, what, limit, "x", ours.ratio(theirs), best)


def main(argv: Sequence[str] | None = None) -> None:
    """Run it."""
    made = parser("model_calls", __doc__, SECTIONS)
    made.add_argument("--documents", type=int, default=400, help="labelled texts (%(default)s)")
    run(Bench(made.parse_args(argv), NEEDED), SECTIONS, verdicts)


if __name__ == "__main__":
    main()
