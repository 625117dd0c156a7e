"""A model of handwriting learns from what its users correct, without a server or an account.

A young model reads digits and is often wrong. Its users say so, and correct it; these corrections
become training data, and the same model trained with them is tried beside the old one on digits
that neither has seen. Needs reliai[demo,evals,records], installed from its repository:
`python retraining.py`
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.svm import SVC

import reliai
from reliai import feedback
from reliai.datasets import Case
from reliai.evals import Experiment, scorer
from reliai.records import RecordStore

PIXELS, DIGITS = load_digits(return_X_y=True)
PIXELS, DIGITS = PIXELS.astype(int).tolist(), DIGITS.tolist()
KNOWN, USED = 200, 1000
"""Digits that the model is trained on, and those up to which users have some read."""

Reader = Callable[[list[int]], int]


def trained(images: list[list[int]], labels: list[int]) -> Reader:
    model = SVC(gamma=0.001).fit(images, labels)

    def read_digit(pixels: list[int]) -> int:
        return int(model.predict([pixels])[0])

    return read_digit


# --- users have digits read, and say what they think ---------------------------------------------


def use(model: Reader) -> None:
    read_digit = reliai.reliable(name="digits")(model)
    for pixels, shown in zip(PIXELS[KNOWN:USED], DIGITS[KNOWN:USED], strict=True):
        call = reliai.execute(read_digit, pixels)
        assert call.call_id is not None
        if call.unwrap() == shown:
            feedback.record(call.call_id, "thumbs", 1, by="user")
        else:
            feedback.record(call.call_id, "thumbs", 0, by="user")
            feedback.correct(call.call_id, output=shown, by="user")


# --- corrections become training data, and these a model -----------------------------------------


def retrained(rows: Path) -> Reader:
    talks = [json.loads(line)["messages"] for line in rows.read_text().splitlines()]
    images = [json.loads(question["content"]) for question, _ in talks]
    labels = [int(answer["content"]) for _, answer in talks]
    return trained(PIXELS[:KNOWN] + images, DIGITS[:KNOWN] + labels)


# --- what was gained -----------------------------------------------------------------------------

HELD_OUT = [
    Case(inputs={"pixels": pixels}, expected=shown)
    for pixels, shown in zip(PIXELS[USED:], DIGITS[USED:], strict=True)
]


@scorer
def right(output: int, case: Case) -> bool:
    """Whether it is the digit that was written."""
    return bool(output == case.expected)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        store = RecordStore(f"sqlite:///{folder / 'calls.db'}", content="full")
        reliai.configure(records=store)
        young = trained(PIXELS[:KNOWN], DIGITS[:KNOWN])
        use(young)
        made = feedback.export(
            "sft",
            out=folder / "corrections.jsonl",
            prompt=lambda inputs: json.dumps(inputs["pixels"]),
            held_out=HELD_OUT,
        )
        print(f"{made.rows} rows of training data, left out: {made.left_out or 'none'}")

        def run(model: Reader, name: str) -> "reliai.evals.Run":
            experiment = Experiment(
                model, HELD_OUT, [right], name=name, deterministic=True, runs=folder / "runs"
            )
            return experiment.run()

        before, after = run(young, "young"), run(retrained(made.path), "retrained")
        for each in (before, after):
            mean = each.summary().scores["right"].mean
            print(f"{each.manifest['experiment']}: {mean.estimate:.1%} of {len(HELD_OUT)} right")
        gain = after.compare(before).difference("right")
        print(f"gain: {gain.estimate:+.1%} [{gain.low:+.1%}, {gain.high:+.1%}]")
        reliai.shutdown()
