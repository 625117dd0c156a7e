"""`reliai doctor`: what will hurt is found, each thing once; where all is well nothing is."""

from __future__ import annotations

from pathlib import Path

import pytest

from reliai.cli.doctor import Unreadable, examine
from tests.cli.apps import GUARDED, application

pytestmark = [
    pytest.mark.usefixtures("clean_imports"),
    pytest.mark.filterwarnings("default::reliai.ReliaiWarning"),
]


def problems(target: str) -> list[str]:
    return [f"{finding.where}: {finding.what}" for finding in examine(target).problems]


def notes(target: str) -> list[str]:
    return [f"{finding.where}: {finding.what}" for finding in examine(target).notes]


def test_nothing_is_found_where_all_is_well(tmp_path: Path) -> None:
    target = application(tmp_path)
    examined = examine(target)
    assert (examined.problems, examined.notes) == ([], [])
    assert examined.functions == ["shop.py:6 answer"]


# --- around one function -----------------------------------------------------------------------


def test_retries_of_the_sdk_inside_retries_are_found_with_their_product(tmp_path: Path) -> None:
    """Case 1."""
    (found,) = problems(application(tmp_path, retries=2))
    assert found.startswith("shop.py:6 answer: openai.OpenAI 'client' retries 2 times by itself")
    assert "up to 9 requests" in found
    assert "max_retries=0" in found


def test_a_patience_of_the_sdk_beyond_the_limit_is_found(tmp_path: Path) -> None:
    (found,) = problems(application(tmp_path, timeout=600.0))
    assert "waits up to 600 s, longer than the limit of 10 s" in found
    assert "timeout=reliai.remaining()" in found


def test_a_function_that_hands_the_time_on_has_no_patience_of_its_own(tmp_path: Path) -> None:
    more = ", timeout=reliai.remaining()"
    assert problems(application(tmp_path, timeout=600.0, more=more)) == []


def test_the_time_may_be_handed_on_by_a_helper(tmp_path: Path) -> None:
    body = """
def ask(question):
    return client.responses.create(model="any", input=question, timeout=reliai.remaining())

@reliai.reliable({policies})
def answer(question: str) -> str:
    return ask(question).output_text
"""
    assert problems(application(tmp_path, body, timeout=600.0)) == []


def test_a_call_without_any_limit_is_found(tmp_path: Path) -> None:
    (found,) = problems(application(tmp_path, policies="reliai.Retry(3)"))
    assert "there is no Timeout" in found
    assert "'client' waits up to 5 s" in found


@pytest.mark.parametrize(
    ("wait", "found"),
    [
        ("client.responses.create(model='any', input=question)", True),
        ("await asyncio.to_thread(client.responses.create, model='any', input=question)", False),
        ("await later.responses.create(model='any', input=question)", False),
    ],
    ids=["blocks", "in a thread", "asynchronous"],
)
def test_a_client_that_stops_the_event_loop_is_found(
    wait: str, found: bool, tmp_path: Path
) -> None:
    body = f"""
import asyncio
from openai import AsyncOpenAI

later = AsyncOpenAI(api_key="none", max_retries=0, timeout=5.0)

@reliai.reliable({{policies}})
async def answer(question: str) -> str:
    return ({wait}).output_text
"""
    told = problems(application(tmp_path, body))
    assert ["stops the whole event loop" in each for each in told] == ([True] if found else [])


def test_a_stream_without_an_idle_limit_is_found(tmp_path: Path) -> None:
    body = """
@reliai.reliable(reliai.Timeout(30), reliai.Retry(3))
def stream(question: str):
    yield question
"""
    (found,) = problems(application(tmp_path, body))
    assert "has no idle timeout" in found
    assert "Timeout(idle=" in found


def test_a_stream_with_an_idle_limit_is_well(tmp_path: Path) -> None:
    body = """
@reliai.reliable(reliai.Timeout(30, idle=5), reliai.Retry(3))
def stream(question: str):
    yield question
"""
    assert problems(application(tmp_path, body)) == []


def test_an_inverted_order_is_found(tmp_path: Path) -> None:
    policies = 'reliai.Timeout(30), reliai.Retry(3), reliai.Fallback("later"), reliai.Timeout(10)'
    (found,) = problems(application(tmp_path, policies=policies))
    assert "Retry stands outside Fallback" in found


def test_what_reliai_warned_of_during_the_import_is_found(tmp_path: Path) -> None:
    body = """
one = reliai.CircuitBreaker("doctor-warned", consecutive=3)
two = reliai.CircuitBreaker("doctor-warned", consecutive=4)

@reliai.reliable(reliai.Timeout(30), one)
def answer(question: str) -> str:
    return question
"""
    (found,) = problems(application(tmp_path, body))
    assert found.startswith("shop.py:7: ")
    assert "doctor-warned" in found


# --- guarded functions that call each other ----------------------------------------------------

INNER = """
@reliai.reliable(reliai.Timeout(9), reliai.Retry(2))
def inner(question: str) -> str:
    return question
"""


