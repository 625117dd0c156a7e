"""One version of a prompt: what a file said when it was read. It never changes."""

from __future__ import annotations

import difflib
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from reliai.errors import ConfigurationError
from reliai.prompts._noting import note
from reliai.prompts._template import Template

__all__ = ["PromptVersion"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PromptVersion:
    """A prompt as it was at one time: its text, and what it is to be sent with.

    Attributes:
        name: of the prompt, for records.
        text: with its placeholders.
        label: the version as its author named it; None where nothing was said.
        model: to send it to; None where nothing was said.
        settings: the parameters of the request, as JSON.
        description: for people.
    """

    name: str
    text: str
    label: str | None = None
    model: str | None = None
    settings: str = "{}"
    description: str | None = field(default=None, compare=False)
    fingerprint: str = field(init=False, compare=False)
    """Of the text, the model and the parameters; begins with "sha256:"."""
    reference: str = field(init=False, compare=False)
    """Name, version and fingerprint in short, as it is on records: "answer@3+1f0c…"."""
    _template: Template = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_template", Template.of(self.text))
        said = [self.text, self.model, json.loads(self.settings)]
        written = json.dumps(said, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        fingerprint = f"sha256:{hashlib.sha256(written.encode()).hexdigest()}"
        object.__setattr__(self, "fingerprint", fingerprint)
        version = self._short if self.label is None else f"{self.label}+{self._short}"
        object.__setattr__(self, "reference", f"{self.name}@{version}")

    @property
    def version(self) -> str:
        """The version as its author named it, or else the first 12 digits of the fingerprint."""
        return self.label or self._short

    @property
    def _short(self) -> str:
        return self.fingerprint.removeprefix("sha256:")[:12]

    @property
    def digest(self) -> str:
        """The fingerprint, under the name by which experiments know what a target depends on."""
        return self.fingerprint

    @property
    def placeholders(self) -> tuple[str, ...]:
        """Their names, each once, in the order of the text."""
        return self._template.names

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the request; a copy, so that nobody changes those of others."""
        parameters: dict[str, Any] = json.loads(self.settings)
        return parameters

    def format(self, /, **values: Any) -> str:
        """The text with values in the places of the placeholders. On the current call's record.

        Args:
            **values: one for each placeholder: text, a number, a date, a UUID or a path.

        Raises:
            ConfigurationError: for a value that is missing, one without a placeholder, or one that
                can be written in more than one way, such as None or a list.
        """
        note(self, "version")
        return self.filled(values)

    def filled(self, values: dict[str, Any]) -> str:
        """As `format`, without a word on any record."""
        try:
            return self._template.filled(values)
        except ConfigurationError as error:
            raise ConfigurationError(f"prompt {self.reference}: {error}") from None

    def diff(self, older: PromptVersion) -> str:
        """What differs from another version, line by line; empty where nothing does."""
        lines = difflib.unified_diff(
            older.lines(), self.lines(), older.reference, self.reference, lineterm=""
        )
        return "\n".join(lines)

    def lines(self) -> list[str]:
        """Everything that the fingerprint is of, by lines."""
        told = [] if self.model is None else [f"model = {json.dumps(self.model)}"]
        told += [f"{name} = {json.dumps(value)}" for name, value in self.parameters.items()]
        return [*told, *self.text.split("\n")]

    def __repr__(self) -> str:
        return f"<PromptVersion {self.reference}>"
