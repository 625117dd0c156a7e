"""Addresses of people and machines on a network: mail, IP, MAC, and logins written into URLs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reliai.checks._pii.finding import Hit, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.checks._pii.finding import Subject

__all__ = ["emails", "ips", "macs", "url_logins"]

# Letters of scripts that put blanks between words; the others would run into the sentence.
_LETTER: Final = r"a-zA-Z\u00c0-\u0dff\u1e00-\u1fff"
_LABEL: Final = rf"[{_LETTER}0-9](?:[{_LETTER}0-9-]{{0,61}}[{_LETTER}0-9])?"
_DOMAIN: Final = rf"(?:{_LABEL}\.){{1,8}}(?:[{_LETTER}]{{2,24}}|xn--[a-z0-9-]{{2,58}})"
_DOMAIN_AFTER: Final = re.compile(rf"({_DOMAIN})(?![{_LETTER}0-9_])")
_SPELT: Final = re.compile(
    rf"(?<![\w.+-])([\w.+-]{{1,64}}) ?[\[({{<] ?at ?[\])}}>] ?"
    rf"({_LABEL}(?: ?(?:\.|[\[({{<] ?(?:dot|punkt|punto|point) ?[\])}}>]) ?{_LABEL}){{1,4}})",
    re.IGNORECASE,
)
_PICTURE: Final = re.compile(r"[0-9](?:\.[0-9])?x\.(?:png|jpe?g|gif|svg|webp|avif)", re.IGNORECASE)

_MAYBE_SPELT: Final = ("(at", "[at", "{at", "<at", "( at", "[ at", "{ at", "< at")

_LOCAL_LIMIT: Final = 64


def emails(subject: Subject) -> Iterator[Hit]:
    """Mail addresses, of international domains too, and those spelt "name (at) host (dot) org"."""
    text = subject.text
    logins = {hit.end for hit in url_logins(subject)} if "@" in text else ()
    for sign in ("@", "%40"):
        at = text.find(sign)
        while at >= 0:
            after = at + len(sign)
            match = None if at in logins else _DOMAIN_AFTER.match(text, after)
            if match is not None:
                start = _local_start(text, at)
                if start < at and not _is_other(text, start, at, match):
                    yield Hit(start, match.end(), "email")
            at = text.find(sign, after)
    bracketed = "(" in text or "[" in text or "{" in text or "<" in text
    if bracketed and any(spelt in subject.lower for spelt in _MAYBE_SPELT):
        for match in _SPELT.finditer(text):
            yield Hit(match.start(), match.end(), "email")


_IN_LOCAL: Final = re.compile(rf"[{_LETTER}0-9_.%+&'-]")


def _local_start(text: str, at: int) -> int:
    """Where the part before the @ begins; `at` itself where there is none."""
    start = at
    while start > 0 and at - start < _LOCAL_LIMIT and _IN_LOCAL.match(text, start - 1):
        start -= 1
    while start < at and text[start] in ".'&%-":  # a quotation mark, or the end of a sentence
        start += 1
    return start if text[at - 1] != "." else at


def _is_other(text: str, start: int, at: int, match: re.Match[str]) -> bool:
    """Whether it only looks like an address: the remote of a repository, a picture's name."""
    remote = text[start:at] == "git" and text[match.end() : match.end() + 1] in {":", "/"}
    return remote or _PICTURE.fullmatch(match[1]) is not None


_LOGIN: Final = re.compile(
    r"(?<![a-zA-Z0-9+.-])[a-zA-Z][a-zA-Z0-9+.-]{1,20}://([^\s/?#@:\"'<>\\]{1,64}(?::[^\s/?#@\"'<>\\]{0,128})?)@"
)


def url_logins(subject: Subject) -> Iterator[Hit]:
    """The name, and the password, that stand before the host of a URL."""
    if "://" in subject.text and "@" in subject.text:
        for match in _LOGIN.finditer(subject.text):
            yield Hit(match.start(1), match.end(1), "url_login")


