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
from loop.models import Reader, served, small, support_vectors
from loop.people import review, use_all, visits
from loop.product import Product
from loop.trail import Kept, Stop, complaint_to_follow, trail
from reliai.datasets import Version
from reliai.evals import GateResult, Run
from reliai.feedback import Exported
from reliai.rollout import Rollout

Say = Callable[[str, str], Any]

ALL: dict[str, Any] = {"rate": 1.0, "max_pending": 999, "timeout": 3600}
"""Shadows of all calls, however fast they come; in production a share of them is enough."""


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
            return _Story(product, say, 3 * seed).tell()
        finally:
            product.close()


class _Story:
    def __init__(self, product: Product, say: Say, seed: int) -> None:
        self.product, self.say, self.seed = product, say, seed
        self.served, self.fast = served(), support_vectors()
        self.verdicts: dict[str, str] = {}

    def tell(self) -> Told:
        self.shadow_a_small_model()
        passed = self.judge_two_candidates()
        self.try_the_fast_one(passed)
        refused, cases = self.learn_what_went_wrong()
        call_id = complaint_to_follow(self.product, cases)
        data, better, passed = self.retrain(cases)
        promoted = self.promote(better, passed)
        again = self.ask_again(call_id, promoted)
        stops = trail(call_id, self.product, Kept(refused, data, again))
        return Told(self.verdicts, call_id, list(stops))

    # --- the first day

    def shadow_a_small_model(self) -> None:
        shadow = reliai.Shadow(small(), name="small", noise_baseline=0.5, **ALL)
        read_digit = reliai.reliable(shadow, name="digits")(self.served)
        use_all(read_digit, visits(1000, phones=0.0, seed=self.seed + 1))
        shadow.drain()
        seen = shadow.report()
        self.verdicts["shadow of small"] = seen.verdict
        self.say(
            "1. A small model in the shadow of the one that serves",
            f"1000 calls, {seen.compared} of them compared: {seen.mismatched} answers differ, and "
            f"no user saw one of them\nevidence that this is more than chance: {seen.e_value:.3g}; "
            f"verdict: {seen.verdict}",
        )

    def judge_two_candidates(self) -> GateResult:
        cases, complaints = self.reviewed("the first day")
        baseline = self.tried(self.served, cases, "served")
        _, no = compared(self.tried(small(), cases, "small"), baseline)
        _, yes = compared(self.tried(self.fast, cases, "fast"), baseline)
        not_begun = canary(self.served, small(), "small", gate=no)
        not_begun.sync()
        self.verdicts["gate on small"] = no.verdict.name
        self.verdicts["canary of small"] = not_begun.status().status
        self.verdicts["gate on fast"] = yes.verdict.name
        self.say(
            "2. A gate on cases of these calls refuses it, and lets another candidate pass",
            f"{len(cases)} cases of the traffic, {len(complaints)} of complaints, each with what a "
            f"reviewer saw\nsmall: {no}\n{not_begun.status()}\n\nfast: {yes}",
        )
        return yes

    # --- the second day: what the gate could not know, a canary finds out

    def try_the_fast_one(self, gate: GateResult) -> None:
        # what the served model would have said is asked of each call that it does not answer
        watched = reliai.Shadow(self.served, name="served", **ALL)(self.fast)
        rollout = canary(self.served, watched, "fast", gate=gate)
        coming = visits(6000, phones=0.5, seed=self.seed + 2)
        serve(rollout, coming)
        self.verdicts["canary of fast"] = rollout.status().status
        use_all(rollout.route(), islice(coming, 700))  # the day goes on, with the control for all
        self.say(
            "3. Half of the users have a phone today: the canary of the fast model",
            str(rollout.explain()),
        )

    def learn_what_went_wrong(self) -> tuple[Run, Version]:
        cases, complaints = self.reviewed("the second day")
        refused = self.tried(self.fast, cases, "fast")
        _, result = compared(refused, self.tried(self.served, cases, "served"))
        self.verdicts["gate on fast, with these cases"] = result.verdict.name
        self.say(
            "4. What went wrong is in the datasets, so the gate knows it from now on",
            f"{len(cases)} cases of the traffic, {len(complaints)} of complaints\nfast: {result}",
        )
        return refused, cases

    # --- the third day

    def retrain(self, cases: Version) -> tuple[Exported, Reader, GateResult]:
        held_out = cases.select(tags={"part": "test"})
        data = exported(self.product.folder / "corrections.jsonl", held_out)
        better = retrained(data.path)
        baseline = self.tried(self.served, held_out, "served")
        comparison, result = compared(self.tried(better, held_out, "retrained"), baseline)
        gain = comparison.difference("right")
        self.verdicts["gate on retrained"] = result.verdict.name
        self.say(
            "5. The fast model, trained on what people said",
            f"{data.rows} rows of training data, none of a form that the {len(held_out)} cases "
            f"show\nright more often by {gain.estimate:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]\n"
            f"retrained: {result}",
        )
        return data, better, result

    def promote(self, better: Reader, gate: GateResult) -> Rollout:
        # it is meant to answer otherwise: the shadow shows how often, and holds nothing up
        shadow = reliai.Shadow(better, name="retrained", noise_baseline=1.0, **ALL)
        rollout = canary(
            self.served, better, "retrained", gate=gate, shadow=shadow, on_shadow="observe"
        )
        count = serve(rollout, visits(6000, phones=0.5, seed=self.seed + 3))
        self.verdicts["canary of retrained"] = rollout.status().status
        before = [f"{each.number}. {each.action} ({each.reason})" for each in rollout.audit()[:-1]]
        self.say(
            "6. It is in the shadow of all calls, and then for a growing share of the users",
            "\n".join([f"{count} calls", *before, str(rollout.explain())]),
        )
        return rollout

    def ask_again(self, call_id: str, rollout: Rollout) -> str:
        call = self.product.store.get(call_id)
        assert call is not None
        with reliai.context(subject=call.subject):
            again = reliai.execute(rollout.route(), **call.inputs).call_id
        assert again is not None
        return again

    # --- what is done again and again

    def tried(self, model: Reader, cases: Any, name: str) -> Run:
        return tried(model, cases, name, self.product.runs)

    def reviewed(self, message: str) -> tuple[Version, Version]:
        """The datasets, once a person has looked at every call in them."""
        self.product.put_up_for_review(*self.product.commit(message))
        review(self.product.queue, "rita")
        return self.product.commit(f"{message}, reviewed")
