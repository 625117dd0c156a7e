"""The words of the providers: which name, code, status and phrase means which kind of failure.

Data only. Whoever reads an error collects what it shows; the lowest `Rank` among it decides, so
the members of `Rank` stand in the order in which the tests are to be made.
"""

from __future__ import annotations

from enum import IntEnum

from reliai.errors import ErrorKind

__all__ = [
    "BARE_STREAM_ERRORS",
    "CODES",
    "CODE_ENDINGS",
    "KINDS",
    "NAMES",
    "PHRASES",
    "PROVIDERS",
    "STATUSES",
    "STREAM_NAMES",
    "TRANSPORTS",
    "TRANSPORT_NAMES",
    "UNSENT_ERRNOS",
    "Rank",
]


class Rank(IntEnum):
    """What an error can show, the most telling first."""

    SURE_TIMEOUT = 0  # these four before the status: litellm makes one up
    SURE_CONNECTION = 1
    SURE_INVALID = 2
    SURE_MALFORMED = 3
    QUOTA = 4  # before the rate limit: both come as 429
    CONTEXT_LENGTH = 5
    CONTENT_FILTER = 6
    NOT_READY = 7  # unavailable, though it comes as 429 or 403
    OVERLOADED = 8
    RATE_LIMITED = 9
    AUTH = 10
    NOT_FOUND = 11
    TIMEOUT = 12
    CONFLICT = 13
    UNAVAILABLE = 14
    SERVER = 15
    BAD_REQUEST = 16
    TRANSPORT_TIMEOUT = 17
    TRANSPORT_CONNECTION = 18
    MALFORMED = 19
    TRUNCATED = 20  # before invalid output: pydantic-ai derives the one from the other
    INVALID_OUTPUT = 21
    REJECTED = 22  # a framework's own limiter
    SPENT = 23  # a framework's own budget
    STREAM = 24  # an error inside a stream that says nothing else
    NOTHING = 25


KINDS: dict[Rank, ErrorKind] = {
    Rank.SURE_TIMEOUT: ErrorKind.TIMEOUT,
    Rank.SURE_CONNECTION: ErrorKind.CONNECTION,
    Rank.SURE_INVALID: ErrorKind.INVALID_OUTPUT,
    Rank.SURE_MALFORMED: ErrorKind.MALFORMED,
    Rank.QUOTA: ErrorKind.QUOTA,
    Rank.CONTEXT_LENGTH: ErrorKind.CONTEXT_LENGTH,
    Rank.CONTENT_FILTER: ErrorKind.CONTENT_FILTER,
    Rank.NOT_READY: ErrorKind.SERVER,
    Rank.OVERLOADED: ErrorKind.OVERLOADED,
    Rank.RATE_LIMITED: ErrorKind.RATE_LIMITED,
    Rank.AUTH: ErrorKind.AUTH,
    Rank.NOT_FOUND: ErrorKind.NOT_FOUND,
    Rank.TIMEOUT: ErrorKind.TIMEOUT,
    Rank.CONFLICT: ErrorKind.CONFLICT,
    Rank.UNAVAILABLE: ErrorKind.SERVER,
    Rank.SERVER: ErrorKind.SERVER,
    Rank.BAD_REQUEST: ErrorKind.BAD_REQUEST,
    Rank.TRANSPORT_TIMEOUT: ErrorKind.TIMEOUT,
    Rank.TRANSPORT_CONNECTION: ErrorKind.CONNECTION,
    Rank.MALFORMED: ErrorKind.MALFORMED,
    Rank.TRUNCATED: ErrorKind.INVALID_OUTPUT,
    Rank.INVALID_OUTPUT: ErrorKind.INVALID_OUTPUT,
    Rank.REJECTED: ErrorKind.REJECTED,
    Rank.SPENT: ErrorKind.REJECTED,
    Rank.STREAM: ErrorKind.SERVER,
}

