"""MaxTokens: exact with a tokenizer, on the safe side without one."""

# ruff: noqa: RUF001  other alphabets are what it is about

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reliai
from reliai import ConfigurationError, Guard, GuardRejected, MaxTokens, OutputInvalid, Validate
from reliai.checks.tokens import estimated_tokens

# Texts and their number of tokens in a vocabulary of 100,000 (cl100k).
COUNTED = {
    "English": ("The quick brown fox jumps over the lazy dog. " * 4, 41),
    "German": ("Wenn wir ein zuverlässiges System entwerfen, zählt jeder Fehler. " * 4, 73),
    "Chinese": ("当我们在设计一个可靠的系统时，必须考虑到所有可能发生的错误。" * 4, 104),
    "Japanese": ("私たちが信頼性の高いシステムを設計するときは、" * 4, 96),
    "Korean": ("신뢰할 수 있는 시스템을 설계할 때는 발생할 수 있는 모든 오류를" * 4, 116),
    "Russian": ("Когда мы проектируем надежную систему, мы учитываем ошибки." * 4, 92),
    "Arabic": ("عندما نصمم نظامًا موثوقًا، يجب أن نأخذ في الاعتبار جميع الأخطاء" * 4, 196),
    "Hindi": ("जब हम एक विश्वसनीय प्रणाली डिज़ाइन करते हैं" * 4, 180),
    "code": ("def f(x):\n    return [y ** 2 for y in range(x) if y % 2 == 0]\n" * 4, 104),
    "JSON": ('{"name": "pen", "price": 1.5, "tags": ["a", "b"]}, ' * 4, 97),
    "emoji": ("😀🎉🔥" * 4, 32),
    "digits": ("3.141592653589793 " * 4, 32),
}


@pytest.mark.parametrize(("text", "tokens"), COUNTED.values(), ids=COUNTED)
def test_the_estimate_is_on_the_safe_side_and_not_far_off(text: str, tokens: int) -> None:
    assert tokens * 0.95 <= estimated_tokens(text) <= tokens * 1.8


def test_the_estimate_of_keys_and_hashes_is_on_the_safe_side() -> None:
    key = base64.b64encode(bytes(range(256)) * 3).decode()
    assert estimated_tokens(key) >= 0.7 * len(key)
    assert estimated_tokens(bytes(range(256)).hex()) >= 0.5 * 512


@given(st.text(max_size=80), st.text(max_size=40))
def test_a_longer_text_never_has_fewer_tokens(text: str, more: str) -> None:
    assert estimated_tokens(text) <= estimated_tokens(text + more) + 1


@given(st.text(max_size=120))
def test_the_estimate_is_bounded_by_the_bytes(text: str) -> None:
    assert 0 <= estimated_tokens(text) <= 2 + 4 * len(text)
    if text.isascii():
        assert estimated_tokens(text) <= len(text) + 1


class Encoder:
    """As tiktoken's: `encode` refuses special tokens, `encode_ordinary` does not."""

    name = "words"

    def encode(self, text: str) -> list[str]:
        raise ValueError(text)

    def encode_ordinary(self, text: str) -> list[str]:
        return text.split()


class Tokenized:
    """As the tokenizers of Hugging Face give."""

    def __init__(self, text: str) -> None:
        self.ids = text.split()

    def __len__(self) -> int:
        return len(self.ids)


class Other:
    def encode(self, text: str) -> Tokenized:
        return Tokenized(text)


@pytest.mark.parametrize(
    "tokenizer",
    [
        lambda text: len(text.split()),
        str.split,
        lambda text: iter(text.split()),
        lambda text: (word for word in text.split()),
        Encoder(),
        Other(),
    ],
    ids=["number", "list", "iterator", "generator", "tiktoken", "tokenizers"],
)
def test_a_tokenizer_of_any_make_is_taken_by_its_word(tokenizer: Any) -> None:
    check = MaxTokens(5, tokenizer)
    assert check("one two three four five") is None
    assert check("one two three four five six") == "it has 6 tokens, at most 5 are allowed"


