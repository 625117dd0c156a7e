"""Secrets: the keys of providers, passwords and tokens, and what only looks like them."""

from __future__ import annotations

from typing import Any

import pytest

import reliai
from reliai import ConfigurationError, Replace
from reliai.checks import Secrets
from reliai.checks._pii.secret_forms import FORMS

# Put together here, so that scanners of repositories find no key in this file.
HEX = "0123456789abcdef"
MIXED = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0z"
LONG = MIXED * 4
BODY = "MIIEowIBAAKCAQEA7bq\nabc/def+ghi=="
PEM = f"-----BEGIN {{0}}PRIVATE KEY-----\n{BODY}\n-----END {{0}}PRIVATE KEY-----"
JWT = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0."
    "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
)

FOUND: list[tuple[str, str, str]] = [
    ("aws_access_key", "id AKIA" + "IOSFODNN7EXAMPLE,", "AKIA" + "IOSFODNN7EXAMPLE"),
    ("aws_access_key", "ASIA" + "Y34FZKBOKMUTVV7A", "ASIA" + "Y34FZKBOKMUTVV7A"),
    ("gcp_key", "key=AIza" + LONG[:35], "AIza" + LONG[:35]),
    ("gcp_key", "ya29." + LONG[:60], "ya29." + LONG[:60]),
    ("gcp_key", '"GOCSPX-' + LONG[:28] + '"', "GOCSPX-" + LONG[:28]),
    ("azure_key", "AccountKey=" + LONG[:86] + "==;", LONG[:86] + "=="),
    ("azure_key", "?sv=1&sig=" + LONG[:50] + "&se=2", LONG[:50]),
    ("azure_key", "abc8Q~" + LONG[:34], "abc8Q~" + LONG[:34]),
    ("github_token", "ghp_" + LONG[:36], "ghp_" + LONG[:36]),
    ("github_token", "(gho_" + LONG[:36] + ")", "gho_" + LONG[:36]),
    ("github_token", "github_pat_" + LONG[:82], "github_pat_" + LONG[:82]),
    ("gitlab_token", "glpat-" + LONG[:20], "glpat-" + LONG[:20]),
    ("slack_token", "xoxb-" + "123456789012-" + LONG[:24], "xoxb-" + "123456789012-" + LONG[:24]),
    ("slack_token", "xapp-1-" + LONG[:40], "xapp-1-" + LONG[:40]),
    (
        "slack_token",
        "https://hooks.slack.com/services/T00000000/B00000000/" + LONG[:24],
        "T00000000/B00000000/" + LONG[:24],
    ),
    ("stripe_key", "sk_live_" + LONG[:24], "sk_live_" + LONG[:24]),
    ("stripe_key", "rk_test_" + LONG[:24], "rk_test_" + LONG[:24]),
    ("stripe_key", "whsec_" + LONG[:32], "whsec_" + LONG[:32]),
    ("openai_key", "sk-" + LONG[:48], "sk-" + LONG[:48]),
    ("openai_key", "export X=sk-proj-" + LONG[:90], "sk-proj-" + LONG[:90]),
    ("anthropic_key", "sk-ant-api03-" + LONG[:93], "sk-ant-api03-" + LONG[:93]),
    ("huggingface_token", "hf_" + LONG[:34], "hf_" + LONG[:34]),
    ("npm_token", "npm_" + LONG[:36], "npm_" + LONG[:36]),
    ("pypi_token", "pypi-AgEIcHlwaS5vcmc" + LONG[:60], "pypi-AgEIcHlwaS5vcmc" + LONG[:60]),
    ("provider_token", "SG." + LONG[:22] + "." + LONG[:43], "SG." + LONG[:22] + "." + LONG[:43]),
    ("provider_token", "gsk_" + LONG[:52], "gsk_" + LONG[:52]),
    ("provider_token", "dapi" + HEX * 2, "dapi" + HEX * 2),
    ("provider_token", "dop_v1_" + HEX * 4, "dop_v1_" + HEX * 4),
    ("provider_token", "123456789:AA" + LONG[:33], "123456789:AA" + LONG[:33]),
    ("provider_token", "hvs." + LONG[:24], "hvs." + LONG[:24]),
    ("jwt", f"token {JWT}.", JWT),
    ("jwt", f'"{JWT}"', JWT),
    ("private_key", PEM.format(""), PEM.format("")),
    ("private_key", "a\n" + PEM.format("RSA ") + "\nb", PEM.format("RSA ")),
    ("private_key", PEM.format("OPENSSH "), PEM.format("OPENSSH ")),
    ("connection_password", "postgres://bob:s3cretpw@db:5432/x", "s3cretpw"),
    ("connection_password", "redis://:hunter22@cache", "hunter22"),
    ("connection_password", "mongodb+srv://u:p4ss-word!@h/db", "p4ss-word!"),
    ("authorization", "Authorization: Bearer abcdef1234567890", "abcdef1234567890"),
    ("authorization", '{"Authorization": "Basic dXNlcjpwYXNzd29yZA=="}', "dXNlcjpwYXNzd29yZA=="),
    ("authorization", "curl -H 'x-api-key: " + LONG[:32] + "'", LONG[:32]),
    ("authorization", "Bearer " + LONG[:40], LONG[:40]),
    ("password", "password: hunter2!", "hunter2!"),
    ("password", "DB_PASSWORD=tr0ub4dor&3", "tr0ub4dor&3"),
    ("password", "my password is Corr3ctHorse and", "Corr3ctHorse"),
    ("password", '{"password": "pa$$w0rd"}', "pa$$w0rd"),
    ("password", "Server=x;Pwd=Zx9!kkL2;", "Zx9!kkL2"),
    ("password", r'{"a": "{\"password\": \"hunter2!\"}"}', "hunter2!"),
    ("password", r'"line\npassword=hunter2!\n"', "hunter2!"),
    ("assigned_key", 'api_key = "' + MIXED + '"', MIXED),
    (
        "assigned_key",
        "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzz4",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzz4",
    ),
    ("assigned_key", "client_secret: " + MIXED, MIXED),
    ("assigned_key", '"access_token":"' + MIXED + '"', MIXED),
    ("assigned_key", "'secretKey' => '" + MIXED + "'", MIXED),
    ("assigned_key", "https://x.example/?api_key=" + MIXED + "&page=2", MIXED),
    ("assigned_key", "accessTokenValue: " + MIXED, MIXED),
    ("assigned_key", "İ API KEY: " + MIXED, MIXED),
    ("password", "userPassword = 'hunter2!'", "hunter2!"),
]

