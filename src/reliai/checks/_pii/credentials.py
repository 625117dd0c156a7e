"""Secrets: the forms in which providers hand out keys, and assignments whose value looks like one.

Each form has a literal that a text must contain before its expression is tried, so a text without
secrets costs little more than looking for these.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reliai.checks._pii.entropy import is_key, is_password, is_web_token
from reliai.checks._pii.finding import Hit, resolved
from reliai.checks._pii.folding import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["FORMS", "SecretScanner"]


class Form:
    """How one kind of secret looks.

    Attributes:
        kind: what it is.
        marks: literals, in small letters, of which a text must have one.
        pattern: the form; what is secret is its group 1, or all of it when it has none.
        known_after: characters from its start on after which it is known.
        longest: characters of the longest one that is replaced as a whole.
        valid: whether what was found is one.
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
    ) -> None:
        self.kind = kind
        self.marks = tuple(marks.split())
        self.pattern = re.compile(pattern)
        self.known_after = known_after
        self.longest = longest
        self.valid = valid


_START: Final = r"(?<![A-Za-z0-9])"
_END: Final = r"(?![A-Za-z0-9])"

_ASSIGNED: Final = r"""["'\]]{0,2}[ \t]{0,3}(?:=>|:=|[:=])[ \t]{0,3}(?:["'`]|\\["'])?"""
_VALUE: Final = r"""([^\s"'`,;<>{}\\]{%d,200})"""
_KEY_NAMES: Final = (
    r"(?i:(?:api|access|secret|account|auth|private|encryption|signing|storage|service|master|app)"
    r"[_ -]?key|(?:client|app|shared|webhook|signing|oauth)?[_-]?secret"
    r"|(?:access|auth|refresh|bearer|api|bot|id|session|deploy|personal)?[_-]?token|credentials?|aws[_-]?secret[_-]?access[_-]?key)"
    r"(?:[_-][A-Za-z0-9]{1,20}|s)?"
)

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
_NAMES_OF_PASSWORDS: Final = (
    "(?i:(?<![a-z])(?:[a-z0-9]{1,20}[_-])?"
    "(?:password|passwd|passphrase|passcode|pwd|pass)(?:_[a-z0-9]{1,10})?)"
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
        rf"{_NAMES_OF_PASSWORDS}(?:{_ASSIGNED}|(?i: is:? [\"'`]?)){_VALUE % 6}",
        known_after=70,
        longest=260,
        valid=is_password,
    ),
    Form(
        "assigned_key",
        "key secret token credential",
        rf"(?<![A-Za-z])(?:[A-Za-z0-9]{{1,20}}[_-]){{0,2}}{_KEY_NAMES}{_ASSIGNED}{_VALUE % 16}",
        known_after=110,
        longest=300,
        valid=is_key,
    ),
)
"""Every form, the surest first."""

_ORDER: Final = {form.kind: place for place, form in reversed(list(enumerate(FORMS)))}
_PEM_LIMIT: Final = 16_384


class SecretScanner:
    """Finds secrets in a text.

    Attributes:
        known_after: characters after which any of them is known for what it is.
        longest: characters of the longest one.
    """

    def __init__(self, kinds: Iterable[str]) -> None:
        wanted = set(kinds)
        self._forms = [form for form in FORMS if form.kind in wanted]
        self.known_after = max(form.known_after for form in self._forms) + 2
        self.longest = max(form.longest for form in self._forms) + 2

    def __call__(self, text: str) -> list[Hit]:
        """What is found, in the order of the text, each character at most once."""
        return resolved(self._hits(fold(text)), _ORDER.__getitem__)

    def _hits(self, text: str) -> Iterator[Hit]:
        lower = text.lower()
        for form in self._forms:
            if any(mark in lower for mark in form.marks):
                after = 0
                for match in form.pattern.finditer(text):
                    if match.start() >= after:  # else within the one found last
                        for hit in _found(text, form, match):
                            after = hit.end
                            yield hit


def _found(text: str, form: Form, match: re.Match[str]) -> Iterator[Hit]:
    group = match.lastindex or 0
    start, end = match.span(group)
    if form.kind == "private_key":
        end = _end_of_block(text, end)
    elif form.kind == "jwt":
        end = _end_of_token(text, match.end())
    if form.valid is None or form.valid(text[start:end]):
        yield Hit(start, end, form.kind)


_BODY: Final = re.compile(r"(?:[A-Za-z0-9+/=:,. -]|\\[nr]|[\r\n]){0,16384}")
_FOOT: Final = re.compile(r"-----END [A-Z0-9 ]{2,40}-----")
_REST: Final = re.compile(r"[\w.=-]{0,8192}")


def _end_of_block(text: str, end: int) -> int:
    """Where the block ends whose first line was found: its last line, or what is left of it."""
    foot = text.find("-----END ", end, end + _PEM_LIMIT)
    if foot >= 0:
        last = _FOOT.match(text, foot)
        return last.end() if last else foot
    body = _BODY.match(text, end)
    return body.end() if body else end


def _end_of_token(text: str, end: int) -> int:
    rest = _REST.match(text, end)
    last = rest.end() if rest else end
    return last - 1 if text[last - 1] == "." else last
