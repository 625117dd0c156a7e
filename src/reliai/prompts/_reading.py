"""What the file of a prompt says: settings between lines of +++ in TOML, and below them the text.

All that can be wrong with it is found here, and told without a word of the text.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from reliai.errors import ConfigurationError
from reliai.prompts.version import PromptVersion

__all__ = ["LARGEST", "checked_name", "parsed"]

LARGEST: Final = 1_000_000
"""Bytes that the file of a prompt may have."""

_FENCE: Final = "+++"
_SETTINGS: Final = ("version", "model", "description", "parameters")
_LABEL: Final = re.compile(r"[\w.-]{1,64}")
_NAME: Final = re.compile(r"[\w./-]{1,100}")


def checked_name(name: object) -> str:
    """A name that can stand on a record.

    Raises:
        ConfigurationError: for another.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        message = (
            f"a prompt cannot be named {name!r}: give name= with 1 to 100 letters, digits, "
            "dots, slashes, hyphens and underscores"
        )
        raise ConfigurationError(message)
    return name


def parsed(data: bytes, name: str, where: str) -> PromptVersion:
    """The prompt that a file holds.

    Args:
        data: the file's content.
        name: of the prompt.
        where: the file, for messages.

    Raises:
        ConfigurationError: naming what is wrong with it, and in which line.
    """
    try:
        return _version(_decoded(data), name)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from None
    except Exception as error:  # settings that lie too deep in one another, a number too long
        message = f"{where}: its settings cannot be read ({type(error).__name__})"
        raise ConfigurationError(message) from error


def _decoded(data: bytes) -> str:
    if len(data) > LARGEST:
        raise ConfigurationError(f"it has more than {LARGEST:,} bytes; a prompt may have as many")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"byte {error.start} is no UTF-8; save it as UTF-8") from None
    # The same text has the same fingerprint, whatever ends its lines.
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _version(whole: str, name: str) -> PromptVersion:
    front, text = _split(whole)
    text = text.strip("\n")
    if not text.strip():
        raise ConfigurationError("it has no text")
    unknown = [key for key in front if key not in _SETTINGS]
    if unknown:
        message = (
            f"unknown setting {unknown[0]!r}; there are {', '.join(_SETTINGS)}. What is sent with "
            "the request stands below [parameters]"
        )
        raise ConfigurationError(message)
    return PromptVersion(
        name=name,
        text=text,
        label=_label(front.get("version")),
        model=_words(front, "model"),
        description=_words(front, "description"),
        settings=_parameters(front.get("parameters", {})),
    )


def _split(whole: str) -> tuple[dict[str, Any], str]:
    """Settings and text."""
    first, _, rest = whole.partition("\n")
    if first.rstrip() == "---":
        message = (
            "it begins with ---, but settings are TOML between two lines of +++ "
            "(or put two such lines above a text that begins with a rule)"
        )
        raise ConfigurationError(message)
    if first.rstrip() != _FENCE:
        return {}, whole
    lines = rest.split("\n")
    ends = [number for number, line in enumerate(lines) if line.rstrip() == _FENCE]
    if not ends:
        raise ConfigurationError("the settings that begin in line 1 have no end: a line of +++")
    return _toml("\n".join(lines[: ends[0]])), "\n".join(lines[ends[0] + 1 :])


def _toml(text: str) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415  only for files with settings

    try:
        return tomllib.loads(f"\n{text}\n")  # so that its lines are those of the file
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"its settings are no TOML: {error}") from None


def _label(version: Any) -> str | None:
    if version is None:
        return None
    label = version if isinstance(version, str) else str(version)
    if isinstance(version, bool) or not isinstance(version, str | int | float):
        label = ""
    if not _LABEL.fullmatch(label):
        message = (
            f"version = {version!r}: give 1 to 64 letters, digits, dots, hyphens and "
            'underscores, as in version = "3"'
        )
        raise ConfigurationError(message)
    return label


def _words(front: dict[str, Any], key: str) -> str | None:
    value = front.get(key)
    if value is None or (isinstance(value, str) and value.strip()):
        return value
    raise ConfigurationError(f"{key} = {value!r}: give a text")


def _parameters(given: Any) -> str:
    if not isinstance(given, dict):
        raise ConfigurationError("parameters is no table; write [parameters] and a line for each")
    try:
        return json.dumps(given, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError):
        message = "a parameter is something that JSON cannot say: a date, a time, inf or nan"
        raise ConfigurationError(message) from None
