"""What may be recorded of content: nothing that the rules find, in whatever it stands, and no more
than so many bytes."""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai import ConfigurationError
from reliai._core.record_parts import ErrorInfo
from reliai.checks import redaction as module
from reliai.checks.redaction import Redaction, message_of, redaction_of, totals
from reliai.testing import sdk_answer, sdk_stream

EMAIL = "canary.bird@example.org"
KEY = "sk-proj-Zx81kQpLw03nVbTyAq7RsDfGhJ29mXcE"
SSN = "078-05-1120"
SECRETS = (EMAIL, KEY, SSN)
TEXT = f"I am {EMAIL}, my SSN is {SSN}, the key is {KEY}."


def written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def assert_clean(value: Any, **settings: Any) -> Any:
    """No canary is left in what is recorded of a value."""
    redacted = Redaction(**settings).apply(value)
    assert not redacted.dropped
    text = written(redacted.value)
    assert not [each for each in SECRETS if each in text], text
    return redacted.value


class TestTexts:
    def test_personal_data_and_secrets_get_labels(self) -> None:
        redacted = Redaction().apply(TEXT)
        assert redacted.value == "I am [EMAIL], my SSN is [US_SSN], the key is [OPENAI_KEY]."
        assert (redacted.replaced, redacted.original_bytes, redacted.dropped) == (3, None, False)

    def test_full_content_is_as_it_was(self) -> None:
        assert Redaction("full").apply(TEXT) == (TEXT, 0, None, False)

    def test_of_two_that_overlap_all_goes(self) -> None:
        made = assert_clean(f"postgres://me:{KEY}@db.example.org/x and {EMAIL}")
        assert "me:" not in made or KEY not in made

    def test_a_text_that_is_seen_again_is_redacted_again(self) -> None:
        for _ in range(3):
            assert_clean("Once more. " * 40 + TEXT)

    def test_what_was_clean_up_to_a_limit_is_looked_at_again_beyond(self) -> None:
        text = "word " * 60 + TEXT
        assert Redaction(limit=256).apply(text).replaced == 0
        assert_clean(text)

    def test_subclasses_of_text_are_read_as_text(self) -> None:
        class Loud(str):
            __slots__ = ()

            def __str__(self) -> str:
                return TEXT

            def __getitem__(self, key: Any) -> str:
                return TEXT

        made = assert_clean([Loud("quiet"), Loud(TEXT)])
        assert made[0] == "quiet"