STATUSES: dict[int, Rank] = {
    401: Rank.AUTH,
    402: Rank.QUOTA,
    403: Rank.AUTH,
    404: Rank.NOT_FOUND,
    407: Rank.AUTH,
    408: Rank.TIMEOUT,
    409: Rank.CONFLICT,
    410: Rank.NOT_FOUND,
    424: Rank.SERVER,  # bedrock: the model failed
    429: Rank.RATE_LIMITED,
    498: Rank.AUTH,  # cohere: the token has expired
    499: Rank.TIMEOUT,  # a proxy on the way gave up waiting
    502: Rank.UNAVAILABLE,
    503: Rank.UNAVAILABLE,
    504: Rank.TIMEOUT,
    524: Rank.TIMEOUT,  # cloudflare waited 100 s for the origin
    529: Rank.OVERLOADED,
}
"""Statuses that say more than their class; of the others 4xx is a bad request, 5xx the server's."""

_BY_CODE: dict[Rank, str] = {
    Rank.QUOTA: """insufficient_quota billing_hard_limit_reached billing_error billing_not_active
        insufficient_credits payment_required budget_exceeded servicequotaexceededexception""",
    Rank.CONTEXT_LENGTH: """context_length_exceeded context_window_exceeded 3051
        model_context_window_exceeded""",
    Rank.CONTENT_FILTER: """content_filter content_filtered content_policy_violation
        responsibleaipolicyviolation moderation_blocked""",
    Rank.NOT_READY: "modelnotreadyexception mpagreementbeingcreated",
    Rank.OVERLOADED: """server_is_overloaded overloaded_error overloaded engine_overloaded
        slow_down""",
    Rank.RATE_LIMITED: """rate_limit_exceeded rate_limit_error rate_limited rate_limit tokens
        requests too_many_requests resource_exhausted throttlingexception throttling
        toomanyrequestsexception requestlimitexceeded""",
    Rank.AUTH: """authentication_error invalid_api_key api_key_invalid permission_error
        permission_denied unauthenticated accessdeniedexception unrecognizedclientexception
        expiredtoken expiredtokenexception invalidsignatureexception
        missingauthenticationtokenexception""",
    Rank.NOT_FOUND: "model_not_found not_found_error not_found resourcenotfoundexception",
    Rank.TIMEOUT: """timeout timeout_error request_timeout deadline_exceeded
        modeltimeoutexception""",
    Rank.CONFLICT: "conflict aborted already_exists conflictexception",
    Rank.UNAVAILABLE: "unavailable service_unavailable serviceunavailableexception",
    Rank.SERVER: """server_error api_error internal internal_error internal_server_error
        internalserverexception internalfailure modelerrorexception
        modelstreamerrorexception""",
    Rank.BAD_REQUEST: """invalid_request_error invalid_argument bad_request request_too_large
        validationexception""",
}
CODES: dict[str, Rank] = {code: rank for rank, codes in _BY_CODE.items() for code in codes.split()}
"""Lower-cased codes, types and status words in a body."""
CODE_ENDINGS = ("_spend_limit_exceeded", "_spend_limit_reached")
"""Endings of the codes that say that the money set aside is spent."""

PHRASES: tuple[tuple[Rank, tuple[str, ...]], ...] = (
    (Rank.QUOTA, ("credit balance is too low",)),
    (
        Rank.CONTEXT_LENGTH,
        (
            "context length",
            "context window",
            "context limit",
            "context size",
            "prompt is too long",
            "input is too long",
            "too many tokens",
            "reduce the length",
            "maximum number of tokens",
            "maximum prompt length",
        ),
    ),
    (Rank.CONTENT_FILTER, ("content management policy",)),
    (Rank.OVERLOADED, ("overloaded",)),
)
"""Lower-cased phrases. They are asked for only where no code says it, and never of a 401, 403, 404
or 429: providers quote the request in their messages, so a phrase alone proves little."""

