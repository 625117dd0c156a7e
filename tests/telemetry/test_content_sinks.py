"""Content in every sink: nothing by default; nothing personal when redacted; never too much."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.checks import redaction
from reliai.telemetry import Webhook
from reliai.telemetry.names import PROFILES
from reliai.testing import sdk_answer, sdk_stream
from tests.telemetry._collected import Collected, told
from tests.telemetry._sinks import CONTENT_SINKS, SINKS, Sinks, otel_shown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

CANARY = "zwitscher"
"""In each place where content can be, with the place's name behind it."""
EMAIL = "zwitscher.mail@example.org"
KEY = "sk-proj-Zx81kQpLw03nVbTyAq7RsDfGhJ29mXcE"
SSN = "078-05-1120"
PERSONAL = f"I am {EMAIL}, my SSN is {SSN}, the key is {KEY}"


def at(place: str, text: str) -> str:
    return text if text != CANARY else f"{CANARY}-{place}"


class Product:
    """Calls of every kind and every end, with a text wherever there can be content."""

    def __init__(self, text: str) -> None:
        self.text = text

    def of(self, place: str) -> str:
        return at(place, self.text)

    def run(self) -> None:
        self.values()
        self.failures()
        self.streams()
        self.policies()
        asyncio.run(self.asynchronous())

    def values(self) -> None:
        @reliai.tool
        def send(to: str, body: dict[str, Any]) -> str:
            return self.of("tool-result")

        @reliai.reliable()
        def chat(prompt: str, *, system: str, messages: Any = (), **options: Any) -> str:
            send(self.of("tool-argument"), {self.of("key"): [self.of("nested")]})
            return self.of("response")

        messages = [
            {"role": "system", "content": self.of("system-message")},
            {"role": "user", "content": [{"type": "text", "text": self.of("part")}]},
        ]
        chat(self.of("prompt"), system=self.of("system"), messages=messages, user=self.of("kwarg"))
        apis: tuple[Any, ...] = ("chat", "responses", "messages")
        for api in apis:
            answer: Any = sdk_answer(self.of("sdk-response"), api)
            reliai.reliable()(lambda answer=answer: answer)()

    def failures(self) -> None:
        @reliai.reliable(reliai.Retry(2, on=Exception, wait=0, budget=None))
        def failing(prompt: str, error: BaseException) -> None:
            raise error

        for error in (ConnectionError, ValueError, KeyError, TypeError):
            reliai.execute(failing, self.of("prompt"), error(self.of("message")))

        class Custom(Exception):
            def __init__(self, text: str) -> None:
                super().__init__(text)
                self.body = {"error": {"message": text, "code": "odd"}}

        reliai.execute(failing, self.of("prompt"), Custom(self.of("message")))
        with pytest.raises(KeyboardInterrupt):
            failing(self.of("prompt"), KeyboardInterrupt(self.of("message")))

    def streams(self) -> None:
        @reliai.reliable()
        def words(prompt: str, *, cut: bool = False) -> Iterator[str]:
            yield self.of("chunk")
            if cut:
                raise ConnectionError(self.of("cut"))
            yield self.of("chunk")

        @reliai.reliable(reliai.Timeout(first_chunk=5))
        def events(prompt: str) -> Iterator[Any]:
            yield from sdk_stream(self.of("event"), "chat")

        list(words(self.of("prompt")))
        with pytest.raises(ConnectionError):
            list(words(self.of("prompt"), cut=True))
        early: Any = words(self.of("prompt"))
        next(early)
        early.close()
        list(events(self.of("prompt")))
        broken = reliai.reliable()(lambda: (event for event in sdk_stream(self.of("event"))[:-1]))
        with pytest.raises(reliai.StreamInterrupted):
            list(broken())

    def policies(self) -> None:
        def ask(prompt: str) -> str:
            if "fail" in prompt:
                raise ConnectionError(self.of("message"))
            return self.of("response")

        text, failing = self.of("prompt"), self.of("prompt") + " fail"
        cached = reliai.reliable(reliai.Cache())(ask)
        cached(text)
        cached(text)
        reliai.reliable(reliai.Fallback(self.of("fallback")))(ask)(failing)
        reliai.execute(reliai.reliable(reliai.Guard(reliai.MaxLength(1)))(ask), text)
        reliai.execute(reliai.reliable(reliai.Guard(reliai.Pii()))(ask), text)
        reliai.execute(reliai.reliable(reliai.Validate(reliai.OneOf("yes")))(ask), text)
        reliai.execute(reliai.reliable(output=int)(ask), text)
        breaker = reliai.reliable(reliai.CircuitBreaker(consecutive=1))(ask)
        reliai.execute(breaker, failing)
        reliai.execute(breaker, failing)
        once = reliai.reliable(effects="once", idempotency_key="prompt")(ask)
        reliai.execute(once, failing)
        keyed = reliai.reliable(
            reliai.RateLimit(1, per=1000, key="arg:prompt"),
            reliai.CircuitBreaker(consecutive=1, key="arg:prompt"),
        )(ask)
        for _ in range(3):
            reliai.execute(keyed, failing)
        asked = reliai.reliable(reliai.Validate(reliai.OneOf("yes"), reask=1))(ask)
        reliai.execute(asked, text)
        self.tools(text)

    def tools(self, text: str) -> None:
        @reliai.tool
        def look(at: int, words: list[str]) -> str:
            return text

        loose: Any = look
        reliai.execute(loose, text, words=[text])
        reliai.execute(loose, at=1, word=text)
        with reliai.run("agent", max_calls=3):
            for _ in range(5):
                reliai.execute(loose, 1, [text])

    async def asynchronous(self) -> None:
        @reliai.reliable()
        async def slow(prompt: str) -> str:
            await asyncio.sleep(0 if prompt == self.of("prompt") else 60)
            return self.of("response")

        @reliai.reliable()
        async def words(prompt: str) -> AsyncIterator[str]:
            yield self.of("chunk")
            yield self.of("chunk")

        await slow(self.of("prompt"))
        task = asyncio.ensure_future(slow(self.of("cancelled")))
        await asyncio.sleep(0)
        task.cancel(self.of("reason"))
        await asyncio.gather(task, return_exceptions=True)
        assert [chunk async for chunk in words(self.of("prompt"))]