class TestContainers:
    @pytest.mark.parametrize(
        "value",
        [
            {TEXT: 1},
            {"a": {"b": [{"c": TEXT}]}},
            [("x", [[TEXT]])],
            {TEXT},
            frozenset([TEXT]),
            deque([TEXT]),
            MappingProxyType({"a": TEXT, TEXT: 1}),
            OrderedDict(a=TEXT),
            {("tuple", TEXT): EMAIL},
            SimpleNamespace(a=TEXT),
            [Path(f"/home/{EMAIL}/notes")],
            {"messages": [{"role": "system", "content": TEXT}]},
            {"tool_calls": [{"function": {"name": "send", "arguments": json.dumps({"to": TEXT})}}]},
        ],
        ids="key deep list set frozenset deque proxy ordered tuple object path chat tool".split(),
    )
    def test_texts_are_found_wherever_they_are(self, value: Any) -> None:
        assert "[EMAIL]" in written(assert_clean(value))

    @pytest.mark.parametrize(
        ("key", "value", "label"),
        [
            ("password", "hunter2", "[PASSWORD]"),
            ("api_key", "zx81kQpLw03nVbTyAq7RsDfGh", "[ASSIGNED_KEY]"),
            ("ssn", "078051120", "[US_SSN]"),
            ("ssn", 278051120, "[US_SSN]"),
            ("date_of_birth", "1980-02-03", "[DATE_OF_BIRTH]"),
        ],
    )
    def test_a_key_tells_what_stands_under_it(self, key: str, value: Any, label: str) -> None:
        made = Redaction().apply({key: value, "all": {key: [value, {"deeper": "x"}]}}).value
        assert made == {key: label, "all": {key: [label, {"deeper": "x"}]}}
        assert Redaction().apply(SimpleNamespace(**{key: value})).value == {key: label}

    def test_of_arguments_in_json_the_same_is_found(self) -> None:
        arguments = json.dumps({"password": "hunter2", "to": EMAIL})
        made = assert_clean({"function": {"name": "send", "arguments": arguments}})
        assert "hunter2" not in written(made)

    def test_keys_that_get_the_same_label_stay_apart(self) -> None:
        made = Redaction().apply({"a.b@example.org": 1, "c.d@example.org": 2}).value
        assert made == {"[EMAIL]": 1, "[EMAIL] (2)": 2}

    def test_named_tuples_keep_their_names(self) -> None:
        class Pair(NamedTuple):
            who: str
            what: int

        assert assert_clean(Pair(TEXT, 2))["what"] == 2

    def test_enumerations_are_their_values(self) -> None:
        class Who(Enum):
            IT = TEXT

        class Word(StrEnum):
            IT = TEXT

        assert_clean([Who.IT, Word.IT, {Who.IT: Word.IT}])
        assert_clean(Word.IT)

    def test_numbers_that_are_cards_are_found(self) -> None:
        assert Redaction().apply({"card": 4111111111111111}).value == {"card": "[CARD]"}
        assert Redaction().apply([12, 3.5, True, None, 10**7]).value == [12, 3.5, True, None, 10**7]

    def test_what_json_cannot_say_is_left_out(self) -> None:
        made = Redaction().apply([float("nan"), float("inf"), 10**5000, Decimal("1.5")]).value
        assert made == [None, None, "(a number of 16610 bits)", "1.5"]
        assert Redaction().apply(date(2024, 2, 29)).value == "2024-02-29"

    def test_cycles_end(self) -> None:
        loop: dict[str, Any] = {"text": TEXT}
        loop["again"] = [loop]
        assert assert_clean(loop)["again"] == ["(itself)"]

    def test_depth_ends(self) -> None:
        deep: list[Any] = [TEXT]
        for _ in range(5000):
            deep = [deep]
        redacted = Redaction().apply(deep)
        assert not redacted.dropped
        assert redacted.original_bytes is not None


class TestObjects:
    def test_dataclasses_are_read(self) -> None:
        @dataclass
        class Person:
            name: str
            mail: str = field(repr=False)

        assert assert_clean(Person("A", EMAIL)) == {"name": "A", "mail": "[EMAIL]"}

    def test_models_are_read_with_what_they_have_beyond_their_fields(self) -> None:
        class Person(pydantic.BaseModel, extra="allow"):
            mail: str
            hidden: pydantic.SecretStr

        more: Any = Person
        made = assert_clean(more(mail=TEXT, hidden=pydantic.SecretStr(KEY), more=TEXT))
        assert made["hidden"] == "(SecretStr)"
        assert made.keys() == {"mail", "hidden", "more"}

    @pytest.mark.parametrize("api", ["chat", "responses", "messages"])
    def test_provider_objects_are_read(self, api: Any) -> None:
        assert "[EMAIL]" in written(assert_clean(sdk_answer(TEXT, api)))
        assert_clean(sdk_stream(TEXT, api), limit=100_000)

    def test_other_objects_are_only_named(self) -> None:
        class Client:
            key = TEXT

            def __repr__(self) -> str:
                return TEXT

            __str__ = __repr__

        error = ValueError(TEXT)
        generator = (each for each in [TEXT])
        made = assert_clean([Client(), Client, error, generator, np.array([TEXT])])
        assert made == ["(Client)", "(type)", "(ValueError)", "(generator)", "(ndarray)"]
        assert next(generator) == TEXT, "nobody else's iterator is used up"

    @pytest.mark.parametrize("mode", ["redacted", "full"])
    def test_bytes_and_media_are_only_measured(self, mode: str) -> None:
        import base64

        url = "data:text/plain;base64," + base64.b64encode(TEXT.encode()).decode()
        made = Redaction(mode).apply([TEXT.encode(), bytearray(b"ab"), memoryview(b"c"), url]).value
        assert made[:3] == [
            f"(bytes of {len(TEXT)} bytes)",
            "(bytearray of 2 bytes)",
            "(memoryview of 1 bytes)",
        ]
        assert made[3].startswith("(text/plain of ")

    def test_what_cannot_be_read_is_dropped(self) -> None:
        @dataclass
        class Broken:
            mail: str

            def __getattribute__(self, name: str) -> Any:
                if name == "mail":
                    raise RuntimeError(TEXT)
                return super().__getattribute__(name)

        @dataclass(slots=True)
        class Slotted:
            mail: str

        assert_clean(Slotted(TEXT))
        redacted = Redaction().apply([Broken.__new__(Broken)])
        assert redacted.dropped or TEXT not in written(redacted.value)


