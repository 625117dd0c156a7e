"""Runs that are cut off, and go on: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from random import Random
from shutil import rmtree
from time import sleep
from typing import TYPE_CHECKING, Any

import pytest

from reliai.datasets import Case
from reliai.errors import ConfigurationError, ReliaiWarning
from reliai.evals import Run, Trial
from reliai.evals._journal import RunWriter, is_written, new_run_id, write_manifest
from reliai.testing import virtual_clock
from tests.evals.experiments import Target, cases, exact, experiment, length
from tests.programs import environment

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import sys, time
from pathlib import Path
from reliai.datasets import Case
from reliai.evals import Experiment

def exact(output, case):
    return output == case.expected

def answer(question):
    with open(sys.argv[1] + "/asked", "a") as file:
        file.write(question + "\\n")
    time.sleep(float(sys.argv[2]))
    return question

cases = [Case(inputs={"question": f"q{at}"}, expected=f"q{at}") for at in range(40)]
Experiment(answer, cases, [exact], name="killed", repeats=1, cache=False, concurrency=2,
           runs=sys.argv[1] + "/runs").run(progress=lambda done, *_: print(done, flush=True))
"""


def _begin(folder: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(folder), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())


def _wait_for(process: subprocess.Popen[str], trials: int) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= trials:
            return


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["SIGKILL", "SIGINT"])
def test_a_killed_run_goes_on_with_what_is_left(tmp_path: Path, number: signal.Signals) -> None:
    process = _begin(tmp_path, 0.06)
    _wait_for(process, 8)
    process.send_signal(number)
    process.communicate(timeout=20)
    (cut_off,) = Run.list("killed", root=tmp_path / "runs")
    assert cut_off.state == "partial"
    kept = {trial.output for trial in cut_off.trials()}
    assert 4 <= len(kept) < 40
    asked = (tmp_path / "asked").read_text().split()

    again = _begin(tmp_path, 0.0)
    again.communicate(timeout=20)
    (run,) = Run.list("killed", root=tmp_path / "runs")
    assert (run.id, run.state) == (cut_off.id, "complete")
    assert sorted(trial.output for trial in run.trials()) == sorted(f"q{at}" for at in range(40))
    later = (tmp_path / "asked").read_text().split()[len(asked) :]
    assert sorted(later) == sorted({f"q{at}" for at in range(40)} - kept)


def test_an_interrupted_run_says_so(tmp_path: Path) -> None:
    def interrupt(question: str, before: int) -> str:
        if question == "q5":
            os.kill(os.getpid(), signal.SIGINT)
        return question

    target = Target(interrupt)
    given = experiment(tmp_path, target.sync, cases(200), concurrency=1)
    with pytest.raises(KeyboardInterrupt):
        given.run()
    (run,) = Run.list(root=tmp_path / "runs")
    assert (run.state, run.manifest["stopped"], run.exit_code) == ("partial", "interrupted", 4)
    target.answer = None
    assert given.run().id == run.id


def test_a_cancelled_run_is_resumable(tmp_path: Path) -> None:
    reached = asyncio.Event()
    asked: list[str] = []

    async def answer(question: str) -> str:
        asked.append(question)
        if question == "q7" and not reached.is_set():
            reached.set()
            await asyncio.sleep(1000)
        return question

    given = experiment(tmp_path, answer, cases(12), concurrency=1)

    async def cancelled() -> None:
        task = asyncio.create_task(given.arun())
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    run = given.run()
    assert run.state == "complete"
    assert len(asked) == 13
    assert sum(1 for _ in run.trials()) == 12
    assert len(Run.list(root=tmp_path / "runs")) == 1


def test_calls_of_a_cancelled_run_let_go_of_what_they_hold(tmp_path: Path) -> None:
    let_go: list[str] = []

    async def answer(question: str) -> str:
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(0)
            let_go.append(question)
        return question

    async def cancelled() -> list[str]:
        task = asyncio.create_task(experiment(tmp_path, answer, cases(3)).arun())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return sorted(let_go)

    assert asyncio.run(cancelled()) == ["q0", "q1", "q2"]


def _cut_off(given: Any, trials: int) -> Run:
    def stop(done: int, total: int, trial: object) -> None:
        if done == trials:
            raise RuntimeError("cut off")

    with pytest.raises(RuntimeError, match="cut off"):
        given.run(progress=stop)
    return Run.list(root=given.runs)[-1]


def test_repeats_that_are_missing_are_made_and_no_others(tmp_path: Path) -> None:
    target = Target()
    given = experiment(tmp_path, target.sync, cases(4), repeats=5, concurrency=1)
    _cut_off(given, 7)
    run = given.run()
    assert target.asked == {f"q{at}": 5 for at in range(4)}
    assert [len(trials) for trials in run.cases()] == [5] * 4