CLEAN = """
password: must be at least 8 characters
password: string
password = os.environ["DB_PASSWORD"]
password=$DB_PASSWORD
PASSWORD=${DB_PASSWORD}
password: <your password>
password: ********
password: changeme
password = getpass("Password: ")
the password is wrong
Forgot your password? Reset it here.
pass the salt, please
pass: str
compass: north-east
compass=n0rth-e4st
cache key: a1b2c3d4e5f6a7b8c9d0
sort_key = "user#1234567890abcdef"
monkey: a1b2c3d4e5f6a7b8c9d0
secretary: a1b2c3d4e5f6a7b8c9d0
api_key = settings.OPENAI_API_KEY
api_key = os.getenv("OPENAI_API_KEY")
api_key: YOUR_API_KEY_GOES_HERE_1234
api_key="xxxxxxxxxxxxxxxxxxxx"
client = OpenAI(api_key=api_key)
token: the-quick-brown-fox-jumps
tokenizer: bert-base-uncased-finetuned-2024
max_tokens=4096
max_tokens: 4096000000000000000
token_count = 1234567890123456789
primary_key: user_id_of_the_customer
key: value
"key": "some-ordinary-slug-in-a-url-42"
secret santa is next week
secrets: inherit
Authorization: required
the bearer of this letter
Bearer token authentication
sk-loading-spinner-container-wide
sk-learn and scikit-learn
hf_transfer is a package
https://user@example.com/path
https://example.com/a:b@c
postgres://user:password@localhost/db
postgres://user:${PASSWORD}@localhost/db
ssh://git@github.com
eyJ is how they begin
eyJub3QiOiJhIHRva2VuIn0.x
-----BEGIN CERTIFICATE-----
-----BEGIN PUBLIC KEY-----
ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ
d41d8cd98f00b204e9800998ecf8427e
550e8400-e29b-41d4-a716-446655440000
commit 3b18e512dba79e4c8300dd08aeb37f8e728b8dad
sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
xox and kisses
AKIA is a prefix
pk_live_is_public
The token of my affection
session_token_expires_in: 3600
gpt-4o-mini-2024-07-18
""".strip().splitlines()