_BY_NAME: dict[Rank, str] = {
    Rank.SURE_TIMEOUT: "APITimeoutError",
    Rank.SURE_CONNECTION: "APIConnectionError",
    Rank.SURE_INVALID: "JSONSchemaValidationError",
    Rank.SURE_MALFORMED: "APIResponseValidationError",
    Rank.QUOTA: "PaymentRequiredError ModelQuotaExceededError BudgetExceededError",
    Rank.CONTEXT_LENGTH: """ContextWindowExceededError ContextOverflowError
        ModelContextWindowExceededError""",
    Rank.CONTENT_FILTER: """ContentPolicyViolationError ContentFilterFinishReasonError
        ContentFilterError agents.ModelRefusalError""",
    Rank.OVERLOADED: "OverloadedError ModelOverloadedError",
    Rank.RATE_LIMITED: "RateLimitError TooManyRequestsError ModelRateLimitError",
    Rank.AUTH: """AuthenticationError PermissionDeniedError UnauthorizedError ForbiddenError
        ModelAuthenticationError ModelPermissionDeniedError CredentialsError NoCredentialsError
        PartialCredentialsError CredentialRetrievalError TokenRetrievalError
        DefaultCredentialsError RefreshError""",
    Rank.NOT_FOUND: "ModelNotFoundError",
    Rank.TIMEOUT: """ModelTimeoutError ModelRequestTimeout GatewayTimeoutError
        StreamChunkTimeoutError""",
    Rank.UNAVAILABLE: "ServiceUnavailableError ModelUnavailableError",
    Rank.SERVER: "InternalServerError ModelServerError langchain_core.ModelAPIError",
    Rank.BAD_REQUEST: """ModelRequestRejectedError ModelInvalidRequestError
        botocore.ParamValidationError""",
    Rank.TRANSPORT_CONNECTION: "NoResponseError ModelConnectionError reliai.IncompleteStream",
    Rank.MALFORMED: """UnknownApiResponseError json.JSONDecodeError
        mistralai.ResponseValidationError cohere.ParsingError botocore.EventStreamError""",
    Rank.INVALID_OUTPUT: """OutputParserException pydantic_ai.UnexpectedModelBehavior
        agents.ModelBehaviorError""",
    Rank.STREAM: "reliai.InStreamError",
    Rank.TRUNCATED: """LengthFinishReasonError OutputTokenLimitExceeded IncompleteToolCall
        IncompleteOutputException""",
    Rank.REJECTED: "pydantic_ai.ConcurrencyLimitExceeded",
    Rank.SPENT: "pydantic_ai.UsageLimitExceeded",
}
NAMES: dict[str, Rank] = {name: rank for rank, names in _BY_NAME.items() for name in names.split()}
"""Class names, a package in front where the name alone could be anybody's."""

BARE_STREAM_ERRORS = frozenset({"APIError"})
"""Classes whose plain instances the SDKs raise only for errors inside a stream."""
STREAM_NAMES = frozenset(
    """EventStreamError StreamChunkTimeoutError MidStreamFallbackError InStreamError""".split()
)

PROVIDERS = frozenset(
    """openai anthropic google mistralai cohere litellm botocore boto3 pydantic_ai langchain_core
    langchain_openai langchain_anthropic langchain_google_genai langchain_aws langchain_mistralai
    groq cerebras together fireworks ollama huggingface_hub replicate vertexai xai_sdk voyageai
    azure dashscope instructor""".split()
)
"""Packages whose errors are a provider's even without a status."""