def test_a_try_that_was_cut_off_is_not_made_when_the_verdict_is_known_without_it(
    tmp_path: Path,
) -> None:
    target = Target(lambda question, before: "wrong")
    settings: dict[str, Any] = {"repeats": 4, "min_pass": 2, "concurrency": 1}
    given = experiment(tmp_path, target.sync, cases(1), **settings)
    _cut_off(given, 3)  # of two and two
    run = given.run()
    assert target.calls == 3
    assert (run.state, run.manifest["finished_cases"], len(list(run.cases()))) == ("complete", 1, 1)


def test_a_run_of_another_dataset_is_not_resumed_and_both_digests_are_told(tmp_path: Path) -> None:
    target = Target()
    before = experiment(tmp_path, target.sync, cases(10), concurrency=1)
    cut_off = _cut_off(before, 3)
    after = experiment(tmp_path, target.sync, cases(11))
    with pytest.raises(ConfigurationError) as raised:
        after.run()
    assert before.dataset.root in str(raised.value)
    assert after.dataset.root in str(raised.value)
    assert cut_off.id in str(raised.value)
    assert "resume=False" in str(raised.value)
    assert after.run(resume=False).state == "complete"


def test_a_run_of_another_target_is_left_alone(tmp_path: Path) -> None:
    cut_off = _cut_off(experiment(tmp_path, Target().sync, cases(10), concurrency=1), 3)
    run = experiment(tmp_path, lambda question: question, cases(10)).run()
    assert run.id != cut_off.id
    assert run.state == "complete"


def test_a_shard_goes_on_though_another_one_came_to_its_end_since(tmp_path: Path) -> None:
    given = experiment(tmp_path, Target().sync, cases(30), concurrency=1)

    def stop(done: int, total: int, trial: object) -> None:
        raise RuntimeError("cut off")

    with pytest.raises(RuntimeError, match="cut off"):
        given.run(shard=(1, 2), progress=stop)
    (cut_off,) = Run.list(root=given.runs)
    given.run(shard=(2, 2))
    assert given.run(shard=(1, 2)).id == cut_off.id


def test_an_unfinished_run_of_long_ago_is_in_nobodys_way(tmp_path: Path) -> None:
    target = Target()
    _cut_off(experiment(tmp_path, target.sync, cases(10), concurrency=1), 3)
    experiment(tmp_path, target.sync, cases(11)).run(resume=False)
    assert experiment(tmp_path, target.sync, cases(12)).run().state == "complete"


def test_a_run_with_other_scorers_is_left_alone(tmp_path: Path) -> None:
    target = Target()
    cut_off = _cut_off(experiment(tmp_path, target.sync, cases(10), concurrency=1), 3)
    run = experiment(tmp_path, target.sync, cases(10), [exact, length]).run()
    assert run.id != cut_off.id


def test_a_run_may_be_resumed_by_its_id(tmp_path: Path) -> None:
    target = Target()
    given = experiment(tmp_path, target.sync, cases(10), concurrency=1)
    cut_off = _cut_off(given, 3)
    given.run(resume=False)
    assert given.run(resume=cut_off.id).id == cut_off.id
    with pytest.raises(ConfigurationError, match="that run is complete"):
        given.run(resume=cut_off.id)


def test_a_run_that_is_named_must_be_of_the_same_experiment(tmp_path: Path) -> None:
    target = Target()
    cut_off = _cut_off(experiment(tmp_path, target.sync, cases(10), concurrency=1), 3)
    other = experiment(tmp_path, target.sync, cases(10), timeout=1.0)
    with pytest.raises(ConfigurationError, match="that run had another settings"):
        other.run(resume=cut_off.id)


def test_a_finished_run_is_not_touched_by_the_next(tmp_path: Path) -> None:
    given = experiment(tmp_path, Target().sync, cases(3))
    first, second = given.run(), given.run()
    assert first.id != second.id
    assert [run.id for run in Run.list("trying", root=given.runs)] == [first.id, second.id]


