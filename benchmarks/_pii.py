"""How well and how fast personal data is found: `python -m benchmarks._pii`, project root.

Recall and precision of each kind on a labelled corpus, and the time for a kilobyte, beside presidio
and llm-guard where they are installed. A hit counts when it covers what was labelled and is of its
kind; whatever else is reported counts against precision. The corpus is made, not collected: the
numbers compare engines on the same text, and promise nothing about anybody else's: forms that
nobody thought of are in no corpus of this kind.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from benchmarks._harness import Lab, Row, load
from benchmarks._pii_corpus import Document, corpus

__all__ = ["measured", "rows"]

Found = list[tuple[int, int, str]]
Finder = Callable[[str], Found]

KILOBYTE = (
    "Hello, I ordered two lamps last week (order 48213) and one of them arrived broken. Could you "
    "tell me how I can send it back? The parcel came on 12 March, and I paid 79.90 for both. "
) * 6
QUIET = KILOBYTE[:1000]
BUSY = (KILOBYTE[:940] + " Write to ana@example.com or call +1 415 555 2671.")[:1000]


class Score(NamedTuple):
    """What an engine made of one kind."""

    labelled: int
    covered: int
    reported: int
    right: int

    @property
    def recall(self) -> float:
        """Share of what was labelled that was covered whole."""
        return self.covered / self.labelled if self.labelled else float("nan")

    @property
    def precision(self) -> float:
        """Share of what was reported that was labelled as it."""
        return self.right / self.reported if self.reported else float("nan")


def reliai_rules() -> Finder:
    """The rules that need no library."""
    pii = load("reliai").Pii()
    return lambda text: [tuple(hit) for hit in pii.find(text)]


def presidio() -> Finder:
    """Presidio's pattern recognisers, with an empty model, as `Pii(engine="presidio")` has them."""
    load("presidio_analyzer")
    pii = load("reliai").Pii(engine="presidio")
    pii.prepare()
    return lambda text: [tuple(hit) for hit in pii.find(text)]


LLM_GUARD = {
    "EMAIL_ADDRESS": "email", "CREDIT_CARD": "card", "IBAN_CODE": "iban", "US_SSN": "us_ssn",
    "IP_ADDRESS": "ip", "PHONE_NUMBER": "phone",
}  # fmt: skip


def llm_guard() -> Finder:
    """llm-guard's Anonymize; it loads a model, so it has to be in the cache already."""
    scanners = load("llm_guard.input_scanners")
    vault = load("llm_guard.vault").Vault()
    scanner = scanners.Anonymize(vault, entity_types=list(LLM_GUARD))

    def find(text: str) -> Found:
        results = scanner._analyzer.analyze(
            text=text, language="en", entities=list(LLM_GUARD), score_threshold=0.4
        )
        return [(each.start, each.end, LLM_GUARD.get(each.entity_type, "?")) for each in results]

    return find


ENGINES: dict[str, Callable[[], Finder]] = {
    "reliai": reliai_rules,
    "presidio": presidio,
    "llm-guard": llm_guard,
}


def measured(find: Finder, documents: Iterable[Document]) -> dict[str, Score]:
    """The scores of each kind, and of all under "all"."""
    labelled: Counter[str] = Counter()
    covered: Counter[str] = Counter()
    reported: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for text, labels in documents:
        found = find(text)
        for start, end, kind in labels:
            labelled[kind] += 1
            covered[kind] += any(k == kind and s <= start and end <= e for s, e, k in found)
        for start, end, kind in found:
            reported[kind] += 1
            right[kind] += any(k == kind and s < end and start < e for s, e, k in labels)
    kinds = sorted(set(labelled) | set(reported))
    scores = {k: Score(labelled[k], covered[k], reported[k], right[k]) for k in kinds}
    scores["all"] = Score(labelled.total(), covered.total(), reported.total(), right.total())
    return scores


def rows() -> list[Row]:
    """Time for a kilobyte of text: without personal data, and with two items of it."""

    def building(make: Callable[[], Finder], text: str) -> Callable[[], Callable[[str], Any]]:
        def build() -> Callable[[str], Any]:
            find = make()
            return lambda _prompt: find(text)

        return build

    return [
        Row(group, name, "sync", building(make, text))
        for group, text in (("1 kB without", QUIET), ("1 kB with two", BUSY))
        for name, make in ENGINES.items()
    ]


def _print_scores(seed: int, documents: int) -> None:
    for bare, about in ((False, "with words around"), (True, "without a word that names it")):
        texts = corpus(seed, documents, bare=bare)
        for name, make in ENGINES.items():
            try:
                find = make()
            except Exception as error:
                print(f"\n{name}: skipped ({type(error).__name__}: {str(error)[:80]})")
                continue
            print(f"\n{name}, {documents} texts, {about}")
            print(f"  {'kind':24} {'n':>6} {'recall':>8} {'precision':>10} {'reported':>9}")
            for kind, score in measured(find, texts).items():
                print(
                    f"  {kind:24} {score.labelled:6} {score.recall:8.3f} {score.precision:10.3f}"
                    f" {score.reported:9}"
                )


def _print_times(rounds: int, seconds: float) -> None:
    lab = Lab()
    try:
        timings = lab.interleave(rows(), rounds, seconds)
    finally:
        lab.close()
    print("\ntime for 1 kB, us              median   fastest       cpu")
    for key, timing in timings.items():
        print(f"  {key:28} {timing.median:8.0f} {timing.fastest:9.0f} {timing.cpu:9.0f}")
    for key, reason in lab.skipped.items():
        print(f"  {key:28} {reason}")


def main() -> None:
    """Print the scores and the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=400)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--block", type=float, default=0.05, help="seconds a block")
    options = parser.parse_args()
    _print_scores(options.seed, options.documents)
    _print_times(options.rounds, options.block)


if __name__ == "__main__":
    main()