_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4: Final = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}(?![0-9])")
_IPV6: Final = re.compile(r"(?<![\w:.])(?=[0-9a-fA-F]{0,4}:)[0-9a-fA-F:]{2,39}(?:[0-9.]{3,15})?")
_VERSION: Final = words("version ver v rev release firmware build driver update section chapter §")
_NEAR: Final = 12
_COMPARED: Final = frozenset({"==", ">=", "<=", "~=", "!="})
"""What stands before the version of a package that is asked for."""


def ips(subject: Subject) -> Iterator[Hit]:
    """Addresses of the Internet protocol, versions 4 and 6, that can belong to somebody."""
    yield from _fours(subject)
    if "::" in subject.text or subject.text.count(":") > 6:
        yield from _sixes(subject)


def _fours(subject: Subject) -> Iterator[Hit]:
    groups = subject.groups
    for place, start in enumerate(groups.starts):
        if groups.links[place] != ".":
            continue
        match = _IPV4.match(subject.text, start)
        if match is None or not subject.apart(start, match.end()):
            continue
        joined = place > 0 and groups.links[place - 1] in {".", "-", "_"}
        if not joined and _somebodys(subject, start, match):
            yield Hit(start, match.end(), "ip")


def _somebodys(subject: Subject, start: int, match: re.Match[str]) -> bool:
    octets = [int(octet) for octet in match[0].split(".")]
    if octets[0] in {0, 127, 255} or octets[0] >= 224 or octets[3:] == [0]:
        return False  # this host, groups, masks and whole networks
    if max(octets) < 40 and re.match(r" [^\W\d_]", subject.text[match.end() :][:2]):
        newline = subject.text[:start].rstrip(" \t#*")[-1:]
        if newline in {"", "\n"}:
            return False  # the number of a section, before its title
    if subject.text[max(0, start - 2) : start] in _COMPARED:
        return False
    return not subject.says(_VERSION, start, _NEAR) and not _network(
        subject.text[match.end() :][:3]
    )


def _network(after: str) -> bool:
    mask = re.match(r"/([0-9]{1,2})", after)
    return mask is not None and int(mask[1]) < 32


def _sixes(subject: Subject) -> Iterator[Hit]:
    for match in _IPV6.finditer(subject.text):
        found = match[0].rstrip(".")
        found = found if found.endswith("::") else found.rstrip(":")
        if found.count(":") < 2 or not subject.apart_after(match.start() + len(found)):
            continue
        if _is_six(found):
            yield Hit(match.start(), match.start() + len(found), "ip")


def _is_six(text: str) -> bool:
    from ipaddress import AddressValueError, IPv6Address  # noqa: PLC0415  few texts have one

    try:
        address = IPv6Address(text)
    except AddressValueError:
        return False
    mapped = address.ipv4_mapped
    if mapped is not None:
        return not mapped.is_loopback
    in_use = 0x2000 <= int(address) >> 112 < 0x4000 or address.is_private or address.is_link_local
    return (
        in_use and not (address.is_loopback or address.is_unspecified) and int(address) >> 120 > 0
    )


_MAC: Final = re.compile(
    r"(?<![\w:.-])[0-9a-fA-F]{2}([:-])(?:[0-9a-fA-F]{2}\1){4}[0-9a-fA-F]{2}(?![\w:]|[.-]\w)"
)
_DOTTED_MAC: Final = re.compile(
    r"(?<![\w:.-])[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}(?![\w:]|[.-]\w)"
)


def macs(subject: Subject) -> Iterator[Hit]:
    """Addresses of network cards; in three groups only where the text speaks of them."""
    text = subject.text
    forms = [_MAC] if text.count(":") > 4 or text.count("-") > 4 else []
    if text.count(".") > 1 and "mac" in subject.lower:
        forms.append(_DOTTED_MAC)
    for form in forms:
        for match in form.finditer(text):
            if len(set(match[0].lower())) > 3:
                yield Hit(match.start(), match.end(), "mac")