def test_two_at_a_time_have_runs_of_their_own(tmp_path: Path) -> None:
    barrier = threading.Barrier(2, timeout=20)

    def meet(question: str, before: int) -> str:
        barrier.wait()
        return question

    target = Target(meet)
    given = experiment(tmp_path, target.sync, cases(1))
    threads = [threading.Thread(target=given.run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [run.state for run in Run.list(root=given.runs)] == ["complete"] * 2


def test_a_run_that_is_being_made_is_not_gone_on_with(tmp_path: Path) -> None:
    begun, hang = threading.Event(), threading.Event()

    def wait(question: str, before: int) -> str:
        if not before:
            begun.set()
            hang.wait(20)
        return question

    given = experiment(tmp_path, Target(wait).sync, cases(1))
    thread = threading.Thread(target=given.run)
    thread.start()
    assert begun.wait(20)
    other = given.run()
    hang.set()
    thread.join(20)
    assert other.state == "complete"
    assert [run.state for run in Run.list(root=given.runs)] == ["complete"] * 2


def test_nobody_finds_a_run_before_it_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked: list[bool] = []

    def write(path: Path, told: dict[str, Any]) -> None:
        locked.append(is_written(path))
        write_manifest(path, told)

    monkeypatch.setattr("reliai.evals._journal.write_manifest", write)
    RunWriter.create("x", root=tmp_path, alone=True).close()
    assert locked == [True]


def test_a_run_whose_manifest_cannot_be_written_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, told: dict[str, Any]) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("reliai.evals._journal.write_manifest", full)
    with pytest.raises(OSError, match="No space"):
        RunWriter.create("x", run_id="r", root=tmp_path, alone=True)
    RunWriter(tmp_path / "x" / "r", alone=True)._let_go()


def test_a_run_that_is_resumed_is_not_resumed_by_another(tmp_path: Path) -> None:
    run = RunWriter.create("x", root=tmp_path).close()
    writer = RunWriter(run.path, alone=True)
    with pytest.raises(ConfigurationError, match="another process works on the run"):
        RunWriter(run.path, alone=True)
    writer.close()
    RunWriter(run.path, alone=True).close()


def test_half_a_line_of_a_process_that_died_is_not_read(tmp_path: Path) -> None:
    run = experiment(tmp_path, Target().sync, cases(5)).run()
    (part,) = run.path.glob("trials-*.jsonl")
    part.write_bytes(part.read_bytes()[:-20])
    assert sum(1 for _ in run.trials()) == 4


def test_a_damaged_line_is_named_with_its_file(tmp_path: Path) -> None:
    run = experiment(tmp_path, Target().sync, cases(5)).run()
    (part,) = run.path.glob("trials-*.jsonl")
    part.write_bytes(b"{oops\n" + part.read_bytes())
    with pytest.raises(ConfigurationError, match=r"trials-.*\.jsonl:1: is damaged"):
        list(run.trials())


def test_what_is_written_outlives_the_writer(tmp_path: Path) -> None:
    writer = RunWriter.create("x", root=tmp_path)
    for at in range(10):
        writer.write(_trial(at))
    writer.flush()
    assert sum(1 for _ in Run(writer.path).trials()) == 10
    assert writer.close("complete").state == "complete"


def test_several_processes_write_parts_of_one_run(tmp_path: Path) -> None:
    run_id = new_run_id()
    writers = [RunWriter.create("x", run_id=run_id, root=tmp_path, part=f"gw{n}") for n in (0, 1)]
    for at in range(10):
        writers[at % 2].write(_trial(at))
    for writer in writers:
        writer.close("complete")
    (run,) = Run.list(root=tmp_path)
    assert sorted(trial.case for trial in run.trials()) == [f"c{at}" for at in range(10)]


def _full_disk(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Let the write of that number come to an end half way, and the later ones succeed."""
    real, writes = os.write, [0]

    def write(descriptor: int, data: bytes) -> int:
        writes[0] += 1
        if writes[0] == at:
            real(descriptor, data[:20])
            raise OSError(28, "No space left on device")
        return real(descriptor, data)

    monkeypatch.setattr("reliai.evals._journal.os.write", write)


def test_a_write_that_fails_leaves_no_half_line_and_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = RunWriter.create("x", root=tmp_path)
    _full_disk(monkeypatch, 2)
    writer.write(_trial(0))
    writer.flush()
    writer.write(_trial(1))
    with pytest.raises(OSError, match="No space"):
        writer.flush()
    writer.write(_trial(2))
    run = writer.close("complete")
    assert [trial.case for trial in run.trials()] == ["c0", "c1", "c2"]


def test_a_run_whose_disk_was_full_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(question: str, before: int) -> str:
        sleep(0.06)  # so that each is written by itself
        return question

    target = Target(slow)
    with monkeypatch.context() as patch:
        _full_disk(patch, 3)
        with pytest.raises(OSError, match="No space"):
            experiment(tmp_path, target.sync, cases(12), concurrency=4).run()
    run = experiment(tmp_path, target.sync, cases(12), concurrency=4).run()
    assert len(Run.list(root=tmp_path / "runs")) == 1
    assert sorted(target.asked) == sorted({trial.output for trial in run.trials()})
    assert (run.state, sum(1 for _ in run.trials())) == ("complete", 12)


def test_a_writer_that_cannot_end_lets_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = RunWriter.create("x", root=tmp_path, alone=True)
    writer.flush()
    with monkeypatch.context() as patch:
        _full_disk(patch, 1)
        writer.write(_trial(0))
        with pytest.raises(OSError, match="No space"):
            writer.close("complete")
    assert Run(writer.path).state == "partial"
    RunWriter(writer.path, alone=True).close()


def test_a_part_that_is_written_on_begins_after_its_last_whole_line(tmp_path: Path) -> None:
    writer = RunWriter.create("x", root=tmp_path, part="gw0")
    writer.write(_trial(0))
    writer.write(_trial(1))
    run = writer.close()
    (file,) = run.path.glob("trials-*.jsonl")
    file.write_bytes(file.read_bytes()[:-9])
    again = RunWriter(run.path, "gw0")
    again.write(_trial(2))
    assert [trial.case for trial in again.close().trials()] == ["c0", "c2"]


def test_a_line_holds_only_what_is_known(tmp_path: Path) -> None:
    writer = RunWriter.create("x", root=tmp_path)
    writer.write(Trial(case="c", digest="sha256:0", repeat=1, status="ok", cost_usd=0.0))
    run = writer.close()
    (part,) = run.path.glob("trials-*.jsonl")
    told = json.loads(part.read_text())
    assert set(told) == {
        "case",
        "digest",
        "repeat",
        "status",
        "output",
        "started_at",
        "duration",
        "cost_usd",
    }
    assert next(run.trials()).cost_usd == 0.0


def test_memory_does_not_grow_with_the_number_of_cases(tmp_path: Path) -> None:
    import tracemalloc

    class Made:
        """Cases that are made when they are read, as those of a version are."""

        reference = "made@v1"

        def __init__(self, count: int) -> None:
            self.root = f"sha256:{count}"
            self._count = count

        def __len__(self) -> int:
            return self._count

        def __iter__(self) -> Any:
            return (Case(inputs={"question": f"q{at}"}, expected="x") for at in range(self._count))

    def peak(count: int) -> int:
        tracemalloc.start()
        try:
            run = experiment(tmp_path, long, Made(count), concurrency=2).run(resume=False)
            assert sum(1 for _ in run.cases()) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def long(question: str) -> str:
        return question * 500

    peak(50)
    small = peak(200)
    assert peak(800) - small < 400_000  # the outputs are 1.6 MB


def _trial(at: int) -> Trial:
    return Trial(case=f"c{at}", digest=f"sha256:{at:064x}", repeat=1, status="ok", output=at)


@pytest.mark.parametrize("seed", range(6))
def test_however_often_a_run_is_cut_off_every_try_is_there_once(tmp_path: Path, seed: int) -> None:
    chance, fate = Random(seed), Random(seed)

    def answer(question: str, before: int) -> str:
        if fate.random() < 0.1:
            raise ConnectionError("reset")
        return question if fate.random() < 0.7 else "wrong"

    def perhaps_stop(done: int, total: int, trial: object) -> None:
        if chance.random() < 0.05:
            raise RuntimeError("cut off")

    target = Target(answer).of(chance.choice(["sync", "async"]))
    planned = chance.choice([None, 2])
    given = experiment(tmp_path, target, cases(20), repeats=planned, max_error_rate=1.0)
    with virtual_clock():
        for _ in range(200):
            with suppress(RuntimeError):
                given.run(progress=perhaps_stop)
                break
    (run,) = Run.list(root=given.runs)
    found = list(run.cases())
    assert len(found) == 20
    assert all([t.repeat for t in each] == list(range(1, len(each) + 1)) for each in found)
    assert {len(each) for each in found} <= ({2} if planned else {3, 10})
    assert run.manifest["evaluated"] == sum(map(len, found))
    assert (run.state, run.manifest["finished_cases"]) == ("complete", 20)


def test_a_damaged_run_of_long_ago_is_in_nobodys_way(tmp_path: Path) -> None:
    target = Target()
    damaged = experiment(tmp_path, target.sync, cases(2)).run()
    (damaged.path / "manifest.json").write_text('{"id": ')
    with pytest.warns(ReliaiWarning, match="a run is left out: .*is damaged"):
        run = experiment(tmp_path, target.sync, cases(2)).run()
    assert run.state == "complete"
    with pytest.warns(ReliaiWarning, match="is left out"):
        assert [each.id for each in Run.list(root=tmp_path / "runs")] == [run.id]


def test_a_run_whose_folder_is_gone_says_so(tmp_path: Path) -> None:
    run = experiment(tmp_path, Target().sync, cases(2)).run()
    rmtree(run.path)
    for read in (run.trials, run.cases, run.lines):
        with pytest.raises(ConfigurationError, match="the folder of this run is gone"):
            list(read())
    with pytest.raises(ConfigurationError, match="the folder of this run is gone"):
        run.summary()
    with pytest.raises(ConfigurationError, match="the folder of this run is gone"):
        run.compare(None).to_dict()
