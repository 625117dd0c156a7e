"""The 28 tests of the ML Test Score, what each means for calls of models, and what earns it.

The reading is ours; the tests and the scoring rule are those of Breck et al. (2017), section by
section in their order.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

from reliai.errors import ConfigurationError

__all__ = ["SECTIONS", "TESTS", "MLTest", "Section", "known_tests"]

Section: TypeAlias = Literal["data", "model", "infrastructure", "monitoring"]

SECTIONS: Final[tuple[Section, ...]] = ("data", "model", "infrastructure", "monitoring")
"""The four sections; the score is that of the weakest."""


class MLTest(NamedTuple):
    """One of the 28.

    Attributes:
        id: such as "IN4".
        section: which of the four it counts for.
        title: what has to be so.
        how: what earns its point, for a reader who has not got it.
        automation: "A": reliai can see it by itself; "B": reliai runs it, the rule is the user's;
            "C": something that people do.
    """

    id: str
    section: Section
    title: str
    how: str
    automation: Literal["A", "B", "C"] = "A"


_MARKED = "mark the tests that show it with @pytest.mark.ml_test({!r})"


def _marked(id: str) -> str:  # noqa: A002  what it is
    return _MARKED.format(id)


_ALL: Final[tuple[MLTest, ...]] = (
    MLTest(
        "DT1",
        "data",
        "What may go in is written down: types, ranges, lengths, languages",
        "give each guarded function a Guard, and run reliai score collect --app APP",
    ),
    MLTest(
        "DT2",
        "data",
        "Each part of the prompt, source and tool earns its place",
        f"run experiments without each part; {_marked('DT2')}",
        "B",
    ),
    MLTest(
        "DT3",
        "data",
        "No part of the prompt, source or tool costs more than it is worth",
        f"hold tokens, latency and cost of each part to a limit; {_marked('DT3')}",
    ),
    MLTest(
        "DT4",
        "data",
        "Models, vendors and fields that may not be used are not used",
        "say [tool.reliai.score] models = [...] in pyproject.toml, and run reliai score collect",
    ),
    MLTest(
        "DT5",
        "data",
        "Personal data and secrets do not get into what is kept",
        "run reliai score collect --store URL: it searches what the store has kept",
    ),
    MLTest(
        "DT6",
        "data",
        "A new field, case or guard can be added in minutes",
        f"time it; {_marked('DT6')}, or reliai score add DT6 --document FILE",
        "C",
    ),
    MLTest(
        "DT7",
        "data",
        "What builds prompts and reads answers is tested",
        f"test it as any code; {_marked('DT7')}",
        "B",
    ),
    MLTest(
        "MO1",
        "model",
        "Prompts, parameters, tools and model names are reviewed and checked in",
        "configure(release=<git commit>), and run reliai score collect: it looks for the commits",
    ),
    MLTest(
        "MO2",
        "model",
        "Scores before release go together with what users say after it",
        "run reliai score collect --store URL --correlate EXPERIMENT:SCORER: both go together over "
        "the releases",
    ),
    MLTest(
        "MO3",
        "model",
        "Temperature, effort, number of sources and model were tuned",
        f"compare runs of one experiment with several settings; {_marked('MO3')}",
        "B",
    ),
    MLTest(
        "MO4",
        "model",
        "It is known what an old model, prompt or index costs in quality",
        f"compare runs of an old and a new one; {_marked('MO4')}",
    ),
    MLTest(
        "MO5",
        "model",
        "A simpler or cheaper model is not as good",
        f"gate the cheaper one against this one; {_marked('MO5')}",
    ),
    MLTest(
        "MO6",
        "model",
        "Quality is good enough in every slice that matters",
        "give the gate slices: Gate(…, slices=[…]); it passes in each of them",
    ),
    MLTest(
        "MO7",
        "model",
        "Names, dialects and languages make no difference that they should not make",
        f"compare cases that differ in these alone; {_marked('MO7')}",
        "B",
    ),
    MLTest(
        "IN1",
        "infrastructure",
        "An evaluation can be run again: data, code, scorers and seeds are pinned",
        "run an experiment to its end on a committed tree and a committed dataset version",
    ),
    MLTest(
        "IN2",
        "infrastructure",
        "Prompts and parsers are unit-tested on models that are none",
        f"test them with reliai.testing.ScriptedModel; {_marked('IN2')}",
    ),
    MLTest(
        "IN3",
        "infrastructure",
        "The whole guarded path is tested against a provider that misbehaves",
        f"test it with the fixture fault_server; {_marked('IN3')}; reliai replay gives half",
    ),
    MLTest(
        "IN4",
        "infrastructure",
        "Quality is judged before a change serves anybody",
        "have a gate judge each change, and pass",
    ),
    MLTest(
        "IN5",
        "infrastructure",
        "One call can be explained: attempts, guards, cost, variant",
        "keep records, and run reliai score collect: it explains the latest call",
    ),
    MLTest(
        "IN6",
        "infrastructure",
        "A change serves a few before it serves all",
        "use a Rollout with a shared state, and run reliai score collect --state URL; or "
        f"{_marked('IN6')}",
    ),
    MLTest(
        "IN7",
        "infrastructure",
        "A change can be taken back quickly and safely",
        "run reliai score drill --state URL; or have one taken back by a guardrail, and run reliai "
        f"score collect --state URL; or {_marked('IN7')}",
    ),
    MLTest(
        "MN1",
        "monitoring",
        "A model, SDK or index that changes makes itself known",
        "run reliai monitor on a schedule: it lists each change of the model that answers",
    ),
    MLTest(
        "MN2",
        "monitoring",
        "What goes in and comes out is checked in production",
        "watch signals.guard_hits() and signals.validation_failures()",
    ),
    MLTest(
        "MN3",
        "monitoring",
        "What is evaluated is like what users ask",
        "run reliai data health: the slices of the dataset are those of live traffic",
    ),
    MLTest(
        "MN4",
        "monitoring",
        "Models, prompts and indexes are not too old",
        f"watch their age: signals.value(…); {_marked('MN4')}",
    ),
    MLTest(
        "MN5",
        "monitoring",
        "Answers are whole: not empty, cut off, or in the wrong script",
        "watch signals.empty(), signals.truncated() and signals.script(…)",
    ),
    MLTest(
        "MN6",
        "monitoring",
        "Latency and cost have not got worse",
        "run reliai monitor on a schedule: latency and cost are watched and quiet",
    ),
    MLTest(
        "MN7",
        "monitoring",
        "The quality of answers has not got worse",
        "watch a score of evaluators or of users: signals.score(…); or replay the latest calls of "
        "production, and have a gate judge that",
    ),
)

TESTS: Final[dict[str, MLTest]] = {each.id: each for each in _ALL}
"""By id."""


def known_tests(ids: object) -> tuple[str, ...]:
    """`ids`, when each is one of the 28; however they are spelt.

    Raises:
        ConfigurationError: naming those that are none.
    """
    given = [ids] if isinstance(ids, str) else ids
    if not isinstance(given, list | tuple | set | frozenset):
        raise ConfigurationError(f"tests={ids!r}: must be ids such as ['IN4', 'MO6']")
    found = tuple(dict.fromkeys(str(each).strip().upper() for each in given))
    strange = [each for each in found if each not in TESTS]
    if strange:
        known = ", ".join(TESTS)
        raise ConfigurationError(f"there is no test {', '.join(strange)}; there are: {known}")
    return found
