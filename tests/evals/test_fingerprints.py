"""A digest changes with what a scorer does, and with nothing else."""

import datetime as dt
import decimal
import functools
import importlib
import json
import linecache
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reliai
from reliai.evals._fingerprints import code_of, digest_of
from reliai.evals.scorers import exact
from reliai.evals.scoring import Scorer, scorer

LIMIT = 3


def digest(function: Any) -> str:
    return digest_of(code_of(function))


def plain(output: Any, case: Any) -> bool:
    return len(output) > 3


def commented(output: Any, case: Any) -> bool:
    """Says the same."""
    # and does the same

    return len(output) > 3  # as the other


def other(output: Any, case: Any) -> bool:
    return len(output) > 4


def renamed(function: Any, name: str) -> str:
    return str(code_of(function)["source"]).replace(name, "f")


def test_comments_and_docstrings_change_nothing() -> None:
    assert renamed(plain, "plain") == renamed(commented, "commented")


def test_code_counts() -> None:
    assert renamed(plain, "plain") != renamed(other, "other")


def limited(limit: Any) -> Any:
    def inner(output: Any, case: Any) -> bool:
        return bool(len(output) > limit)

    return inner


def test_what_is_closed_over_counts() -> None:
    assert digest(limited(3)) == digest(limited(3))
    assert digest(limited(3)) != digest(limited(4))


def test_what_is_bound_counts() -> None:
    assert digest(partial(limited, 3)) != digest(partial(limited, 4))


def helped(output: Any, case: Any) -> bool:
    return bool(limited(LIMIT)(output, case))


def test_functions_and_constants_that_it_names_count(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(helped)
    monkeypatch.setitem(globals(), "LIMIT", 4)
    changed = digest(helped)
    monkeypatch.setitem(globals(), "limited", other)
    assert len({before, changed, digest(helped)}) == 3


class Longer:
    def __init__(self, limit: int) -> None:
        self.limit = limit

    def __call__(self, output: Any, case: Any) -> bool:
        return len(output) > self.limit

    def method(self, output: Any, case: Any) -> bool:
        return self(output, case)


def test_objects_count_by_what_they_hold() -> None:
    assert digest(Longer(3)) == digest(Longer(3))
    assert digest(Longer(3)) != digest(Longer(4))
    assert digest(Longer(3).method) != digest(Longer(4).method)


@pytest.mark.parametrize(
    ("one", "same", "another"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1, "b": 3}),
        ({1, 2, 3}, {3, 2, 1}, {1, 2}),
        (re.compile("a"), re.compile("a"), re.compile("a", re.IGNORECASE)),
        (b"a", b"a", b"b"),
        ([1, (2,)], [1, [2]], [1, (3,)]),
        (len, len, max),
        (decimal.Decimal(1), decimal.Decimal(1), decimal.Decimal(2)),
        (dt.date(2025, 1, 1), dt.date(2025, 1, 1), dt.date(2025, 1, 2)),
        (np.arange(3), np.arange(3), np.arange(3.0)),
        (Longer, Longer, Scorer),
    ],
)
def test_values_count_by_content(one: Any, same: Any, another: Any) -> None:
    assert digest(one) == digest(same)
    assert digest(one) != digest(another)


def wrapping(more: bool) -> Any:
    if more:

        @functools.wraps(plain)
        def wrapper(output: Any, case: Any) -> bool:
            return not other(output, case)

    else:

        @functools.wraps(plain)
        def wrapper(output: Any, case: Any) -> bool:
            return bool(other(output, case))

    return wrapper


def test_a_wrapper_is_told_by_its_own_code() -> None:
    assert digest(wrapping(more=True)) != digest(wrapping(more=False))


def test_a_guarded_function_is_told_by_what_is_guarded() -> None:
    guarded = reliai.reliable(reliai.Retry(3))(plain)
    assert digest(guarded) == digest(plain)


def test_what_was_installed_is_told_by_its_name() -> None:
    assert code_of([json.dumps]) == ["json.dumps"]
    assert code_of([threading.Lock()]) == [{"type": "_thread.lock"}]


def test_lambdas_are_told_apart() -> None:
    assert digest(lambda output, case: 1) != digest(lambda output, case: 2)
    pair = [lambda output, case: 1, lambda output, case: 2]
    assert digest(pair[0]) != digest(pair[1])


def test_code_without_a_source_is_told_by_what_it_compiles_to() -> None:
    first: dict[str, Any] = {}
    second: dict[str, Any] = {}
    exec("def f(output, case):\n    return 1", first)  # noqa: S102  code that lies nowhere
    exec("def f(output, case):\n    return 2", second)  # noqa: S102  the same
    assert digest(first["f"]) != digest(second["f"])


def test_what_refers_to_itself_has_a_digest() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    assert digest(loop) == digest(loop)


def test_the_version_and_the_name_count() -> None:
    made = {scorer(name=name, version=v)(plain).digest for name in ("a", "b") for v in (1, 2)}
    assert len(made) == 4


def test_settings_of_a_ready_made_scorer_count() -> None:
    assert exact().digest != exact(ignore_case=True).digest


def test_a_digest_is_the_same_in_every_process() -> None:
    program = (
        "from tests.evals.test_fingerprints import helped, Longer, digest; "
        "print(digest(helped), digest({Longer(3).method, 'a'}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == [digest(helped), digest({Longer(3).method, "a"})]


def using(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> Iterator[Any]:
    """A function `target` of a program beside which lies a module `prompts`, as it changes."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for number in (1, 1, 2):
        (tmp_path / "wording.py").write_text(
            f"SYSTEM = 'be {number}'\nBY_NAME = {{'a': {number}}}\n\n"
            f"def made(n):\n    return n * {number}\n"
        )
        (tmp_path / "asking.py").write_text(program)
        for name in ("wording", "asking"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        linecache.checkcache()
        yield importlib.import_module("asking").target


@pytest.mark.parametrize(
    "program",
    [
        "import wording\ndef target(n):\n    return wording.SYSTEM",
        "import wording as w\ndef target(n):\n    return w.made(n)",
        "import wording\ndef target(n):\n    return wording.BY_NAME['a']",
        "from wording import made\ndef target(n):\n    return made(n)",
        "from wording import BY_NAME\ndef target(n):\n    return BY_NAME['a']",
        "import wording\ndef inner(n):\n    return wording.made(n)\ndef target(n): return inner(n)",
        """
import functools, wording
@functools.lru_cache
def inner(n):
    return wording.SYSTEM
def target(n):
    return inner(n)
""",
    ],
)
def test_what_it_uses_of_other_modules_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    first, same, changed = map(digest, using(tmp_path, monkeypatch, program))
    assert first == same
    assert first != changed


def test_where_code_lies_does_not_count() -> None:
    made: dict[str, Any] = {"__name__": "m", "__file__": "/a"}
    exec("def f(output, case):\n    return __file__", made)  # noqa: S102  code that lies nowhere
    before = digest(made["f"])
    made["__file__"] = "/b"
    assert digest(made["f"]) == before


def test_functions_that_use_each_other_are_told_once() -> None:
    made: dict[str, Any] = {"__name__": "m"}
    uses = "".join(f"f{at}, " for at in range(12))
    for at in range(12):
        exec(f"def f{at}(n):\n    return ({uses})", made)  # noqa: S102  code that lies nowhere
    assert len(json.dumps(code_of(made["f0"]))) < 20_000