def test_without_a_tokenizer_the_reason_says_that_it_is_an_estimate() -> None:
    assert MaxTokens(5)("one two") is None
    reason = MaxTokens(5)("this is much longer than five tokens")
    assert reason == "it has about 9 tokens, at most 5 are allowed"


def test_short_texts_are_not_counted() -> None:
    def crash(text: str) -> int:
        raise LookupError(text)

    assert MaxTokens(100, crash)("short") is None


@pytest.mark.parametrize("tokens", [0, -1, 1.5, True, None, "5"])
def test_a_wrong_number_is_a_configuration_error(tokens: Any) -> None:
    with pytest.raises(ConfigurationError, match="whole number of at least 1"):
        MaxTokens(tokens)


@pytest.mark.parametrize("tokenizer", [5, "cl100k", object(), list])
def test_what_cannot_count_is_a_configuration_error(tokenizer: Any) -> None:
    with pytest.raises(ConfigurationError, match="give a function of the text"):
        MaxTokens(5, tokenizer)


@pytest.mark.parametrize("counted", [None, "3", True, {"a": 1}])
def test_a_tokenizer_that_gives_no_tokens_is_a_fault(counted: Any) -> None:
    guarded = Validate(MaxTokens(1, lambda _: counted))(lambda prompt: prompt)
    with pytest.raises(OutputInvalid, match="the check itself failed"):
        guarded("hello there")


def test_of_messages_all_texts_count_together() -> None:
    messages = [{"role": "user", "content": "one two"}, {"role": "user", "content": "three"}]
    assert MaxTokens(9, str.split)(messages) is None
    assert MaxTokens(5, str.split)(messages) == "it has 9 tokens, at most 5 are allowed"


def test_a_guard_that_names_no_parameter_has_messages_counted() -> None:
    def chat(messages: list[dict[str, str]]) -> str:
        return "never"

    guarded = Guard(MaxTokens(5, str.split))(chat)
    with pytest.raises(GuardRejected, match="9 tokens"):
        guarded([{"role": "user", "content": "one two"}, {"role": "user", "content": "three"}])


def test_other_values_fail_and_say_what_they_are() -> None:
    assert MaxTokens(5)(b"bytes") == "it is not text but bytes"


def test_settings_are_described() -> None:
    assert MaxTokens(5).describe()["tokenizer"] is None
    assert MaxTokens(5, Encoder()).describe()["tokenizer"] == "words"
    assert MaxTokens(5, str.split).describe()["tokenizer"] == "str.split"
    assert repr(MaxTokens(5)) == "reliai.MaxTokens(5)"


@pytest.mark.parametrize("tokenizer", [None, str.split])
@given(words=st.lists(st.sampled_from(["one ", "long-winded ", "漢字 ", "x\n"]), max_size=60))
def test_a_stream_is_stopped_by_the_chunk_that_is_too_many(
    tokenizer: Any, words: list[str]
) -> None:
    check = MaxTokens(20, tokenizer)
    judge = check.stream()
    text = ""
    for word in words:
        text += word
        verdict = judge(word)
        assert (verdict is None) == (check(text) is None)
        if verdict is not None:
            break


def test_a_stream_is_counted_a_few_times_and_not_with_every_chunk() -> None:
    counted: list[int] = []

    def tokenizer(text: str) -> int:
        counted.append(len(text))
        return len(text) // 4

    judge = MaxTokens(10_000, tokenizer).stream()
    for _ in range(3_000):
        assert judge("word word ") is None
    assert len(counted) < 40


def test_a_stream_of_its_own_is_counted_for_each_call() -> None:
    check = MaxTokens(2, str.split)
    for _ in range(2):
        assert check.stream()("one two") is None


def test_nothing_is_fetched() -> None:
    example = Path(reliai.__file__).read_text(encoding="utf-8")
    assert MaxTokens(100_000)(example) is None
