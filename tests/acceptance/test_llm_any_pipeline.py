"""Whatever stands around a model, in whatever order, and however each call ends, this holds."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import json
import threading
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

import reliai
from reliai._core.stream import settle_abandoned
from reliai.testing import virtual_clock
from tests.acceptance._any import EXPECTED, FORBIDDEN, PROMPTS, Scene
from tests.contract._subjects import Subject

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = jsonschema.Draft202012Validator(reliai.CallRecord.json_schema())
ENDINGS = ["whole", "whole", "closed", "dropped"]


class Play:
    """One scene, played: several calls, one after the other or at once."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        decorate = reliai.reliable(*scene.policies, name="any")
        self.subject = Subject(decorate, scene.shape, scene.script)
        self.records: list[reliai.CallRecord] = []
        chance = scene.chance
        endings = [*ENDINGS, "cancelled"] if scene.shape.asynchronous else ENDINGS
        self.calls = [(prompt, chance.choice(endings), chance.random() * 6) for prompt in PROMPTS]
        self.at_once = chance.random() < 0.5

    def run(self) -> None:
        caps: dict[str, Any] = {"max_calls": self.scene.chance.choice([3, 100])}
        with reliai.collect() as self.records, reliai.run("any", **caps):
            if self.scene.shape.asynchronous:
                asyncio.run(self._tasks())
            elif self.at_once:
                self._threads()
            else:
                for call in self.calls:
                    self._ask(*call)

    # --- what is asked ---------------------------------------------------------------------
    def _threads(self) -> None:
        made = [
            threading.Thread(target=contextvars.copy_context().run, args=(self._ask, *call))
            for call in self.calls
        ]
        for thread in made:
            thread.start()
        for thread in made:
            thread.join()

    def _ask(self, prompt: str, ending: str, _: float) -> None:
        got: list[Any] = []
        try:
            answer = self.subject.function(prompt)
            if not self.scene.shape.streaming:
                self._judge([answer], whole=True)
                return
            for chunk in answer:
                got.append(chunk)
                if len(got) == 2 and ending == "closed":
                    answer.close()
                if len(got) == 2 and ending == "dropped":
                    del answer
                    break
        except EXPECTED:
            pass
        self._judge(got)

    async def _tasks(self) -> None:
        if self.at_once:
            await asyncio.gather(*(self._task(*call) for call in self.calls))
        else:
            for call in self.calls:
                await self._task(*call)
        await asyncio.sleep(100)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def _task(self, prompt: str, ending: str, seconds: float) -> None:
        got: list[Any] = []
        task = asyncio.ensure_future(self._read(prompt, ending, got))
        if ending == "cancelled":
            await asyncio.sleep(seconds)
            task.cancel()
        (raised,) = await asyncio.gather(task, return_exceptions=True)
        assert raised is None or isinstance(raised, (*EXPECTED, asyncio.CancelledError)), raised
        self._judge(got)

    async def _read(self, prompt: str, ending: str, got: list[Any]) -> None:
        answer = self.subject.function(prompt)
        if not self.scene.shape.streaming:
            self._judge([await answer], whole=True)
            return
        async for chunk in answer:
            got.append(chunk)
            if len(got) == 2 and ending == "closed":
                await answer.aclose()
            if len(got) == 2 and ending == "dropped":
                del answer
                return

    # --- what must hold ----------------------------------------------------------------------
    def _judge(self, got: list[Any], *, whole: bool = False) -> None:
        """What is delivered is one answer, or the beginning of one, and nothing forbidden."""
        text = "".join(got)
        fits: Callable[[str], bool] = text.__eq__ if whole else lambda each: each.startswith(text)
        assert any(map(fits, self.scene.answers())), text
        assert "forbidden" not in self.scene.names or FORBIDDEN not in text

    def settle(self) -> None:
        """Nothing is left: every call has its one record, and all that was taken is back."""
        gc.collect()
        settle_abandoned()
        assert len(self.records) == len(self.calls)
        for record in self.records:
            assert record.ended
            assert None not in {attempt.status for attempt in record.attempts}
            SCHEMA.validate(json.loads(json.dumps(record.to_dict(), allow_nan=False)))
        for policy in self.scene.policies:
            if isinstance(policy, reliai.Budget):
                assert policy.snapshot()["tokens"].reserved == 0


@pytest.mark.parametrize("seed", range(160))
def test_any_pipeline_around_any_model_keeps_to_the_contract(seed: int) -> None:
    scene = Scene(seed)
    with virtual_clock() as clock:
        play = Play(scene)
        try:
            play.run()
            clock.advance(200)
            play.settle()
        except AssertionError as error:
            error.add_note(repr(scene))
            raise
