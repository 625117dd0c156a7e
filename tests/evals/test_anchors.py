"""Frozen outputs tell a judge that changed from a product that did."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reliai.datasets.case import Case
from reliai.errors import ConfigurationError, GateFailed
from reliai.evals.anchors import Anchors, anchor_items, served_models
from reliai.evals.scorers import judge
from reliai.evals.scoring import Scorer, scorer
from reliai.evals.trial import Score, Trial

ITEMS = [(Case(inputs={"n": n}), n / 200) for n in range(200)]


def passing_from(least: float, version: str) -> Scorer:
    """A judge that passes outputs from a number on."""

    @scorer(name="helpful", version=version)
    def helpful(output: float, case: Case) -> bool:
        return output >= least

    return helpful


FIRST = passing_from(0.10, "1")


def frozen(items: Any = ITEMS) -> Anchors:
    return Anchors.freeze(FIRST, items)


def test_the_same_judge_is_not_asked() -> None:
    asked: list[Any] = []

    @scorer(name="helpful", version=1)
    def counting(output: Any, case: Case) -> bool:
        asked.append(output)
        return True

    anchors = Anchors.freeze(counting, ITEMS)
    found = anchors.check(counting)
    assert (found.verdict, found.n_total, len(asked)) == ("unchanged", 200, 200)
    assert anchors.check(counting, force=True).verdict == "agrees"
    assert len(asked) == 400


def test_a_stricter_judge_drifts_where_200_anchors_show_it() -> None:
    """A judge passes .90 of the anchors, and a new version of it .82 of the very same outputs."""
    found = frozen().check(passing_from(0.18, "2"))
    assert found.verdict == "judge_drift"
    assert (found.laxer, found.stricter) == (0, 16)
    assert found.p_value == pytest.approx(2 * 0.5**16)
    assert found.p_value < 1e-4
    assert (found.mean_before, found.mean_now) == (0.9, 0.82)
    assert len(found.changed) == 16
    assert found.changed[0] == ITEMS[20][0].key


def test_sixty_anchors_are_too_few_for_the_same_change() -> None:
    sixty = [ITEMS[n] for n in range(0, 200, 10)] + [ITEMS[n] for n in range(1, 200, 5)]
    found = frozen(sixty).check(passing_from(0.18, "2"))
    assert (found.n_total, found.verdict) == (60, "inconclusive")
    assert found.stricter == 5
    assert found.p_value == pytest.approx(0.0625)
    assert "with 60 anchors a change is seen from 13.3% of them" in found.note
    assert "have 160 or more" in found.note


def test_another_judge_that_judges_alike_agrees() -> None:
    found = frozen().check(passing_from(0.11, "2"))
    assert (found.verdict, found.stricter, found.note) == ("agrees", 2, "")
    assert found.detectable == 8 / 200


def test_changes_both_ways_are_no_drift() -> None:
    @scorer(name="helpful", version=3)
    def noisy(output: float, case: Case) -> bool:
        return (output >= 0.1) != (output in {0.01, 0.02, 0.03, 0.04, 0.5, 0.6, 0.7, 0.8})

    found = frozen().check(noisy)
    assert (found.laxer, found.stricter, found.verdict) == (4, 4, "agrees")


def test_a_judge_that_fails_on_anchors_is_inconclusive() -> None:
    @scorer(name="helpful", version=4)
    def failing(output: float, case: Case) -> bool:
        if output > 0.9:
            raise ConnectionError
        return output >= 0.1

    found = frozen().check(failing)
    assert (found.verdict, found.n_scored, found.n_total) == ("inconclusive", 181, 200)
    assert found.note == "19 of 200 anchors have no score"
    assert frozen().check(failing, max_missing=0.1).verdict == "agrees"


def test_a_judge_without_any_score_is_inconclusive() -> None:
    @scorer(name="helpful", version=5)
    def silent(output: float, case: Case) -> None:
        return None

    found = frozen().check(silent)
    assert (found.verdict, found.mean_now, found.detectable) == ("inconclusive", None, None)


def test_numbers_are_compared_by_their_sign() -> None:
    def number(factor: float, version: int) -> Scorer:
        return scorer(name="n", version=version)(lambda output, case: output * factor)

    anchors = Anchors.freeze(number(1.0, 1), ITEMS)
    assert anchors.check(number(0.9, 2)).verdict == "judge_drift"
    assert anchors.check(number(1.0 + 1e-13, 3)).verdict == "agrees"


def grader_of(model: str, grade: Callable[[str], int]) -> Any:
    def grader(prompt: str) -> Any:
        said = json.dumps({"reasoning": "x", "grade": grade(prompt)})
        message = {"role": "assistant", "content": said}
        choices = [{"index": 0, "finish_reason": "stop", "message": message}]
        return {"object": "chat.completion", "model": model, "choices": choices}

    return grader


def test_another_model_behind_the_same_judge_has_it_asked_again() -> None:
    served = ["judge-august"]

    def grader(prompt: str) -> Any:
        return grader_of(served[0], lambda prompt: int(served[0] == "judge-august"))(prompt)

    instrument = judge(grader, "Is it helpful?")
    anchors = Anchors.freeze(instrument, ITEMS)
    assert anchors.models == ("judge-august",)
    assert anchors.check(instrument, served={"judge-august"}).verdict == "unchanged"
    served[0] = "judge-september"
    found = anchors.check(instrument, served={"judge-september"})
    assert (found.verdict, found.stricter) == ("judge_drift", 200)
    assert found.refrozen().models == ("judge-september",)


def test_the_models_of_a_run_are_read_from_its_scores() -> None:
    def trial(**metadata: Any) -> Any:
        return SimpleNamespace(scores={"judge": Score(value=1.0, metadata=metadata)})

    trials = [trial(judge_model="a"), trial(judge_model="a+b"), trial(), SimpleNamespace(scores={})]
    assert served_models(trials, "judge") == {"a", "b"}


def test_anchors_are_frozen_anew_for_a_judge_that_is_trusted() -> None:
    stricter = passing_from(0.18, "2")
    new = frozen().check(stricter).refrozen()
    assert new.check(stricter).verdict == "unchanged"
    with pytest.raises(ConfigurationError, match="unchanged"):
        new.check(stricter).refrozen()


def test_anchors_come_back_from_their_file(tmp_path: Path) -> None:
    anchors = frozen()
    read = Anchors.load(anchors.save(tmp_path / "anchors" / "helpful.json"))
    assert (read.name, read.judge, read.digest) == ("helpful", anchors.judge, anchors.digest)
    assert read.items == anchors.items
    assert read.check(FIRST).verdict == "unchanged"
    assert repr(read) == "<reliai anchors 'helpful': 200 outputs>"


def test_anchors_that_were_edited_are_refused(tmp_path: Path) -> None:
    path = frozen().save(tmp_path / "anchors.json")
    path.write_text(path.read_text().replace('"value": 0.0', '"value": 1.0', 1))
    with pytest.raises(ConfigurationError, match="frozen"):
        Anchors.load(path)


@pytest.mark.parametrize("text", [None, "", "{}", "[]", '{"format": 1, "items": [{}]}'])
def test_a_file_without_anchors_is_refused(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "anchors.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigurationError, match="anchors\\.json"):
        Anchors.load(path)


def test_too_few_anchors_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="better 200"):
        frozen(ITEMS[:19])


def test_the_same_anchor_twice_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="twice"):
        frozen([*ITEMS, ITEMS[0]])


def test_a_name_is_needed() -> None:
    with pytest.raises(ConfigurationError, match="name"):
        Anchors.freeze(FIRST, ITEMS, name="")


def test_a_judge_of_several_scores_is_refused() -> None:
    @scorer(name="several")
    def several(output: Any, case: Case) -> dict[str, bool]:
        return {"a": True, "b": False}

    with pytest.raises(ConfigurationError, match="several scores"):
        asyncio.run(Anchors.afreeze(several, ITEMS, name="several"))
    with pytest.raises(ConfigurationError, match="several scores"):
        Anchors.freeze(several, ITEMS)


@pytest.mark.parametrize(
    "setting",
    [{"alpha": 0}, {"alpha": 1}, {"shift": 0}, {"max_missing": 1}, {"max_missing": True}],
    ids=str,
)
def test_settings_are_checked(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=f"check\\({next(iter(setting))}="):
        frozen().check(passing_from(0.2, "9"), **setting)


def test_a_concurrency_is_a_number() -> None:
    with pytest.raises(ConfigurationError, match="concurrency=0"):
        Anchors.freeze(FIRST, ITEMS, concurrency=0)


def test_in_an_event_loop_they_are_awaited() -> None:
    async def run() -> str:
        with pytest.raises(ConfigurationError, match="acheck"):
            Anchors.freeze(FIRST, ITEMS)
        anchors = await Anchors.afreeze(FIRST, ITEMS)
        return (await anchors.acheck(passing_from(0.18, "2"))).verdict

    assert asyncio.run(run()) == "judge_drift"


def test_anchors_are_drawn_from_a_run_whatever_its_order() -> None:
    cases = [case for case, _ in ITEMS]
    trials = [
        Trial(
            case=case.key,
            digest=case.digest,
            repeat=repeat,
            status="error" if n % 10 == 0 else "ok",
            output=[n, repeat],
        )
        for n, case in enumerate(cases)
        for repeat in (1, 2)
    ]
    drawn = anchor_items(trials, cases, count=100)
    assert drawn == anchor_items(trials, list(reversed(cases)), count=100)
    assert drawn != anchor_items(trials, cases, count=100, seed=1)
    assert len({case.key for case, _ in drawn}) == 100
    assert all(output[1] == 1 and output[0] % 10 for _, output in drawn)
    assert len(anchor_items(trials, cases)) == 180
    assert anchor_items(trials, cases[:5], count=3)[0][0] in cases[:5]


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    Anchors.freeze(FIRST, ITEMS, progress=lambda done, total: told.append((done, total)))
    assert told == [(n, 200) for n in range(1, 201)]


def test_no_more_judgements_run_at_one_time_than_may() -> None:
    running = highest = 0

    @scorer(name="slow")
    async def slow(output: Any, case: Case) -> bool:
        nonlocal running, highest
        running += 1
        highest = max(highest, running)
        await asyncio.sleep(0)
        running -= 1
        return True

    Anchors.freeze(slow, ITEMS, concurrency=3)
    assert highest == 3


def test_a_gate_may_require_that_the_judge_is_as_it_was() -> None:
    anchors = frozen()
    anchors.check(FIRST).require()
    anchors.check(passing_from(0.11, "2")).require()
    with pytest.raises(GateFailed, match="judge_drift: of 200 of 200 anchors 16 are judged worse"):
        anchors.check(passing_from(0.18, "2")).require()
    with pytest.raises(GateFailed, match="inconclusive"):
        frozen(ITEMS[:60]).check(passing_from(0.11, "2")).require()
    assert str(anchors.check(FIRST)).startswith("unchanged")


def test_a_check_is_plain_data() -> None:
    told = frozen().check(passing_from(0.18, "2")).to_dict()
    assert json.loads(json.dumps(told))["verdict"] == "judge_drift"