@pytest.mark.parametrize(
    "outer",
    [
        "def outer(question: str) -> str:\n    return inner(question)",
        "def outer(question: str) -> str:\n    return [inner(q) for q in [question]][0]",
        "def outer(question: str) -> str:\n    return helper(question)",
    ],
)
def test_retries_around_retries_are_found_with_their_product(outer: str, tmp_path: Path) -> None:
    helper = "\ndef helper(question):\n    return inner(question)\n"
    body = f"{INNER}{helper}\n@reliai.reliable(reliai.Timeout(30), reliai.Retry(3))\n{outer}\n"
    (found,) = problems(application(tmp_path, body))
    assert "outer: Retry(3) stands around shop.py:6 inner, which has Retry(2)" in found
    assert "3 * 2 = 6 attempts" in found


def test_a_method_that_retries_a_method_is_found(tmp_path: Path) -> None:
    body = """
class Shop:
    @reliai.reliable(reliai.Timeout(9), reliai.Retry(2))
    def inner(self, question: str) -> str:
        return question

    @classmethod
    @reliai.reliable(reliai.Timeout(30), reliai.Retry(3))
    def outer(cls, question: str) -> str:
        return cls().inner(question)
"""
    (found,) = problems(application(tmp_path, body))
    assert "Shop.outer: Retry(3) stands around" in found


def test_one_layer_of_retries_is_well(tmp_path: Path) -> None:
    body = (
        INNER
        + "\n@reliai.Timeout(30)\ndef outer(question: str) -> str:\n    return inner(question)\n"
    )
    assert problems(application(tmp_path, body)) == []


# --- functions without policies ----------------------------------------------------------------

BARE = """
def summary(text: str) -> str:
    return client.responses.create(model="any", input=text).output_text
"""


def test_a_client_used_without_policies_is_noted(tmp_path: Path) -> None:
    target = application(tmp_path, GUARDED + BARE)
    (found,) = notes(target)
    assert found.startswith("shop.py:10 summary: calls openai.OpenAI 'client' with no policy")
    assert problems(target) == []


@pytest.mark.parametrize(
    "guard",
    [
        "@reliai.Timeout(3)\ndef answer(text: str) -> str:\n    return summary(text)",
        "@reliai.Fallback(summary)\n@reliai.Timeout(3)\ndef answer(text: str): return text",
        '@reliai.Fallback(on={"quota": summary})\n@reliai.Timeout(3)\ndef answer(t: str): return t',
    ],
)
def test_what_runs_inside_policies_is_not_noted(guard: str, tmp_path: Path) -> None:
    assert notes(application(tmp_path, f"{BARE}\n{guard}\n")) == []


def test_a_caller_of_guarded_functions_is_not_noted(tmp_path: Path) -> None:
    assert (
        notes(application(tmp_path, GUARDED + "\ndef main():\n    print(answer('why?'))\n")) == []
    )


# --- what is looked at -------------------------------------------------------------------------


def test_modules_of_the_same_folder_are_looked_at_too(tmp_path: Path) -> None:
    application(tmp_path, retries=2, name="doctor_answers.py")
    (tmp_path / "doctor_main.py").write_text("import doctor_answers\n")
    (found,) = problems(str(tmp_path / "doctor_main.py"))
    assert found.startswith("doctor_answers.py:6 answer")


def test_a_package_is_looked_at_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "doctor_shop"
    package.mkdir()
    application(package, retries=2, name="answers.py")
    (package / "__init__.py").write_text("from doctor_shop.answers import answer\n")
    monkeypatch.chdir(tmp_path)
    (found,) = problems("doctor_shop")
    assert found.startswith("answers.py:6 answer")


def test_one_attribute_can_be_looked_at_alone(tmp_path: Path) -> None:
    more = GUARDED.replace("answer(", "other(")
    target = application(tmp_path, GUARDED + more, retries=2)
    assert [found.split(":")[1] for found in problems(f"{target}:other")] == ["10 other"]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("doctor_nowhere", "there is no module 'doctor_nowhere'"),
        ("doctor_nowhere.py", "there is no file"),
        ("shop.py:nothing", "has no attribute 'nothing'"),
        ("broken.py", "failed: ZeroDivisionError"),
        ("leaving.py", "failed: SystemExit"),
        ("wrong.py", "Timeout(seconds=-1)"),
        ("empty.py", "holds no function"),
        ("importing.py", "doctor_unknown"),
    ],
)
def test_what_cannot_be_looked_at_is_said(
    target: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    application(tmp_path)
    Path("broken.py").write_text("1 / 0\n")
    Path("leaving.py").write_text("raise SystemExit(0)\n")
    Path("wrong.py").write_text("import reliai\nreliai.Timeout(-1)\n")
    Path("empty.py").write_text("value = 1\n")
    Path("importing.py").write_text("import doctor_unknown\n")
    with pytest.raises(Unreadable) as caught:
        examine(target)
    assert words in str(caught.value)
