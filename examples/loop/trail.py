"""One call through the whole loop, read back from where each step is kept."""

import json
from collections.abc import Iterator
from typing import NamedTuple

from loop.canary import MATURE
from loop.product import Product
from reliai.datasets import Case, Version
from reliai.evals import Run
from reliai.feedback import Exported
from reliai.records import StoredCall
from reliai.rollout import AuditEntry
from reliai.rollout.operating import Operated


class Stop(NamedTuple):
    """One step of a call's way.

    Attributes:
        step: what happened.
        told: what of it.
        where: what connects it with the call, and where it is kept.
    """

    step: str
    told: str
    where: str


class Kept(NamedTuple):
    """Where the steps that come later are kept.

    Attributes:
        refused: the run of its candidate on the cases that have the call.
        data: the training data.
        again: a call with the same pixels, after the promotion.
    """

    refused: Run
    data: Exported
    again: str


def case_of(version: Version, call_id: str) -> Case:
    """The case that was made of a call."""
    return next(case for case in version if any(source.id == call_id for source in case.sources))


def entry_of(product: Product, version: str, action: str) -> AuditEntry:
    """From the audit of a rollout, as any other process sees it."""
    audit = Operated(product.state, "digits", version).audit()
    return next(entry for entry in audit if entry.action == action)


def route_of(call: StoredCall) -> dict[str, object]:
    """What the rollout noted on the call."""
    return next(dict(event.attributes) for event in call.events if event.kind == "route")


def complaint_to_follow(product: Product, cases: Version) -> str:
    """A call that the canary got wrong, and was rolled back for, of which there is a case.

    Its form is for training, and if there is one, the model that served before gets it right.
    """
    store, found = product.store, ""
    known = {source.id for case in cases for source in case.sources}
    counted = entry_of(product, "fast", "rollback").at - MATURE
    for call in store.calls(name="digits", where={"tag:part": "train"}, limit=None):
        said = {each.name: each.value for each in call.feedback}
        bad = call.variant == "candidate" and said.get("thumbs") == 0
        if bad and call.id in known and call.started_at < counted:
            found = call.id
            shadows = store.calls(where={"parent_id": call.id, "tag:shadow": "served"})
            if shadows and shadows[0].output == said["correction"]:
                break
    if not found:
        raise LookupError("of the complaints about the candidate none has a case")
    return found


def trail(call_id: str, product: Product, kept: Kept) -> Iterator[Stop]:
    """Every step, in order, each read from where it is kept."""
    store = product.store
    call = store.get(call_id)
    assert call is not None
    route, said = route_of(call), {each.name: each for each in call.feedback}
    yield Stop("call", f"{call.subject} has a digit read: {call.output}", "its record")
    yield Stop(
        "canary",
        f"answered by the {call.variant} of version {route['version']}, "
        f"which {route['share']:.0%} of the users got",
        "the record's event `route`",
    )
    (shadow,) = store.calls(where={"parent_id": call_id, "tag:shadow": "served"})
    yield Stop("shadow", f"the model that served before says {shadow.output}", "record, parent_id")
    yield Stop("feedback", f"thumbs {said['thumbs'].value} by {said['thumbs'].by}", "its record")
    undone = entry_of(product, "fast", "rollback")
    yield Stop(
        "rollback",
        f"a complaint that counted: the evidence of harm came to {undone.evidence['harm']:.3g}",
        f"the state: audit of version fast, entry {undone.number}",
    )
    yield from _cases(call_id, product)
    correction = said["correction"]
    yield Stop("correction", f"{correction.by} sees a {correction.value}", "record and case")
    case = case_of(product.sample.at("latest"), call_id)
    trial = next(each for each in Run.load(kept.refused.path).trials() if each.case == case.key)
    yield Stop(
        "gate",
        f"the candidate still says {trial.output}, one of the reasons to refuse it",
        f"run {kept.refused.id}",
    )
    rows = json.loads(kept.data.manifest.read_text())["calls"]
    line = next(number for number, calls in enumerate(rows, 1) if call_id in calls)
    yield Stop("training", f"line {line} of {kept.data.path.name}", kept.data.manifest.name)
    passed = entry_of(product, "retrained", "gate")
    yield Stop(
        "model",
        f"trained on that file, it passes the gate: {passed.reason}",
        f"the state: audit of version retrained, entry {passed.number}",
    )
    after = store.get(kept.again)
    assert after is not None
    yield Stop(
        "promotion",
        f"the same pixels again: {after.output}, by version {route_of(after)['version']}, "
        f"which is {route_of(after)['reason']}",
        f"record {kept.again}",
    )


def _cases(call_id: str, product: Product) -> Iterator[Stop]:
    for dataset in (product.complaints, product.sample):
        version = dataset.at("latest")
        told = f"{case_of(version, call_id).key[:19]} in {version.dataset}@{version.name}"
        yield Stop("case", told, "the case's sources")
