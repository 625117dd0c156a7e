"""Runs: reading them, their figures, scoring them anew, and their tables."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from pyarrow import parquet  # type: ignore[import-untyped]

import reliai
from reliai.datasets import Case, Dataset
from reliai.errors import ConfigurationError
from reliai.evals import Run, Score, Trial, scorer
from reliai.evals._journal import RunWriter
from reliai.evals.early import EarlyStop
from tests.evals.experiments import Target, cases, exact, experiment, length

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def test_a_run_is_found_by_folder_id_and_the_beginning_of_its_id(tmp_path: Path) -> None:
    run = experiment(tmp_path, Target().sync, cases(1)).run()
    root = tmp_path / "runs"
    for given in (run.path, str(run.path), run.id, run.id[:20]):
        assert Run.load(given, root=root).id == run.id


def test_a_run_that_is_not_there_is_an_error_that_says_where_it_was_sought(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"run 'nope': is neither a folder of a run"):
        Run.load("nope", root=tmp_path)


def test_an_id_that_several_begin_with_is_an_error(tmp_path: Path) -> None:
    for name in ("aa1", "aa2"):
        RunWriter.create("x", run_id=name, root=tmp_path).close("complete")
    with pytest.raises(ConfigurationError, match=r"2 begin so \(aa1, aa2"):
        Run.load("aa", root=tmp_path)


def test_a_folder_without_a_manifest_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"is no run: it has no manifest\.json"):
        Run(tmp_path)


def test_the_trials_of_a_case_come_together_by_repeat(tmp_path: Path) -> None:
    run = experiment(tmp_path, Target().asynchronous, cases(50), repeats=4).run()
    found = list(run.cases())
    assert len(found) == 50
    assert all([trial.repeat for trial in trials] == [1, 2, 3, 4] for trials in found)
    assert all(len({trial.case for trial in trials}) == 1 for trials in found)


def test_a_trial_is_read_as_it_was_written() -> None:
    trial = Trial(
        case="c",
        digest="sha256:0",
        repeat=2,
        status="ok",
        output={"a": [1, None]},
        cost_usd=0.0,
        input_tokens=0,
        cached=True,
        extra=True,
        tags={"a": "b"},
        scores={"s": Score(value=None, unscored="timeout", explanation="late", metadata={"x": 1})},
    )
    assert Trial.from_dict(trial.to_dict()) == trial


# --- figures -----------------------------------------------------------------------------------


def _run(folder: Path, trials: Iterable[Trial], **manifest: Any) -> Run:
    writer = RunWriter.create("made", root=folder, manifest={"scorers": {"exact": "sha256:1"}})
    for trial in trials:
        writer.write(trial)
    return writer.close("complete", **manifest)


def _trial(at: int, value: float | None, **fields: Any) -> Trial:
    status = "error" if value is None else "ok"
    score = Score(value=value, kind="assertion", unscored=None if status == "ok" else "task_error")
    given: dict[str, Any] = {"status": status, "scores": {"exact": score}, "repeat": 1, **fields}
    return Trial(case=f"c{at}", digest=f"sha256:{at:064x}", **given)


def test_a_mean_says_of_how_many_and_what_the_missing_ones_would_change(tmp_path: Path) -> None:
    values = [1.0] * 80 + [0.0] * 10 + [None] * 10
    run = _run(tmp_path, [_trial(at, value) for at, value in enumerate(values)])
    summary = run.summary()
    score = summary.scores["exact"]
    assert (score.n_scored, score.n_total) == (90, 100)
    assert score.mean.estimate == pytest.approx(80 / 90)
    assert (score.low, score.high) == pytest.approx((0.8, 0.9))
    assert score.unscored == {"task_error": 10}
    assert "90/100 scored" in str(summary)
    assert "bounds [0.800, 0.900]" in str(summary)
    assert "without a score: 10 task_error" in str(summary)


def test_intervals_are_clustered_by_group(tmp_path: Path) -> None:
    pairs = [(at, float(at // 10 % 2)) for at in range(100)]
    alone = _run(tmp_path / "a", [_trial(at, value) for at, value in pairs])
    grouped = _run(tmp_path / "b", [_trial(at, v, group=f"g{at // 10}") for at, v in pairs])
    narrow, wide = (each.summary().scores["exact"].mean for each in (alone, grouped))
    assert wide.clusters == 10
    assert narrow.low is not None
    assert wide.low is not None
    assert narrow.low > wide.low
    assert "10 groups" in str(grouped.summary())


def test_a_mean_is_over_the_planned_tries_and_flakiness_over_all(tmp_path: Path) -> None:
    tries = [_trial(0, 1.0), _trial(0, 0.0, repeat=2), _trial(0, 0.0, repeat=3, extra=True)]
    summary = _run(tmp_path, [*tries, _trial(1, 1.0), _trial(1, 1.0, repeat=2)]).summary()
    score = summary.scores["exact"]
    assert score.mean.estimate == 0.75
    assert score.stable == {"flaky": 1, "stable_pass": 1}
    assert summary.extra == 1


def test_a_try_that_is_missing_widens_the_bounds_by_its_part(tmp_path: Path) -> None:
    tries = [_trial(0, 1.0), _trial(0, None, repeat=2), _trial(1, 1.0), _trial(1, 1.0, repeat=2)]
    score = _run(tmp_path, tries).summary().scores["exact"]
    assert (score.low, score.high, score.n_scored, score.n_total) == (0.75, 1.0, 2, 2)


def test_a_case_that_was_not_asked_is_not_missing(tmp_path: Path) -> None:
    none = {"exact": Score(value=None, unscored="missing_reference")}
    trials = [_trial(0, 1.0), _trial(1, 1.0, scores=none)]
    score = _run(tmp_path, trials).summary().scores["exact"]
    assert (score.n_scored, score.n_total, score.not_asked, score.low) == (1, 1, 1, 1.0)


def test_labels_are_counted(tmp_path: Path) -> None:
    said = [{"exact": Score(value=None, kind="label", label=each)} for each in ("de", "de", "en")]
    score = _run(tmp_path, [_trial(at, 1.0, scores=s) for at, s in enumerate(said)]).summary()
    assert score.scores["exact"].labels == {"de": 2, "en": 1}
    assert "2 de, 1 en  3/3 scored" in str(score)


def test_a_scorer_that_gives_several_is_missing_in_all_of_them_where_it_failed(
    tmp_path: Path,
) -> None:
    good = {"exact.a": Score(value=1.0), "exact.b": Score(value=0.0)}
    bad = {"exact": Score(value=None, unscored="scorer_error")}
    trials = [_trial(0, 1.0, scores=good), _trial(1, 1.0, scores=bad)]
    scores = _run(tmp_path, trials).summary().scores
    assert {name: (s.n_scored, s.n_total) for name, s in scores.items()} == {
        "exact.a": (1, 2),
        "exact.b": (1, 2),
    }


def test_percentiles_cost_and_tokens_are_told(tmp_path: Path) -> None:
    trials = [
        _trial(at, 1.0, duration=(at + 1) / 10, cost_usd=0.5 if at else None, input_tokens=2)
        for at in range(20)
    ]
    summary = _run(tmp_path, trials).summary()
    assert summary.latency == {"p50": 1.0, "p95": 1.9, "p99": 2.0}
    assert (summary.cost_usd, summary.unpriced, summary.tokens) == (9.5, 1, (40, 0))
    assert "p95 1.9 s" in str(summary)
    assert "cost  $9.5, unknown for 1 try" in str(summary)


def test_cases_that_were_captured_by_chance_give_an_estimate_for_production(tmp_path: Path) -> None:
    values, chances = [0, 0, 1, 1, 1, 0], [1, 1, 0.01, 0.01, 0.01, 0.01]
    trials = [
        _trial(at, float(value), inclusion_probability=chance)
        for at, (value, chance) in enumerate(zip(values, chances, strict=True))
    ]
    score = _run(tmp_path, trials).summary().scores["exact"]
    assert score.mean.estimate == 0.5
    assert score.production is not None
    assert score.production.estimate == pytest.approx(0.7462686567)
    assert score.production.standard_error == pytest.approx(0.2154531988)


def test_a_run_without_trials_has_a_summary(tmp_path: Path) -> None:
    summary = _run(tmp_path, [], evaluated=0).summary()
    assert (summary.cases, summary.exit_code) == (0, 5)
    assert "0 cases, 0 tries" in str(summary)


# --- scoring anew ------------------------------------------------------------------------------


def test_stored_outputs_are_scored_anew_without_a_call_and_old_scores_are_kept(
    tmp_path: Path,
) -> None:
    target = Target()
    run = experiment(tmp_path, target.asynchronous, cases(30), [exact], repeats=2).run()
    before = {(trial.case, trial.repeat): trial.scores["exact"] for trial in run.trials()}

    def strict(output: Any, case: Case) -> bool:
        return bool(output == case.expected and output != "q3")

    strict.__name__ = "exact"
    again = run.rescore([strict, length])
    assert target.calls == 60
    assert again.scorers == ("exact", "length")
    assert again.manifest["scorers"]["exact"] != run.manifest["scorers"]["exact"]
    now = {trial.case: trial.scores["exact"].value for trial in again.trials()}
    assert now == {f"case-{at}": float(at != 3) for at in range(30)}
    first, second = again.manifest["scorings"]
    assert (first["file"], first["scorers"]) == (None, run.manifest["scorers"])
    assert second["scorers"] == again.manifest["scorers"]
    stored = {(trial.case, trial.repeat): trial.scores["exact"] for trial in run.trials()}
    assert stored == before


def test_a_scorer_that_is_the_same_is_not_asked_again(tmp_path: Path) -> None:
    asked: list[str] = []

    @scorer
    def judge(output: Any, case: Case) -> bool:
        asked.append(output)
        return True

    run = experiment(tmp_path, Target().sync, cases(5), [judge]).run()
    again = run.rescore([judge, length])
    assert len(asked) == 5
    assert all(set(trial.scores) == {"judge", "length"} for trial in again.trials())


def test_a_scoring_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    asked: list[str] = []

    @scorer
    async def judge(output: Any, case: Case) -> bool:
        asked.append(output)
        if len(asked) == 40:
            raise KeyboardInterrupt
        return True

    run = experiment(tmp_path, Target().sync, cases(60)).run()
    with pytest.raises(KeyboardInterrupt):
        run.rescore([judge])
    assert run.scorers == ("exact",)
    before = len(asked)
    again = run.rescore([judge])
    assert len(asked) - before == 60 - 32  # two batches of 16 had been kept
    assert sorted(trial.output for trial in again.trials()) == sorted(f"q{at}" for at in range(60))
    assert all(trial.scores["judge"].value == 1.0 for trial in again.trials())


def test_scorers_that_wait_score_anew_also_on_a_running_loop(tmp_path: Path) -> None:
    async def judge(output: Any, case: Case) -> bool:
        await asyncio.sleep(0)
        return bool(output == case.expected)

    run = experiment(tmp_path, Target().sync, cases(40)).run()

    async def cell() -> Run:
        return run.rescore([judge])

    for again in (run.rescore([judge]), asyncio.run(cell())):
        assert {trial.scores["judge"].value for trial in again.trials()} == {1.0}


def test_the_cases_of_a_version_are_found_by_its_reference(tmp_path: Path) -> None:
    dataset = Dataset.open(str(tmp_path / "data"))
    dataset.add(cases(5))
    version = dataset.commit("first")
    run = experiment(tmp_path, Target().sync, version).run()
    assert run.manifest["version"] == "v1"
    assert not (run.path / "cases.jsonl").exists()
    assert {trial.scores["length"].value for trial in run.rescore([length]).trials()} == {0.2}


def test_cases_of_another_dataset_are_refused(tmp_path: Path) -> None:
    run = experiment(tmp_path, Target().sync, cases(5)).run()
    with pytest.raises(ConfigurationError, match=r"the dataset has the root sha256:.*of the run"):
        run.rescore([length], dataset=cases(6))


def test_outputs_that_are_missing_stay_unscored(tmp_path: Path) -> None:
    def fail(question: str, before: int) -> str:
        raise ValueError("no")

    run = experiment(tmp_path, Target(fail).sync, cases(1)).run()
    (trial,) = run.rescore([length]).trials()
    assert trial.scores["length"].unscored == "task_error"


# --- tables --------------------------------------------------------------------------------------


def test_a_run_is_a_table_with_a_row_for_each_trial(tmp_path: Path) -> None:
    def answer(question: str, before: int) -> Any:
        if question == "q1":
            raise ValueError("no")
        return {"text": question + "\ud800"}

    run = experiment(tmp_path, Target(answer).sync, cases(3, tags={"a": "b"}), [exact]).run()
    run.to_parquet(tmp_path / "run.parquet")
    rows = parquet.read_table(tmp_path / "run.parquet").to_pylist()
    by_case = {row["case"]: row for row in rows}
    assert set(by_case) == {"case-0", "case-1", "case-2"}
    assert by_case["case-0"]["output"] == '{"text": "q0\\ud800"}'
    assert by_case["case-0"]["score.exact.value"] == 0.0
    assert by_case["case-1"]["score.exact.unscored"] == "task_error"
    assert by_case["case-1"]["error_type"] == "ValueError"
    assert by_case["case-2"]["tags"] == '{"a": "b"}'


# --- early ends ----------------------------------------------------------------------------------


def test_a_run_ends_as_soon_as_it_is_known_who_is_better(tmp_path: Path) -> None:
    baseline = experiment(tmp_path, Target().sync, cases(200), name="base").run()
    target = Target(lambda question, before: "wrong")
    stop = EarlyStop(scorer="exact", baseline=baseline)
    run = experiment(tmp_path, target.sync, cases(200), early_stop=stop, concurrency=1).run()
    evidence = run.manifest["evidence"]
    assert (run.state, run.manifest["stopped"], run.exit_code) == ("complete", "decided", 0)
    assert (evidence["wins"], evidence["losses"]) == (0, 8)  # 2 ** n / (n + 1) >= 20 from n = 8 on
    assert target.calls == 8
    assert "it is known which one is better" in str(run.summary())
    assert "8 of 200 cases, 8 tries" in str(run.summary())


def test_a_run_that_is_like_its_baseline_goes_on_to_the_end(tmp_path: Path) -> None:
    target = Target()
    baseline = experiment(tmp_path, target.sync, cases(50), name="base").run()
    stop = EarlyStop(scorer="exact", baseline=baseline)
    run = experiment(tmp_path, target.sync, cases(50), early_stop=stop).run()
    assert (run.state, run.manifest["stopped"]) == ("complete", None)
    assert run.manifest["evidence"]["ties"] == 50


@pytest.mark.parametrize(("settings", "message"), [({"scorer": "no"}, "scorer='no'")])
def test_an_early_stop_that_cannot_be_is_refused(
    tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    baseline = experiment(tmp_path, Target().sync, cases(1)).run()
    with pytest.raises(ConfigurationError, match=message):
        EarlyStop(baseline=baseline, **settings)
    with pytest.raises(ConfigurationError, match=r"alpha=1\.5"):
        EarlyStop(scorer="exact", baseline=baseline, alpha=1.5)


def test_a_run_that_is_being_scored_or_written_is_not_scored_by_another(tmp_path: Path) -> None:
    run = experiment(tmp_path, Target().sync, cases(3)).run()

    def meanwhile(output: Any, case: Case) -> bool:
        run.rescore([length])
        return True

    refused = run.rescore([meanwhile])
    said = {trial.scores["meanwhile"].explanation for trial in refused.trials()}
    assert said == {f"ConfigurationError: another process works on the run {run.id}"}
    writer = RunWriter(run.path)
    with pytest.raises(ConfigurationError, match="another process works on the run"):
        run.rescore([length])
    writer.close()
    assert run.rescore([length]).scorers == ("length",)


def test_a_run_of_which_nothing_could_be_scored_is_incomplete(tmp_path: Path) -> None:
    def broken(output: Any, case: Case) -> bool:
        raise RuntimeError("the judge is away")

    def nothing(output: Any, case: Case) -> None:
        return None

    assert experiment(tmp_path, Target().sync, cases(20), [broken]).run().exit_code == 4
    assert experiment(tmp_path, Target().sync, cases(20), [broken, exact]).run().exit_code == 0
    assert experiment(tmp_path, Target().sync, cases(20), [nothing]).run().exit_code == 0
    assert experiment(tmp_path, Target().sync, cases(20), []).run().exit_code == 0


def test_a_summary_says_of_which_types_the_errors_are_and_nothing_that_they_say(
    tmp_path: Path,
) -> None:
    def fail(question: str, before: int) -> str:
        raise ValueError(f"secret {question}") if question != "q0" else KeyError("x")

    summary = experiment(tmp_path, Target(fail).sync, cases(5)).run().summary()
    assert summary.errors == {"ValueError": 4, "KeyError": 1}
    assert "errors: 4 ValueError, 1 KeyError" in str(summary)
    assert "secret" not in str(summary)


def test_a_trial_in_a_log_shows_nothing_of_its_output() -> None:
    scores = {"exact": Score(value=1.0), "judge": Score(value=None, unscored="judge_error")}
    made = Trial(
        case="c", digest="sha256:0", repeat=2, status="ok", output="secret" * 9, scores=scores
    )
    assert repr(made) == "<reliai.evals.Trial c #2 ok: exact=1.0, judge=judge_error>"


def test_experiments_of_other_names_have_other_folders(tmp_path: Path) -> None:
    names = ["q/y", "q_y", "q:y", "q_y ", "é/é", "x" * 130, "x" * 131]
    for name in names:
        experiment(tmp_path, Target().sync, cases(1), name=name).run()
    for name in names:
        (run,) = Run.list(name, root=tmp_path / "runs")
        assert run.manifest["experiment"] == name
    assert (tmp_path / "runs" / "q_y").is_dir()


def test_outputs_are_kept_out_of_git_unless_somebody_wants_them_there(tmp_path: Path) -> None:
    experiment(tmp_path / "a", Target().sync, cases(1), cache=True).run()
    assert (tmp_path / "a" / "runs" / ".gitignore").read_text() == "*\n"
    assert (tmp_path / "a" / "cache" / ".gitignore").read_text() == "*\n"
    (tmp_path / "b" / "runs").mkdir(parents=True)
    experiment(tmp_path / "b", Target().sync, cases(1)).run()
    assert not (tmp_path / "b" / "runs" / ".gitignore").exists()


def test_a_run_that_nothing_can_score_anew_is_incomplete_until_something_can(
    tmp_path: Path,
) -> None:
    def broken(output: Any, case: Case) -> bool:
        raise RuntimeError("no judge")

    run = experiment(tmp_path, Target().sync, cases(5)).run()
    assert run.exit_code == 0
    again = run.rescore([broken])
    assert (again.exit_code, again.manifest["lost_cases"]) == (4, 5)
    assert run.rescore([length]).exit_code == 0


@pytest.mark.parametrize("guarded", [False, True])
def test_the_summary_says_which_parameter_the_inputs_do_not_fit(
    tmp_path: Path, *, guarded: bool
) -> None:
    def asked(query: str) -> str:
        return query

    target = reliai.reliable()(asked) if guarded else asked
    summary = experiment(tmp_path, target, cases(3)).run().summary()
    (note,) = summary.notes
    assert note.startswith("3 tries: ")
    assert "'question'" in note or "'query'" in note
    assert note in str(summary)


def test_what_a_target_itself_says_is_not_in_the_summary(tmp_path: Path) -> None:
    def asked(question: str) -> str:
        raise TypeError(f"cannot take {question}")

    assert experiment(tmp_path, asked, cases(3)).run().summary().notes == ()


def test_the_summary_says_that_means_of_shortened_repeats_lean(tmp_path: Path) -> None:
    shortened = experiment(tmp_path, Target().sync, cases(3), repeats=3, min_pass=2).run()
    assert "min_pass" in str(shortened.summary())
    assert "min_pass" not in str(experiment(tmp_path, Target().sync, cases(3)).run().summary())
