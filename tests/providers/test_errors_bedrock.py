"""What boto3's bedrock-runtime raises, provoked by driving it against a server."""

from __future__ import annotations

import binascii
import importlib
import struct
from typing import TYPE_CHECKING, Any

import pytest

from reliai.errors import ErrorKind
from reliai.providers import classify
from tests.providers.rows import Row, caught, check, table
from tests.providers.wire import Reply, refused_url

if TYPE_CHECKING:
    from tests.providers.wire import Wire

boto3: Any = importlib.import_module("boto3")  # neither of the two carries types
botocore: Any = importlib.import_module("botocore.exceptions")
config: Any = importlib.import_module("botocore.config")


def ask(url: str, *, stream: bool = False, messages: Any = None) -> object:
    sdk = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="a",
        aws_secret_access_key="b",  # noqa: S106  nobody checks it
        config=config.Config(retries={"total_max_attempts": 1}),
    )
    try:
        if stream:
            return list(sdk.converse_stream(modelId="m", messages=[])["stream"])
        return sdk.converse(modelId="m", messages=messages or [])
    finally:
        sdk.close()


def error(status: int, name: str, message: str = "m", **headers: str) -> Reply:
    return Reply(status, {"message": message}, {"x-amzn-ErrorType": name, **headers})


def event(payload: bytes, **headers: str) -> Reply:
    """One message of Amazon's event stream."""
    fields = b"".join(
        struct.pack("B", len(name) + 1) + b":" + name.replace("_", "-").encode() + b"\x07"
        + struct.pack(">H", len(value)) + value.encode()
        for name, value in headers.items()
    )  # fmt: skip
    start = struct.pack(">II", len(fields) + len(payload) + 16, len(fields))
    start += struct.pack(">I", binascii.crc32(start))
    body = start + fields + payload
    kind = {"content-type": "application/vnd.amazon.eventstream"}
    return Reply(200, body + struct.pack(">I", binascii.crc32(body)), kind)


def broken(name: str) -> Reply:
    return event(
        b'{"message": "m"}',
        message_type="exception",
        exception_type=name,
        content_type="application/json",
    )


IN_STREAM = {"in_stream": True, "sent": True, "status": None}
ROWS = [
    Row("rate limit", error(429, "ThrottlingException", **{"Retry-After": "9"}),
        ErrorKind.RATE_LIMITED, {"code": "ThrottlingException", "retry_after": 9.0}),
    Row("rate limit by its other name", error(429, "TooManyRequestsException"),
        ErrorKind.RATE_LIMITED),
    Row("rate limit in a stream", broken("throttlingException"), ErrorKind.RATE_LIMITED,
        IN_STREAM, stream=True),
    Row("quota", error(400, "ServiceQuotaExceededException"), ErrorKind.QUOTA),
    Row("overloaded", error(503, "ServiceUnavailableException", "Model is overloaded"),
        ErrorKind.OVERLOADED),
    Row("unavailable", error(503, "ServiceUnavailableException"), ErrorKind.SERVER),
    Row("unavailable in a stream", broken("serviceUnavailableException"), ErrorKind.SERVER,
        IN_STREAM, stream=True),
    Row("not ready, which is no rate limit", error(429, "ModelNotReadyException"),
        ErrorKind.SERVER),
    Row("agreement being made", error(403, "MPAgreementBeingCreated"), ErrorKind.SERVER),
    Row("server error", error(500, "InternalServerException"), ErrorKind.SERVER),
    Row("model error", error(424, "ModelErrorException"), ErrorKind.SERVER),
    Row("model error in a stream", broken("modelStreamErrorException"), ErrorKind.SERVER,
        IN_STREAM, stream=True),
    Row("timeout", error(408, "ModelTimeoutException"), ErrorKind.TIMEOUT),
    Row("context length", error(400, "ValidationException", "Input is too long for the model"),
        ErrorKind.CONTEXT_LENGTH),
    Row("auth", error(403, "AccessDeniedException"), ErrorKind.AUTH),
    Row("unknown key", error(403, "UnrecognizedClientException"), ErrorKind.AUTH),
    Row("expired token", error(400, "ExpiredTokenException"), ErrorKind.AUTH),
    Row("not found", error(404, "ResourceNotFoundException"), ErrorKind.NOT_FOUND),
    Row("conflict", error(400, "ConflictException"), ErrorKind.CONFLICT),
    Row("bad request", error(400, "ValidationException"), ErrorKind.BAD_REQUEST),
    Row("bad request in a stream", broken("validationException"), ErrorKind.BAD_REQUEST,
        IN_STREAM, stream=True),
    Row("an error in a stream that says nothing",
        event(b"", message_type="error", error_code="weird", error_message="m"),
        ErrorKind.MALFORMED, IN_STREAM, stream=True),
    Row("hang-up", Reply(hang_up=True), ErrorKind.CONNECTION, {"sent": True}),
]  # fmt: skip


@table(*ROWS)
def test_an_error_is_told_by_what_the_server_sent(wire: Wire, row: Row) -> None:
    check(caught(lambda: ask(wire.place(row.reply), stream=row.stream)), row)


def test_a_refused_connection_proves_nothing_for_boto_repeats_requests_itself() -> None:
    failure = classify(caught(lambda: ask(refused_url())))
    assert (failure.kind, failure.sent) == (ErrorKind.CONNECTION, None)


def test_parameters_boto_itself_refuses_are_a_bad_request() -> None:
    assert classify(caught(lambda: ask("http://nowhere", messages="x"))).kind is (
        ErrorKind.BAD_REQUEST
    )


@pytest.mark.parametrize(
    ("name", "fields", "kind", "sent"),
    [
        ("ReadTimeoutError", {"endpoint_url": "u"}, ErrorKind.TIMEOUT, True),
        ("ConnectTimeoutError", {"endpoint_url": "u"}, ErrorKind.TIMEOUT, None),
        ("ResponseStreamingError", {"error": "e"}, ErrorKind.CONNECTION, True),
        ("HTTPClientError", {"error": "e"}, ErrorKind.CONNECTION, None),
        ("SSLError", {"endpoint_url": "u", "error": "e"}, ErrorKind.CONNECTION, None),
        ("ProxyConnectionError", {"proxy_url": "u"}, ErrorKind.CONNECTION, None),
        ("NoCredentialsError", {}, ErrorKind.AUTH, None),
        ("UnknownRegionError", {"region_name": "r", "error_msg": "e"}, ErrorKind.UNKNOWN, None),
    ],
)
def test_an_error_boto_raises_by_itself_is_told_by_its_name(
    name: str, fields: dict[str, str], kind: ErrorKind, sent: bool | None
) -> None:
    failure = classify(getattr(botocore, name)(**fields))
    assert (failure.kind, failure.sent, failure.status) == (kind, sent, None)