@pytest.fixture
def sinks(tmp_path: Path) -> Iterator[Callable[..., Sinks]]:
    """Makes all sinks the observers of all calls."""
    made: list[Sinks] = []

    def start(**settings: Any) -> Sinks:
        made.append(Sinks(tmp_path, **settings))
        return made[-1].__enter__()

    yield start
    for each in made:
        each.__exit__(None, None, None)


class TestNone:
    """Case 14: by default no content is anywhere."""

    def test_no_sink_shows_content(
        self, sinks: Callable[..., Sinks], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        given = sinks()
        Product(CANARY).run()
        shown = given.shown()
        assert set(shown) == set(SINKS)
        for sink, text in shown.items():
            found = {text[m : m + 40] for m in range(len(text)) if text.startswith(CANARY, m)}
            assert not found, sink
            assert text, f"{sink} shows nothing at all"
        assert CANARY not in caplog.text

    def test_all_sinks_show_the_calls(self, sinks: Callable[..., Sinks]) -> None:
        given = sinks()
        Product(CANARY).run()
        for sink, text in given.shown().items():
            if sink != "otel_logs":
                assert "Product" in text, f"{sink} does not show the names of calls"

    def test_no_call_keeps_its_content(self, sinks: Callable[..., Sinks]) -> None:
        given = sinks()
        Product(CANARY).run()
        given.shown()
        assert {record._content for record in given.memory} == {None}


@pytest.mark.parametrize("content", ["none", "redacted"])
@pytest.mark.parametrize("semconv", sorted(set(PROFILES) - {"v1_41"}))
def test_no_dialect_of_opentelemetry_shows_more(semconv: str, content: str) -> None:
    text = CANARY if content == "none" else PERSONAL
    collected = Collected(semconv, content=content)
    reliai.configure(observers=[collected.observer])
    try:
        product = Product(text)
        product.values()
        product.failures()
        product.streams()
        shown = otel_shown(collected)
    finally:
        reliai.configure(observers=[])
    assert "Product" in "".join(shown.values())
    for part, said in shown.items():
        for secret in (CANARY, EMAIL, KEY, SSN):
            assert secret not in said, part
    assert ("[US_SSN]" in shown["otel_spans"]) is (content == "redacted")


@pytest.mark.parametrize("content", ["none", "redacted"])
def test_what_waits_on_the_disk_is_what_would_be_sent(content: str, tmp_path: Path) -> None:
    text = CANARY if content == "none" else PERSONAL
    settings: Any = {"content": content}
    webhook = Webhook("http://127.0.0.1:9/", spill=tmp_path, attempts=1, linger=0.0, **settings)
    reliai.configure(observers=[webhook])
    try:
        Product(text).values()
        reliai.flush()
        webhook.close()
    finally:
        reliai.configure(observers=[])
    spilled = "".join(each.read_text() for each in tmp_path.rglob("*") if each.is_file())
    assert "Product" in spilled
    for secret in (CANARY, EMAIL, KEY, SSN):
        assert secret not in spilled
    assert ("[US_SSN]" in spilled) is (content == "redacted")


class TestRedacted:
    """Case 15: personal data and secrets are replaced, or nothing is shown."""

    def test_no_sink_shows_personal_data(
        self, sinks: Callable[..., Sinks], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        before = redaction.totals().replaced
        given = sinks(content="redacted")
        Product(PERSONAL).run()
        shown = given.shown()
        for sink, text in shown.items():
            for secret in (EMAIL, KEY, SSN):
                assert secret not in text, sink
        for sink in CONTENT_SINKS:
            for label in ("[EMAIL]", "[US_SSN]", "[OPENAI_KEY]"):
                assert label in shown[sink], sink
        assert redaction.totals().replaced > before
        for secret in (EMAIL, KEY, SSN):
            assert secret not in caplog.text

    def test_replacements_are_a_metric(self, sinks: Callable[..., Sinks]) -> None:
        given = sinks(content="redacted")
        reliai.reliable()(lambda prompt: prompt)(PERSONAL)
        shown = given.shown()
        line = next(
            line
            for line in shown["prometheus"].splitlines()
            if line.startswith("reliai_telemetry_redactions") and not line.endswith(" 0.0")
        )
        assert float(line.split()[-1]) > 0

    def test_each_sink_counts_its_own(self, sinks: Callable[..., Sinks]) -> None:
        given = sinks(content="redacted")
        reliai.reliable()(lambda prompt: prompt)(PERSONAL)
        given.shown()
        assert given.jsonlines.redactions == 6
        assert given.webhook.redactions == 6
        assert given.store.counts.redactions == 6
        assert given.otel.observer.redactions == 6

    def test_content_that_cannot_be_redacted_is_shown_nowhere(
        self, sinks: Callable[..., Sinks], caplog: pytest.LogCaptureFixture
    ) -> None:
        def redact(text: str) -> str:
            raise ValueError(text)

        caplog.set_level(logging.DEBUG)
        given = sinks(content="redacted", redact=redact)
        Product(CANARY).run()
        for sink, text in given.shown().items():
            assert CANARY not in text, sink
        assert CANARY not in caplog.text
        assert given.jsonlines.redaction_failures > 0
        assert given.webhook.redaction_failures > 0
        assert given.store.counts.redaction_failures > 0
        assert given.otel.observer.redaction_failures > 0
        names = {record.id for record in given.memory}
        for sink, records in given.records().items():
            assert {record["id"] for record in records} == names, f"{sink} lost records"

    def test_full_content_is_shown_where_it_is_asked_for(self, sinks: Callable[..., Sinks]) -> None:
        given = sinks(content="full")
        Product(CANARY).run()
        shown = given.shown()
        for sink in CONTENT_SINKS:
            for place in "prompt system tool-argument key nested response chunk event part".split():
                assert f"{CANARY}-{place}" in shown[sink], sink
        for sink in set(SINKS) - {*CONTENT_SINKS, "otel_logs"}:
            assert CANARY not in shown[sink], sink


class TestLarge:
    """Case 16: a prompt of a megabyte."""

    PROMPT = "é" * 500_000

    def test_a_long_prompt_is_cut_between_characters(self, sinks: Callable[..., Sinks]) -> None:
        given = sinks(content="redacted")
        reliai.reliable(name="echo")(lambda prompt: prompt)(self.PROMPT)
        for sink, records in given.records().items():
            (record,) = records
            prompt = record["inputs"]["prompt"]
            assert set(prompt) == {"é"}, sink
            assert 8000 < len(prompt.encode()) <= 8192, sink
            assert 8000 < len(record["output"].encode()) <= 8192, sink
            assert record["output_bytes"] == 1_000_000, sink
            assert record["inputs_bytes"] == 1_000_000 + len("prompt"), sink

    def test_an_attribute_has_no_more_than_its_limit(self, sinks: Callable[..., Sinks]) -> None:
        given = sinks(content="redacted")
        reliai.reliable(name="echo")(lambda prompt: prompt)(self.PROMPT)
        every = [(name, value) for span in given.otel.spans() for name, value in told(span).items()]
        texts = [str(value) for _, value in every if "é" in str(value)]
        assert len(texts) == 2, "what was asked and what was answered"
        for text in texts:
            assert 8000 < len(text.encode()) <= 8192
            json.loads(text)
        sizes = [value for name, value in every if "bytes" in name]
        assert len(sizes) == 2
        assert all(size >= 1_000_000 for size in sizes)

    def test_scanning_stops_at_the_limit_and_is_done_elsewhere(
        self, sinks: Callable[..., Sinks], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scanned: list[int] = []
        threads: set[threading.Thread] = set()

        def found(text: str) -> list[Any]:
            scanned.append(len(text))
            threads.add(threading.current_thread())
            return []

        monkeypatch.setattr(redaction, "_found", found)
        monkeypatch.setattr(redaction, "_clean", {})
        given = sinks(content="redacted")
        reliai.reliable(name="echo")(lambda prompt: prompt)(self.PROMPT)
        given.shown()
        assert scanned
        assert max(scanned) <= 4096 + 512, "characters, of two bytes each"
        assert threading.main_thread() not in threads

    def test_a_long_stream_is_cut_and_measured(self, sinks: Callable[..., Sinks]) -> None:
        given = sinks(content="full")

        @reliai.reliable()
        def stream() -> Iterator[str]:
            for _ in range(1000):
                yield "é" * 500

        for _ in stream():
            pass
        for sink, records in given.records().items():
            (record,) = records
            assert set(record["output"]) == {"é"}, sink
            assert record["output_bytes"] == 1_000_000, sink


class TestReadersThatFail:
    """An observer that reads content changes no call."""

    @pytest.mark.parametrize("inline", [False, True])
    @pytest.mark.parametrize("problem", [ValueError, SystemExit, RecursionError])
    def test_one_that_raises(self, problem: type[BaseException], *, inline: bool) -> None:
        class Failing:
            reads_content = True

            def __init__(self) -> None:
                self.inline = inline

            def on_end(self, record: reliai.CallRecord) -> None:
                raise problem("the reader failed")

        if inline and problem is SystemExit:
            pytest.skip("what ends the program passes in the call path, as from any code there")
        reliai.configure(observers=[Failing()])
        try:
            assert reliai.reliable()(lambda prompt: prompt + "!")("a") == "a!"
            reliai.flush()
        finally:
            reliai.configure(observers=[])

    def test_one_that_hangs(self) -> None:
        gate = threading.Event()

        class Hanging:
            reads_content = True

            def on_end(self, record: reliai.CallRecord) -> None:
                gate.wait()

        reliai.configure(observers=[Hanging()])
        try:
            call = reliai.reliable()(lambda prompt: prompt + "!")
            assert [call("a") for _ in range(50)] == ["a!"] * 50
            assert not reliai.flush(0.05)
        finally:
            gate.set()
            reliai.configure(observers=[])
