"""Three days of a model that reads handwriting, from a first candidate to the one that stays.

No verdict is written down in advance: models are trained, calls made and numbers computed here.
"""

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import reliai
from loop.canary import canary, serve
from loop.gating import compared, tried
from loop.hurry import hurried
from loop.learning import exported, retrained
from loop.models import served, small, support_vectors
from loop.people import review, use, visits
from loop.product import Product
from loop.trail import Kept, Stop, complaint_to_follow, trail

Say = Callable[[str, str], Any]


class Told(NamedTuple):
    """How it ended.

    Attributes:
        verdicts: what was decided, by what it was about.
        call_id: the call that is followed.
        trail: its way.
    """

    verdicts: dict[str, str]
    call_id: str
    trail: list[Stop]


def tell(folder: Path, say: Say, seed: int = 0) -> Told:
    """Run the whole loop.

    Args:
        folder: where calls, datasets, runs and training data are kept.
        say: is given the title and the text of each chapter.
        seed: of who comes, and what they write.
    """
    with hurried():
        product = Product(folder)
        try:
            return _days(product, say, seed)
        finally:
            product.close()


def _days(product: Product, say: Say, seed: int) -> Told:
    today = served()
    decided: dict[str, str] = {}

    # --- the first day: a candidate in the shadow, and what users say

    shadow = reliai.Shadow(
        small(), name="small", rate=0.5, noise_baseline=0.5, max_pending=1000
    )  # compared with what the model that serves says when it is asked twice
    read_digit = reliai.reliable(shadow, name="digits")(today)
    first_day = [use(read_digit, visit) for visit in visits(1200, phones=0.0, seed=3 * seed + 1)]
    shadow.drain()
    seen = shadow.report()
    decided["shadow of small"] = seen.verdict
    say(
        "1. A small model in the shadow of the one that serves",
        f"{len(first_day)} calls, {seen.compared} of them compared: {seen.mismatched} answers "
        f"differ, and the users saw none of them\n"
        f"evidence that it differs from chance: {seen.e_value:.3g}; verdict: {seen.verdict}",
    )

    # --- calls become cases, and cases a gate

    cases, complaints = _reviewed(product, "the first day")
    baseline = tried(today, cases, "served", product.runs)
    candidate = support_vectors()
    said = []
    for name, model in {"small": small(), "fast": candidate}.items():
        comparison, result = compared(tried(model, cases, name, product.runs), baseline)
        decided[f"gate on {name}"] = result.verdict.name
        said.append(f"{name}: {result}")
    say(
        "2. A gate on cases of these calls",
        f"{len(cases)} cases of the traffic, {len(complaints)} of complaints, each with what a "
        f"reviewer saw\n" + "\n".join(said),
    )

    # --- the second day: what the gate could not know, a canary finds out

    asked_twice = reliai.Shadow(today, name="served", rate=1.0, timeout=3600)(candidate)
    fast = canary(today, asked_twice, "fast")
    second_day = visits(6000, phones=0.5, seed=3 * seed + 2)
    serve(fast, second_day)
    decided["canary of fast"] = fast.status().status
    for visit in islice(second_day, 1000):  # the day goes on, with the model of the first
        use(fast.route(), visit)
    say(
        "3. Today half of the users have a phone: the canary of the fast model", str(fast.explain())
    )

    # --- complaints become cases, corrections training data

    cases, complaints = _reviewed(product, "the second day")
    refused = tried(candidate, cases, "fast", product.runs)
    comparison, result = compared(refused, tried(today, cases, "served", product.runs))
    decided["gate on fast, with these cases"] = result.verdict.name
    call_id = complaint_to_follow(product, cases)
    say(
        "4. What went wrong is in the datasets, so the gate knows it from now on",
        f"{len(cases)} cases of the traffic, {len(complaints)} of complaints\nfast: {result}",
    )
    held_out = cases.select(tags={"part": "test"})
    data = exported(product.folder / "corrections.jsonl", held_out)
    learned = retrained(data.path)
    baseline = tried(today, held_out, "served", product.runs)
    comparison, result = compared(tried(learned, held_out, "retrained", product.runs), baseline)
    decided["gate on retrained"] = result.verdict.name
    gain = comparison.difference("right")
    say(
        "5. The fast model, trained on what people said",
        f"{data.rows} rows of training data, none of a form that the {len(held_out)} cases show\n"
        f"right more often by {gain.estimate:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]\n"
        f"retrained: {result}",
    )

    # --- the third day

    better = canary(today, learned, "retrained")
    count = serve(better, visits(6000, phones=0.5, seed=3 * seed + 3))
    decided["canary of retrained"] = better.status().status
    say("6. The canary of the retrained model", f"{count} calls\n{better.explain()}")

    call = product.store.get(call_id)
    assert call is not None
    with reliai.context(subject=call.subject):
        again = reliai.execute(better.route(), **call.inputs).call_id
    assert again is not None
    stops = trail(call_id, product, Kept(fast, refused, data, again))
    return Told(decided, call_id, list(stops))


def _reviewed(product: Product, message: str) -> Any:
    """The datasets, once a person has looked at every call in them."""
    product.put_up_for_review(*product.commit(message))
    review(product.queue, "rita")
    return product.commit(f"{message}, reviewed")
