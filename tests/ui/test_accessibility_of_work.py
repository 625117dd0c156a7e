"""The pages that people work on, light and dark, wide and narrow: names, headings, contrast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

import reliai
from reliai.datasets import Case, Dataset
from reliai.evals import Experiment, scorer
from reliai.feedback import ReviewQueue
from reliai.records import RecordStore
from reliai.rollout import Rollout, failure_rate
from reliai.ui import create_app
from tests.integrations._web import served
from tests.ui._accessibility import problems
from tests.ui._calls import HOSTILE
from tests.ui._cookies import known_as
from tests.ui._reviewing import answered
from tests.ui.conftest import TOKEN, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

LONG = "x" * 300
"""A name that is wider than any window."""


@scorer
def right(output: str, case: Case) -> bool:
    return bool(output == case.expected)


def parity(number: int) -> str:
    if number == 3:
        raise ValueError(LONG)
    return "odd" if number % 2 else "even"


def worse(number: int) -> str:
    return LONG if number < 8 else parity(number)


class World:
    """Something of everything that people work with, and the paths of its pages."""

    def __init__(self, folder: Path, store: RecordStore) -> None:
        self.store, self.url = store, f"sqlite:///{folder}/state.db"
        self.datasets, self.runs = folder / "datasets", folder / "runs"
        self.paths = [*self._cases(), *self._rollout(), *self._reviews()]

    def _cases(self) -> list[str]:
        numbers = Dataset.open(self.datasets / "numbers")
        numbers.add(
            Case(inputs={"number": n}, expected="odd" if n % 2 else "even", tags={"a": LONG})
            for n in range(60)
        )
        numbers.add(Case(inputs={"number": 1, "text": HOSTILE.replace("\ud800", "")}, id="odd one"))
        first = numbers.commit(LONG)
        numbers.edit("odd one", expected=LONG)
        numbers.commit("second")
        chosen = first.select(where=lambda case: case.id is None)
        runs = [
            Experiment(
                each, chosen, [right], name="parity", runs=self.runs, repeats=1, cache=False
            ).run()
            for each in (parity, worse)
        ]
        two = f"candidate={runs[1].id}&baseline={runs[0].id}"
        key = quote(next(iter(chosen)).key)
        return [
            *("/datasets", "/datasets/numbers", "/datasets/numbers/v1"),
            "/datasets/numbers/v2/case?key=odd%20one",
            "/datasets/numbers/diff?before=v1&after=v2",
            *("/experiments", f"/experiments/runs/{runs[1].id}"),
            f"/experiments/runs/{runs[1].id}/case?key={key}&baseline={runs[0].id}",
            *(f"/experiments/compare?{two}&tag=a", f"/experiments/compare?{two}&gate=nonsense"),
        ]

    def _rollout(self) -> list[str]:
        rollout = Rollout(
            f"summarizer {LONG}",
            control=worse,
            candidate=parity,
            steps=[0.2, 0.5, 1.0],
            guardrails=[failure_rate()],
            state=self.url,
            background=False,
        )
        rollout.sync()
        route = rollout.route()
        for number in range(40):
            with reliai.context(subject=f"u{number}"):
                reliai.execute(route, 3)
        rollout.pause(by="ben", why=LONG)
        one = f"name={quote(rollout.name)}"
        return [
            *("/rollouts", f"/rollouts/one?{one}", f"/rollouts/entry?{one}&number=2"),
            *(f"/rollouts/ask?{one}&action={action}" for action in ("advance", "kill")),
        ]

    def _reviews(self) -> list[str]:
        first, second, third, fourth = answered(HOSTILE, {"a": [1, None]}, LONG, "d")
        ReviewQueue("two", labels=("right", LONG), store=self.store).add(first)
        ReviewQueue("pairs", store=self.store).add_pair(third, fourth)
        ReviewQueue("free", store=self.store).add(second)
        for queue in ("two", "pairs"):
            assert ReviewQueue.open(queue, store=self.store).take("ana")
        item = ReviewQueue.open("free", store=self.store).take("ana")
        assert item is not None
        item.submit(LONG, correction={"a": 2}, comment=LONG)
        return [
            *("/reviews", "/reviews/queue/two", "/reviews/queue/pairs", "/reviews/queue/free"),
            *(f"/reviews/queue/free?item={item.number}", f"/calls/{second}", f"/calls/{first}"),
        ]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    store = RecordStore(f"sqlite:///{folder}/records.db", content="full")
    reliai.configure(observers=[], records=store)
    yield World(folder, store)
    store.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_stands_in_the_way_of_those_who_work(
    browser: Browser, world: World, scheme: Any
) -> None:
    found: dict[str, list[str]] = {}
    given: dict[str, Any] = {"datasets": world.datasets, "runs": world.runs, "state": world.url}
    with (
        served(create_app(store=world.store, token=TOKEN, **given)) as address,
        opened(browser, color_scheme=scheme) as page,
    ):
        known_as(page, address)
        for path in world.paths:
            answer = page.goto(address + path)
            assert answer is not None
            assert answer.status == 200, path
            for width in (1280, 390) if scheme == "light" else (1280,):
                page.set_viewport_size({"width": width, "height": 900})
                found |= {f"{path} at {width}": wrong} if (wrong := problems(page)) else {}
    assert not found