class TestSize:
    @pytest.mark.parametrize("mode", ["redacted", "full"])
    @pytest.mark.parametrize("letter", ["a", "ä", "€", "😀"])
    @pytest.mark.parametrize("limit", [64, 101, 102, 103])
    def test_a_text_is_cut_between_characters(self, mode: str, letter: str, limit: int) -> None:
        redacted = Redaction(mode, limit=limit).apply(letter * 1000)
        size = len(redacted.value.encode())
        assert limit - 4 < size <= limit
        assert set(redacted.value) == {letter}
        assert redacted.original_bytes == len((letter * 1000).encode())

    def test_what_is_behind_the_limit_is_not_scanned(self, monkeypatch: Any) -> None:
        seen: list[int] = []

        def found(text: str) -> list[Any]:
            seen.append(len(text))
            return []

        monkeypatch.setattr(module, "_found", found)
        monkeypatch.setattr(module, "_clean", {})
        redacted = Redaction().apply("word " * 200_000)
        assert seen == [8192 + 512]
        assert (len(redacted.value), redacted.original_bytes) == (8192, 1_000_000)

    @pytest.mark.parametrize("secret", SECRETS)
    def test_nothing_is_cut_in_half(self, secret: str) -> None:
        prefix = {"078-05-1120": "SSN "}.get(secret, "")
        for before in range(100 - len(secret) - len(prefix), 100):
            text = "." * before + " " + prefix + secret + " and more " * 100
            made = Redaction(limit=100).apply(text).value
            assert secret[:6] not in made, made

    def test_of_messages_so_many_bytes_are_kept_in_all(self) -> None:
        messages = [{"role": "user", "content": "ä\n" * 2000} for _ in range(10)]
        redacted = Redaction(limit=4096).apply(messages)
        assert len(written(redacted.value).encode()) <= 4096
        assert redacted.original_bytes is not None
        assert redacted.original_bytes > 3 * 2000
        assert redacted.value[0]["role"] == "user"

    def test_halves_of_characters_are_no_text(self) -> None:
        made = Redaction().apply("a\ud83d b").value
        assert made.encode() == b"a? b"


