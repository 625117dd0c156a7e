"""From the calls that users made to a gate on the next change, without a server or an account.

Two models are served: one reads handwritten digits, one answers questions about Python. Their calls
become the cases of two datasets. A change to each is then tried on these cases beside what is
served today, and a gate says whether it may go out: a harmless change may, a planted regression
may not. Needs reliai[demo,evals], installed from its repository: `python evaluation.py`
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

import reliai
from digits import read_digit
from docs_answers import answer
from local_models import TRAINED_ON, best_passages, serve, unseen_digits
from local_models import read_digit as served_digit
from reliai.datasets import Capture, Case, Dataset, Version, below, on_error, uniform
from reliai.evals import Experiment, Gate, scorer

HANDWRITTEN = unseen_digits()[:300]
ASKED = sorted(topic for topic, text in topics.items() if len(text) > 400)

# --- the calls of the users, and what somebody said was right ------------------------------------


def use_the_models(digits: Dataset, questions: Dataset) -> None:
    rules = [on_error(), below("confidence", 0.7), uniform(0.9)]
    captures = (
        Capture(digits, rules, only="digits", max_per_day=1000),
        Capture(questions, [on_error(), uniform(1.0)], only="docs", max_per_day=1000),
    )
    reliai.configure(observers=captures)
    with serve():
        for pixels, shown in HANDWRITTEN:
            call = reliai.execute(read_digit, pixels)
            captures[0].feedback(call.call_id, "correction", {"digit": shown})
        for topic in ASKED:
            call = reliai.execute(answer, f"What is there to know about {topic} in Python?")
            "".join(call.unwrap())
            captures[1].feedback(call.call_id, "correction", topic)
    reliai.flush()


# --- what is judged ------------------------------------------------------------------------------


@scorer
def right(output: str, case: Case) -> bool:
    """Whether the digit is the one that was written."""
    return bool(json.loads(output)["digit"] == case.expected["digit"])


@scorer
def on_topic(output: str, case: Case) -> bool:
    """Whether the passage is of the topic that was asked about."""
    return output in " ".join(topics[case.expected].split())


# --- what is served today, and two changes of each -----------------------------------------------


def documentation(question: str) -> str:
    return best_passages(question)[0]


def classifier(of: Callable[[Any], Any], neighbors: int) -> Callable[..., str]:
    pixels, digits = load_digits(return_X_y=True)
    model = KNeighborsClassifier(neighbors).fit(of(pixels[:TRAINED_ON]), digits[:TRAINED_ON])

    def candidate(pixels: list[int]) -> str:
        return json.dumps({"digit": int(model.predict(of([pixels]))[0])})

    return candidate


def as_they_are(pixels: Any) -> Any:
    return pixels


def upper_half(pixels: Any) -> Any:
    return [row[:24] for row in pixels]  # somebody cut three of eight lines too many


def without_politeness(question: str) -> str:
    return best_passages(question.rstrip("?"))[0]


def cut_short(question: str) -> str:
    return best_passages(question[:30])[0]  # the topic is named at the end


CHANGES: dict[str, tuple[Callable[..., str], dict[str, Callable[..., str]]]] = {
    "digits": (
        served_digit,
        {
            "four neighbours": classifier(as_they_are, 4),
            "half the lines": classifier(upper_half, 5),
        },
    ),
    "questions": (
        documentation,
        {"no question mark": without_politeness, "30 characters": cut_short},
    ),
}


def judge(name: str, version: Version, folder: Path) -> None:
    measure = right if name == "digits" else on_topic
    gate = Gate(measure.name, non_inferior=0.05) & Gate("failure_rate", max=0.05)
    served, changes = CHANGES[name]

    def run(target: Callable[..., str], called: str) -> Any:
        experiment = Experiment(
            target, version, [measure], name=called, deterministic=True, runs=folder / "runs"
        )
        return experiment.run()

    baseline = run(served, f"{name} today")
    for called, target in changes.items():
        print(f"\n{name}, {called}:")
        print(gate.judge(run(target, called).compare(baseline)))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        datasets = {name: Dataset.open(str(folder / name)) for name in CHANGES}
        use_the_models(*datasets.values())
        for name, dataset in datasets.items():
            version = dataset.commit("the first day")
            print(f"{version.reference}: {len(version)} cases of served calls")
            judge(name, version, folder)