@pytest.mark.parametrize(("kind", "text", "expected"), FOUND)
def test_a_secret_is_found_whole(kind: str, text: str, expected: str) -> None:
    found = [(hit.kind, text[hit.start : hit.end]) for hit in Secrets().find(text)]
    assert found == [(kind, expected)]


@pytest.mark.parametrize("text", CLEAN)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert [(hit.kind, text[hit.start : hit.end]) for hit in Secrets().find(text)] == []


def test_every_kind_has_cases() -> None:
    assert {kind for kind, _, _ in FOUND} == {form.kind for form in FORMS}


def test_raise_names_kinds_and_counts_and_never_what_they_are() -> None:
    verdict = Secrets()(f"password: hunter2! and ghp_{LONG[:36]}")
    assert verdict == "it has secrets: github_token (1), password (1)"
    assert Secrets()("hello") is None


def test_redact_puts_the_kind_in_place_for_good() -> None:
    verdict = Secrets("redact")([{"content": "password: hunter2!, bye"}])
    assert verdict == Replace([{"content": "password: [PASSWORD], bye"}])
    assert Secrets("redact")("hello") is None


def test_what_was_redacted_has_no_secret_left() -> None:
    for _, text, _ in FOUND:
        verdict = Secrets("redact")(text)
        assert isinstance(verdict, Replace)
        assert Secrets()(verdict.value) is None, verdict.value


def test_a_private_key_without_an_end_is_taken_as_far_as_it_goes() -> None:
    text = PEM.format("")[:60]
    assert Secrets("redact")(text) == Replace("[PRIVATE_KEY]")


def test_spans_say_what_comes_in_place() -> None:
    assert list(Secrets("redact").spans("pwd: hunter2!")) == [(5, 13, "[PASSWORD]")]
    assert list(Secrets().spans("pwd: hunter2!")) == [(5, 13, None)]


def test_refusing_needs_a_smaller_window_than_replacing() -> None:
    assert (Secrets().window, Secrets("redact").window) == (262, 4202)
    assert Secrets("redact", kinds=["aws_access_key"]).window == 23


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"action": "pseudonymize"}, "a secret is never given back"),
        ({"action": "hide"}, '"raise" or "redact"'),
        ({"kinds": ["jwtt"]}, "no such kind; the kinds are: anthropic_key"),
        ({"kinds": []}, "no such kind"),
    ],
)
def test_a_setting_out_of_range_says_so(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Secrets(**settings)


def test_what_cannot_be_looked_into_fails() -> None:
    assert "cannot be looked into" in str(Secrets()(object()))


def test_the_settings_are_plain_data() -> None:
    described = Secrets(kinds=["jwt"]).describe()
    assert described == {
        "check": "Secrets",
        "timeout": None,
        "on_error": "block",
        "action": "raise",
        "kinds": ["jwt"],
    }
    assert repr(Secrets()) == "reliai.Secrets(action='raise')"


def test_a_guard_keeps_secrets_from_the_model_and_out_of_its_error() -> None:
    asked: list[Any] = []

    @reliai.reliable(reliai.Guard(Secrets()), name="ask")
    def ask(messages: list[dict[str, str]]) -> str:
        asked.append(messages)
        return "ok"

    with pytest.raises(reliai.GuardRejected) as caught, reliai.collect() as calls:
        ask([{"role": "user", "content": "password: hunter2!"}])
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in str(calls[-1].to_dict())
    assert asked == []