class TestOwnFunction:
    def test_it_replaces_the_rules(self) -> None:
        redacted = Redaction(redact=lambda text: text.replace("Acme", "[US]")).apply(
            {"Acme": ["Acme", EMAIL]}
        )
        assert redacted.value == {"[US]": ["[US]", EMAIL]}
        assert redacted.replaced == 2

    @pytest.mark.parametrize("problem", [ValueError(TEXT), SystemExit(TEXT), RecursionError()])
    def test_one_that_raises_drops_the_content(self, problem: BaseException) -> None:
        def redact(text: str) -> str:
            raise problem

        before = totals().failed
        redacted = Redaction(redact=redact).apply({"prompt": TEXT})
        assert (redacted.value, redacted.dropped) == (None, True)
        assert totals().failed == before + 1

    def test_one_that_gives_no_text_drops_the_content(self) -> None:
        nothing: Any = {}.get
        assert Redaction(redact=nothing).apply(TEXT).dropped

    def test_it_gets_whole_words_of_what_is_cut(self) -> None:
        seen: list[str] = []

        def redact(text: str) -> str:
            seen.append(text)
            return text

        Redaction(limit=64, redact=redact).apply("word " * 12 + EMAIL + " more" * 10)
        assert seen == [("word " * 12)[:-1]]

    def test_what_it_makes_is_cut_too(self) -> None:
        assert len(Redaction(limit=64, redact=lambda text: text * 9).apply("a" * 60).value) == 64


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "told"),
        [
            ({"mode": "none"}, "'none'"),
            ({"mode": "masked"}, "'masked'"),
            ({"limit": 3}, "3"),
            ({"limit": True}, "True"),
            ({"limit": 1e6}, "1000000.0"),
            ({"redact": "x"}, "'x'"),
            ({"redact": str}, "plain function"),
            ({"mode": "full", "redact": str.upper}, "'full'"),
        ],
    )
    def test_what_cannot_be_is_refused(self, settings: Any, told: str) -> None:
        with pytest.raises(ConfigurationError, match=told):
            Redaction(**settings)

    def test_a_coroutine_function_is_refused(self) -> None:
        async def redact(text: str) -> str:
            return text

        function: Any = redact
        with pytest.raises(ConfigurationError, match="plain function"):
            Redaction(redact=function)

    def test_sinks_take_three_words(self) -> None:
        assert redaction_of("JsonLines", "none") is None
        full = redaction_of("JsonLines", "full", limit=100)
        assert full is not None
        assert (full.mode, full.limit) == ("full", 100)
        with pytest.raises(ConfigurationError, match=r"JsonLines\(content='some'\)"):
            redaction_of("JsonLines", "some")
        with pytest.raises(ConfigurationError, match="JsonLines"):
            redaction_of("JsonLines", "none", str.upper)


class TestMessages:
    def test_those_of_others_are_content(self) -> None:
        error = ErrorInfo("server", "openai.APIError", TEXT)
        assert message_of(error, None) is None
        assert message_of(error, Redaction("full")) == TEXT
        assert message_of(error, Redaction()) == Redaction().apply(TEXT).value
        assert message_of(None, None) is None

    def test_those_of_reliai_are_not(self) -> None:
        error = ErrorInfo("rejected", "reliai.errors.CircuitOpen", "the circuit is open")
        assert message_of(error, None) == "the circuit is open"

    @pytest.mark.parametrize("module", ["reliai", "reliai.errors"])
    @pytest.mark.parametrize("name", ["AmbiguousOutcome", "StreamInterrupted"])
    def test_those_of_reliai_that_quote_are(self, module: str, name: str) -> None:
        assert message_of(ErrorInfo("unknown", f"{module}.{name}", TEXT), None) is None


def test_replacements_are_counted() -> None:
    before, redaction = totals().replaced, Redaction()
    redaction.apply([TEXT, TEXT])
    assert (totals().replaced, redaction.replaced) == (before + 6, 6)


def test_what_is_redacted_does_not_show_itself() -> None:
    assert TEXT not in repr(Redaction("full").apply(TEXT))


# --- whatever the value ---------------------------------------------------------------------------

filler = st.text(st.characters(codec="utf-8"), max_size=30)
leaves = st.one_of(
    filler,
    st.integers(-(10**6), 10**6),
    st.floats(),
    st.none(),
    st.binary(max_size=8),
    st.sampled_from(SECRETS).map(lambda secret: f"it is SSN {secret} "),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(filler, st.sampled_from([EMAIL, KEY])), inner, max_size=4),
        st.tuples(inner, inner),
        inner.map(lambda value: SimpleNamespace(value=value)),
    ),
    max_leaves=12,
)


@given(values, st.integers(64, 400))
def test_no_canary_is_left_in_any_value(value: Any, limit: int) -> None:
    made = assert_clean(value, limit=limit)
    size = len(made.encode() if isinstance(made, str) else written(made).encode())
    assert size <= limit


@given(values, st.integers(64, 400))
def test_whatever_the_value_full_content_fits(value: Any, limit: int) -> None:
    made = Redaction("full", limit=limit).apply(value).value
    size = len(made.encode() if isinstance(made, str) else written(made).encode())
    assert size <= limit


@given(st.text(max_size=300), st.integers(64, 90))
def test_texts_of_all_characters_are_cut_well(text: str, limit: int) -> None:
    made = Redaction("full", limit=limit).apply(text).value
    assert len(made.encode()) <= limit
    assert text.encode("utf-8", "replace").decode().startswith(made)