TRANSPORTS = frozenset(
    """builtins asyncio socket ssl http urllib httpx httpx2 httpcore httpcore2 h11 requests urllib3
    aiohttp botocore websockets azure google litellm""".split()
)
"""Packages in which the names below mean the network."""
_UNSENT, _SENT, _MAYBE = False, True, None
TRANSPORT_NAMES: dict[str, tuple[Rank, bool | None]] = {
    # time limits
    "ConnectTimeout": (Rank.TRANSPORT_TIMEOUT, _UNSENT),
    "PoolTimeout": (Rank.TRANSPORT_TIMEOUT, _UNSENT),
    "ConnectTimeoutError": (Rank.TRANSPORT_TIMEOUT, _UNSENT),
    "ConnectionTimeoutError": (Rank.TRANSPORT_TIMEOUT, _UNSENT),
    "ReadTimeout": (Rank.TRANSPORT_TIMEOUT, _SENT),
    "ReadTimeoutError": (Rank.TRANSPORT_TIMEOUT, _SENT),
    "SocketTimeoutError": (Rank.TRANSPORT_TIMEOUT, _SENT),
    "WriteTimeout": (Rank.TRANSPORT_TIMEOUT, _MAYBE),
    "TimeoutException": (Rank.TRANSPORT_TIMEOUT, _MAYBE),
    "ServerTimeoutError": (Rank.TRANSPORT_TIMEOUT, _MAYBE),
    "TimeoutError": (Rank.TRANSPORT_TIMEOUT, _MAYBE),
    "Timeout": (Rank.TRANSPORT_TIMEOUT, _MAYBE),
    # never connected; urllib3 calls some of these time limits, so they decide at once
    "NewConnectionError": (Rank.SURE_CONNECTION, _UNSENT),
    "NameResolutionError": (Rank.SURE_CONNECTION, _UNSENT),
    "ConnectError": (Rank.TRANSPORT_CONNECTION, _UNSENT),
    "ProxyError": (Rank.TRANSPORT_CONNECTION, _UNSENT),
    "ConnectionRefusedError": (Rank.TRANSPORT_CONNECTION, _UNSENT),
    "gaierror": (Rank.TRANSPORT_CONNECTION, _UNSENT),
    "herror": (Rank.TRANSPORT_CONNECTION, _UNSENT),
    "SSLCertVerificationError": (Rank.TRANSPORT_CONNECTION, _UNSENT),
    "ClientConnectorError": (Rank.TRANSPORT_CONNECTION, _UNSENT),
    "ClientConnectorCertificateError": (Rank.TRANSPORT_CONNECTION, _UNSENT),
    "EndpointConnectionError": (Rank.TRANSPORT_CONNECTION, _UNSENT),
    "ProxyConnectionError": (Rank.TRANSPORT_CONNECTION, _UNSENT),
    "EmptyPoolError": (Rank.TRANSPORT_CONNECTION, _UNSENT),
    "FullPoolError": (Rank.TRANSPORT_CONNECTION, _UNSENT),
    "ClosedPoolError": (Rank.TRANSPORT_CONNECTION, _UNSENT),
    "ServiceRequestError": (Rank.TRANSPORT_CONNECTION, _UNSENT),
    # the answer broke off
    "ReadError": (Rank.TRANSPORT_CONNECTION, _SENT),
    "RemoteProtocolError": (Rank.TRANSPORT_CONNECTION, _SENT),
    "RemoteDisconnected": (Rank.TRANSPORT_CONNECTION, _SENT),
    "ServerDisconnectedError": (Rank.TRANSPORT_CONNECTION, _SENT),
    "ClientPayloadError": (Rank.TRANSPORT_CONNECTION, _SENT),
    "ChunkedEncodingError": (Rank.TRANSPORT_CONNECTION, _SENT),
    "IncompleteRead": (Rank.TRANSPORT_CONNECTION, _SENT),
    "IncompleteReadError": (Rank.TRANSPORT_CONNECTION, _SENT),
    "ContentTooShortError": (Rank.TRANSPORT_CONNECTION, _SENT),
    "ResponseStreamingError": (Rank.TRANSPORT_CONNECTION, _SENT),
    "ConnectionClosedError": (Rank.TRANSPORT_CONNECTION, _SENT),
    "ServiceResponseError": (Rank.TRANSPORT_CONNECTION, _SENT),
    # somewhere on the way
    "NetworkError": (Rank.TRANSPORT_CONNECTION, _MAYBE),
    "ProtocolError": (Rank.TRANSPORT_CONNECTION, _MAYBE),
    "ConnectionError": (Rank.TRANSPORT_CONNECTION, _MAYBE),
    "SSLError": (Rank.TRANSPORT_CONNECTION, _MAYBE),
    "HTTPException": (Rank.TRANSPORT_CONNECTION, _MAYBE),
    "HTTPClientError": (Rank.TRANSPORT_CONNECTION, _MAYBE),
    "ClientConnectionError": (Rank.TRANSPORT_CONNECTION, _MAYBE),
    "ConnectionClosed": (Rank.TRANSPORT_CONNECTION, _MAYBE),
    "TransportError": (Rank.TRANSPORT_CONNECTION, _MAYBE),
    # an answer nobody can read
    "DecodingError": (Rank.MALFORMED, _SENT),
    "DecodeError": (Rank.MALFORMED, _SENT),
    "ContentDecodingError": (Rank.MALFORMED, _SENT),
    "ContentTypeError": (Rank.MALFORMED, _SENT),
    # not the network at all, although a base class says so
    "UnsupportedProtocol": (Rank.NOTHING, _UNSENT),
    "InvalidURL": (Rank.NOTHING, _UNSENT),
}
UNSENT_ERRNOS = frozenset({"ENETDOWN", "ENETUNREACH", "EHOSTDOWN", "EHOSTUNREACH", "EADDRNOTAVAIL"})
"""Errors of the operating system that mean that no connection came about."""
