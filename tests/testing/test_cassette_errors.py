"""Errors of all kinds, as JSON and back: what a policy reads off them is the same."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import boto3  # type: ignore[import-untyped]
import botocore.exceptions  # type: ignore[import-untyped]
import cohere
import httpx
import httpx2
import instructor.core
import langchain_core.exceptions as langchain
import mistralai.client.errors as mistral
import openai
import pydantic
import pydantic_ai
import pydantic_ai.exceptions
import pytest
import requests
import urllib3
from google.genai import errors as google

import reliai
from reliai.errors import ErrorKind
from reliai.providers import classify
from reliai.testing import CassetteError, RecordedError, cassette, virtual_clock
from reliai.testing._cassette.codec import Codec
from reliai.testing._cassette.errors import decode_error, encode_error, facts_of
from reliai.testing._cassette.stand_ins import stand_in

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def there_and_back(error: BaseException) -> BaseException:
    codec = Codec()
    return decode_error(codec, json.loads(json.dumps(encode_error(codec, error))))


def answered(library: Any = httpx2, headers: Mapping[str, str] | None = None) -> Any:
    request = library.Request("POST", "https://user:pass@host.example/v1/chat?key=secret")
    body = {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}
    return library.Response(429, headers=headers, json=body, request=request)


def bedrock() -> Any:
    settings: Any = {"region_name": "us-east-1", "aws_access_key_id": "a"}
    client = boto3.client("bedrock-runtime", **settings, aws_secret_access_key="b")  # noqa: S106
    told = {"Error": {"Code": "ThrottlingException", "Message": "slow"}}
    facts = {"HTTPStatusCode": 429, "HTTPHeaders": {"retry-after": "9"}}
    return client.exceptions.ThrottlingException({**told, "ResponseMetadata": facts}, "Converse")


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def rejected_by_pydantic() -> pydantic.ValidationError:
    with pytest.raises(pydantic.ValidationError) as caught:
        pydantic.TypeAdapter(dict[str, int]).validate_python({"a{0}": "x{y}", "b": []})
    return caught.value


REQUEST = httpx2.Request("POST", "https://host.example/v1")
PYDANTIC_AI = pydantic_ai.exceptions.ModelHTTPError

ERRORS: list[BaseException] = [
    ValueError("plain"),
    KeyError("key"),
    TimeoutError("late"),
    ConnectionRefusedError(111, "refused"),
    FileNotFoundError(2, "not there", "file"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
    socket.gaierror(-2, "unknown host"),
    httpx.ReadTimeout("slow", request=httpx.Request("GET", "http://host.example")),
    httpx.ConnectError("no"),
    httpx.HTTPStatusError(
        "429",
        request=answered(httpx).request,
        response=answered(httpx, {"retry-after": "3"}),
    ),
    httpx2.RemoteProtocolError("cut"),
    requests.exceptions.ConnectTimeout("no"),
    requests.exceptions.HTTPError("no response"),
    urllib3.exceptions.NewConnectionError(None, "no"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    caused(openai.APIConnectionError(request=REQUEST), httpx2.ConnectError("no")),
    caused(openai.APITimeoutError(request=REQUEST), httpx2.ReadTimeout("slow")),
    openai.APIError("in a stream", REQUEST, body={"code": "server_is_overloaded"}),
    openai.RateLimitError("slow", response=answered(), body={"type": "requests"}),
    bedrock(),
    botocore.exceptions.ReadTimeoutError(endpoint_url="http://host.example"),
    cohere.TooManyRequestsError(body={"message": "slow"}, headers={"Retry-After": "4"}),
    mistral.SDKError("slow", answered(), "{}"),
    google.ServerError(503, {"error": {"code": 503, "status": "UNAVAILABLE", "message": "busy"}}),
    google.ClientError(
        429,
        {
            "error": {
                "status": "RESOURCE_EXHAUSTED",
                "details": [
                    {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}
                ],
            }
        },
    ),
    PYDANTIC_AI(429, "m", {"code": "rate_limit_exceeded"}, headers={"retry-after": "3"}),
    pydantic_ai.ModelRetry("again"),
    pydantic_ai.exceptions.UnexpectedModelBehavior("odd", "body"),
    langchain.OutputParserException("no number", llm_output="abc"),
    instructor.core.InstructorRetryException(
        "spent", n_attempts=2, total_usage=3, create_kwargs={}, messages=[]
    ),
    json.JSONDecodeError("not JSON", "{", 1),
    rejected_by_pydantic(),
    ExceptionGroup("two", [ValueError("a"), TimeoutError("b")]),
    reliai.CallTimeout("attempt", 3.0, "ask"),
    reliai.CircuitOpen("c", 4.0),
    reliai.OutputInvalid("bad", errors=("a",), raw="x"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__qualname__)
def test_an_error_comes_back_as_its_class_with_the_same_facts(error: BaseException) -> None:
    back = there_and_back(error)
    assert facts_of(back) == facts_of(error)
    assert type(back).__name__ == type(error).__name__
    assert not isinstance(back, RecordedError)
    assert type(back) is type(error) or issubclass(type(back), type(error).__bases__)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__qualname__)
def test_it_says_the_same(error: BaseException) -> None:
    if isinstance(error, cohere.TooManyRequestsError | pydantic.ValidationError):
        return  # the one quotes all headers, the other the input that was rejected
    assert str(there_and_back(error)) == str(error)


def test_attributes_that_code_reads_are_there() -> None:
    error = openai.RateLimitError(
        "slow", response=answered(headers={"retry-after": "7"}), body={"code": "x"}
    )
    back: Any = there_and_back(error)
    assert (back.status_code, back.body, back.code) == (429, {"code": "x"}, "x")
    assert back.response.headers["retry-after"] == "7"
    assert back.response.json()["error"]["message"] == "slow down"


def test_of_an_answer_no_cookie_no_query_and_no_password_is_kept() -> None:
    response = answered(headers={"set-cookie": "s=1", "authorization": "x"})
    data = json.dumps(
        encode_error(Codec(), openai.RateLimitError("slow", response=response, body=None))
    )
    for part in ("set-cookie", "authorization", "user:", "pass@", "key=secret"):
        assert part not in data
    assert "https://host.example/v1/chat" in data


def test_a_date_to_wait_for_becomes_the_seconds_there_were() -> None:
    """What a Retry-After date means must not depend on the day on which it is replayed."""
    with virtual_clock() as clock:
        until = datetime.fromtimestamp(clock.time(), UTC) + timedelta(seconds=90)
        date = format_datetime(until, usegmt=True)
        error = openai.RateLimitError(
            "slow", response=answered(headers={"retry-after": date}), body=None
        )
        data = encode_error(Codec(), error)
        clock.advance(1_000_000)
        assert classify(decode_error(Codec(), data)).retry_after == pytest.approx(90, abs=1)


def test_causes_come_back_too() -> None:
    def fail() -> None:
        try:
            raise ConnectionResetError(104, "reset")
        except OSError:
            raise ValueError("outer")  # noqa: B904  what a library does

    with pytest.raises(ValueError, match="outer") as caught:
        fail()
    back = there_and_back(caught.value)
    assert isinstance(back.__cause__, ConnectionResetError)
    assert classify(back).kind == classify(caught.value).kind == ErrorKind.CONNECTION


def test_what_pydantic_objected_to_is_told_without_the_input() -> None:
    error = rejected_by_pydantic()
    back: Any = there_and_back(error)
    assert isinstance(back, pydantic.ValidationError)
    assert [each["loc"] for each in back.errors()] == [("a{0}",), ("b",)]
    assert [each["msg"] for each in back.errors()] == [each["msg"] for each in error.errors()]
    assert "x{y}" not in json.dumps(encode_error(Codec(), error))


# --- classes that cannot be imported again ------------------------------------------------------


def test_a_class_made_inside_a_function_keeps_its_name_and_its_bases() -> None:
    class Mine(openai.RateLimitError):
        pass

    back = there_and_back(Mine("slow", response=answered(), body=None))
    assert isinstance(back, openai.RateLimitError)
    assert type(back).__name__ == "Mine"
    assert classify(back).kind == ErrorKind.RATE_LIMITED


def test_a_class_whose_package_is_not_installed_has_a_stand_in() -> None:
    data = encode_error(
        Codec(),
        openai.RateLimitError("slow", response=answered(headers={"retry-after": "5"}), body=None),
    )
    facts = facts_of(decode_error(Codec(), data))
    data["$error"] = "no_such_package:RateLimitError"
    back: Any = decode_error(Codec(), data)
    assert isinstance(back, RecordedError)
    assert facts_of(back) == facts
    assert (back.status_code, back.retry_after, str(back)) == (429, 5.0, "slow")


def test_only_an_exception_is_built_as_one() -> None:
    data = {**encode_error(Codec(), ValueError("x")), "$error": "subprocess:Popen"}
    data["args"] = [["true"]]
    assert isinstance(decode_error(Codec(), data), RecordedError)


def test_only_an_http_message_is_built_as_one() -> None:
    data = encode_error(Codec(), openai.RateLimitError("slow", response=answered(), body=None))
    data["attributes"]["response"]["$response"] = "subprocess:Popen"
    with pytest.raises(CassetteError, match="as an HTTP message, which it is not"):
        decode_error(Codec(), data)


@pytest.mark.parametrize(
    "kind",
    [each for each in ErrorKind if each not in ("rejected", "cancelled")],
)
@pytest.mark.parametrize("sent", [None, True, False])
def test_a_stand_in_tells_what_it_stands_for(kind: ErrorKind, sent: bool | None) -> None:
    facts: dict[str, Any] = {"kind": str(kind), "retry_after": 2.0, "sent": sent}
    if kind == ErrorKind.CONFLICT:
        facts["status"] = 409
    found = classify(stand_in("package.SomeError", "message", facts))
    assert found.kind == kind
    if kind != ErrorKind.UNKNOWN:
        assert found.retry_after == 2.0
        assert found.sent is sent or found.sent is True


class Odd(Exception):
    """An error that can be built by its constructor alone."""

    def __init__(self, word: str, *, handle: object) -> None:
        super().__init__(word)
        self.handle = handle

    def __str__(self) -> str:
        return f"odd: {self.handle}"


def test_an_error_that_does_not_survive_has_a_stand_in_of_its_name(tmp_path: Path) -> None:
    @reliai.reliable(name="ask")
    def ask() -> None:
        raise Odd("word", handle=object())

    with cassette(tmp_path / "a.json"), pytest.raises(Odd):
        ask()
    with cassette(tmp_path / "a.json"), pytest.raises(RecordedError, match="odd: <object") as found:
        ask()
    assert type(found.value).__name__ == "Odd"


def test_cancellation_is_not_recorded(tmp_path: Path) -> None:
    @reliai.reliable(name="ask")
    def ask() -> None:
        raise KeyboardInterrupt

    with cassette(tmp_path / "a.json"), pytest.raises(KeyboardInterrupt):
        ask()
    assert not (tmp_path / "a.json").exists()
