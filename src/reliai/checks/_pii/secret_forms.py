"""Secrets: the forms in which providers hand out keys, and assignments whose value looks like one.

Each form has a literal that a text must contain before its expression is tried, so a text without
secrets costs little more than looking for these.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reliai.checks._pii.entropy import is_key, is_password, is_web_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["FORMS", "Form"]


_REACH: Final = 16
"""Characters before a word that may say what it is about."""


class Form:
    """How one kind of secret looks.

    Attributes:
        kind: what it is.
        marks: literals, in small letters, of which a text must have one.
        pattern: the form; what is secret is its group 1, or all of it when it has none.
        known_after: characters from its start on after which it is known.
        longest: characters of the longest one that is replaced as a whole.
        valid: whether what was found is one.
        before: what may end with the first letter of the word that the form begins with, which is
            then one of the marks; None for a form that may begin with anything.
    """

    def __init__(
        self,
        kind: str,
        marks: str,
        pattern: str,
        *,
        known_after: int,
        longest: int,
        valid: Callable[[str], bool] | None = None,
        before: re.Pattern[str] | None = None,
    ) -> None:
        self.kind = kind
        self.marks = tuple(marks.split())
        self.pattern = re.compile(pattern)
        self.known_after = known_after
        self.longest = longest
        self.valid = valid
        self.before = before

    def matches(self, text: str, lower: str) -> Iterator[re.Match[str]]:
        """Where the form is in a text; `lower` is the text in small letters, as long as it is."""
        if self.before is None:
            if any(mark in lower for mark in self.marks):
                yield from self.pattern.finditer(text)
            return
        for mark in self.marks:
            place = lower.find(mark)
            while place >= 0:
                if self.before.search(text[max(0, place - _REACH) : place + 1]) is not None:
                    match = self.pattern.match(text, place)
                    if match is not None:
                        yield match
                place = lower.find(mark, place + len(mark))


_START: Final = r"(?<![A-Za-z0-9])"
_END: Final = r"(?![A-Za-z0-9])"

_ASSIGNED: Final = r"""["'\]]{0,2}[ \t]{0,3}(?:=>|:=|[:=])[ \t]{0,3}["'`]?"""
_VALUE: Final = r"""((?:(?!&[\w.-]{1,30}=)[^\s"'`,;<>{}\\]){%d,200})"""
_AND_MORE: Final = r"(?:s|[_-]?[A-Z][a-z]{1,20}|[_-][A-Za-z0-9]{1,20})?"
"""How a name may go on behind the word that tells what it holds."""

_BEFORE_KEY: Final = re.compile(
    "(?i:api|access|secret|account|auth|private|encryption|signing|storage|service|master|app)"
    r"[_ -]?.\Z"
)
_BEFORE_SECRET: Final = re.compile(
    r"(?:\A|[^A-Za-z]|(?i:client|app|shared|webhook|signing|oauth|consumer|access|auth|refresh"
    r"|bearer|api|bot|id|session|deploy|personal)[_-]?).\Z"
)
_BEFORE_PASSWORD: Final = re.compile(r"(?:(?:\A|[^A-Za-z]).|[a-z][A-Z])\Z")

_OTHERS: Final = (
    r"SG\.[\w-]{16,32}\.[\w-]{16,64}",  # SendGrid
    "gsk_[A-Za-z0-9]{40,60}",  # Groq
    "r8_[A-Za-z0-9]{37}",  # Replicate
    "xai-[A-Za-z0-9]{60,90}",
    "pplx-[A-Za-z0-9]{40,60}",  # Perplexity
    r"hv[sb]\.[\w-]{24,200}",  # Vault
    "dapi[0-9a-f]{32}",  # Databricks
    "do[opr]_v1_[0-9a-f]{64}",  # DigitalOcean
    "shp(?:at|ss|ca)_[0-9a-f]{32}",  # Shopify
    "key-[0-9a-f]{32}",  # Mailgun
    r"[0-9]{8,10}:AA[\w-]{32,34}",  # Telegram
    "AGE-SECRET-KEY-1[0-9A-Z]{58}",
    "ntn_[A-Za-z0-9]{40,50}",  # Notion
    "lin_api_[A-Za-z0-9]{32,48}",  # Linear
    r"sntrys_[\w=/+-]{40,200}",  # Sentry
    r"figd_[\w-]{36,60}",  # Figma
    r"glsa_\w{32,60}",  # Grafana
    "rubygems_[0-9a-f]{48}",
    r"tvly-[\w-]{28,60}",  # Tavily
)
_OTHERS_MARKS: Final = (
    "sg. gsk_ r8_ xai- pplx- hvs. hvb. dapi o_v1_ p_v1_ r_v1_ shpat_ shpss_ shpca_ key- :aa ntn_"
    " lin_api_ sntrys_ figd_ glsa_ rubygems_ tvly-"
)
_HEADER: Final = (
    r"(?<![a-z])authorization[\"']?\s{0,2}[:=]\s{0,2}[\"']?"
    r"(?:bearer|basic|token|digest|apikey)\s{1,2}"
    r"|(?<![a-z])x-api-key[\"']?\s{0,2}[:=]\s{0,2}[\"']?"
)
_URL: Final = r"(?<![a-zA-Z0-9+.-])[a-zA-Z][a-zA-Z0-9+.-]{1,20}://"

FORMS: Final = (
    Form(
        "private_key",
        "-----begin",
        "-----BEGIN (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----",
        known_after=70,
        longest=4200,
    ),
    Form(
        "aws_access_key",
        "akia asia abia acca",
        rf"{_START}(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{{16}}{_END}",
        known_after=21,
        longest=21,
    ),
    Form(
        "gcp_key",
        "aiza ya29. gocspx-",
        rf"{_START}(?:AIza[\w-]{{35}}{_END}|ya29\.[\w-]{{20,400}}|GOCSPX-[\w-]{{20,40}})",
        known_after=40,
        longest=410,
    ),
    Form(
        "azure_key",
        "accountkey= sharedaccesskey=",
        "(?:AccountKey|SharedAccessKey)=([A-Za-z0-9+/]{40,90}={0,2})",
        known_after=62,
        longest=110,
    ),
    Form("azure_key", "sig=", "[?&]sig=([A-Za-z0-9%+/]{40,90})", known_after=48, longest=98),
    Form(
        "azure_key",
        "q~",
        r"(?<![\w~.-])[\w~.-]{3}[0-9]Q~[\w~.-]{31,34}(?![\w~-])",
        known_after=40,
        longest=44,
    ),
    Form(
        "github_token",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        rf"{_START}(?:gh[pousr]_[A-Za-z0-9]{{36,255}}|github_pat_\w{{36,255}})",
        known_after=50,
        longest=270,
    ),
    Form(
        "gitlab_token",
        "glpat- gldt- glrt- glcbt- glptt-",
        rf"{_START}gl(?:pat|dt|rt|cbt|ptt)-[\w-]{{20,100}}",
        known_after=30,
        longest=110,
    ),
    Form(
        "slack_token",
        "xox xapp-",
        rf"{_START}(?:xox[abeoprs](?:\.xox[a-z])?-[\w-]{{10,250}}|xapp-[0-9]-[\w-]{{20,200}})",
        known_after=30,
        longest=265,
    ),
    Form(
        "slack_token",
        "hooks.slack.com",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/([\w/-]{20,200})",
        known_after=50,
        longest=230,
    ),
    Form(
        "stripe_key",
        "sk_live_ sk_test_ rk_live_ rk_test_ whsec_",
        rf"{_START}(?:[sr]k_(?:live|test)_\w{{16,250}}|whsec_[A-Za-z0-9+/]{{24,100}}={{0,2}})",
        known_after=32,
        longest=262,
    ),
    Form(
        "anthropic_key",
        "sk-ant-",
        rf"{_START}sk-ant-[a-z0-9]{{2,12}}-[\w-]{{20,200}}",
        known_after=42,
        longest=222,
    ),
    Form(
        "openai_key",
        "sk-",
        rf"{_START}sk-(?!ant-)(?:proj-|svcacct-|admin-|None-|or-v1-)?[\w-]{{20,250}}",
        known_after=46,
        longest=262,
        valid=is_key,
    ),
    Form(
        "huggingface_token",
        "hf_ api_org_",
        rf"{_START}(?:hf|api_org)_[A-Za-z0-9]{{30,60}}{_END}",
        known_after=45,
        longest=70,
    ),
    Form(
        "npm_token",
        "npm_",
        rf"{_START}npm_[A-Za-z0-9]{{36}}{_END}",
        known_after=41,
        longest=41,
    ),
    Form(
        "pypi_token",
        "pypi-",
        rf"{_START}pypi-[\w-]{{50,500}}",
        known_after=56,
        longest=506,
    ),
    Form(
        "provider_token",
        _OTHERS_MARKS,
        rf"{_START}(?:{'|'.join(_OTHERS)}){_END}",
        known_after=100,
        longest=230,
    ),
    Form(
        "jwt",
        "eyj",
        r"(?<![\w-])(eyJ[\w-]{8,1000})\.(?:eyJ[\w-]{8,3000}|)\.?",
        known_after=260,
        longest=4100,
        valid=is_web_token,
    ),
    Form(
        "connection_password",
        "://",
        rf"{_URL}[^\s/?#@:\"'<>\\]{{0,64}}:([^\s/?#@\"'<>\\]{{1,128}})@",
        known_after=218,
        longest=218,
        valid=is_password,
    ),
    Form(
        "authorization",
        "authorization x-api-key",
        rf"(?i:{_HEADER})([\w.~+/=-]{{8,600}})",
        known_after=60,
        longest=640,
    ),
    Form(
        "authorization",
        "bearer",
        r"(?<![A-Za-z])[Bb]earer ([\w.~+/-]{16,600}={0,2})",
        known_after=26,
        longest=612,
        valid=is_key,
    ),
    Form(
        "password",
        "pass pwd",
        "(?i:password|passwd|passphrase|passcode|pwd|pass)(?:_[A-Za-z0-9]{1,10})?"
        rf"(?:{_ASSIGNED}|(?i: is:? [\"'`]?)){_VALUE % 6}",
        known_after=70,
        longest=260,
        valid=is_password,
        before=_BEFORE_PASSWORD,
    ),
    Form(
        "assigned_key",
        "key",
        rf"(?i:key){_AND_MORE}{_ASSIGNED}{_VALUE % 16}",
        known_after=80,
        longest=270,
        valid=is_key,
        before=_BEFORE_KEY,
    ),
    Form(
        "assigned_key",
        "secret token credential",
        rf"(?i:secret|token|credential){_AND_MORE}{_ASSIGNED}{_VALUE % 16}",
        known_after=80,
        longest=270,
        valid=is_key,
        before=_BEFORE_SECRET,
    ),
)
"""Every form, the surest first."""
