"""Secrets where they should not be, and the sinks that might write them down."""

from __future__ import annotations

import logging
import string
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from reliai.records import RecordStore
from reliai.telemetry import JsonLines

if TYPE_CHECKING:
    from random import Random

__all__ = ["Secret", "Sinks", "seeded", "sent"]

_LETTERS = string.ascii_letters + string.digits
_FORMS = {
    "openai key": ("sk-proj-", 48, ""),
    "github token": ("ghp_", 36, ""),
    "bearer": ("Authorization: Bearer ", 40, ""),
    "password": ("postgres://app:", 20, "@db.example/orders"),
    "assignment": ("api_key = ", 40, ""),
}
_PLACES = ("header", "argument", "answer", "error")
_PATIENCE = 30.0


class Secret(NamedTuple):
    """A secret that was put somewhere to see where it comes out.

    Attributes:
        kind: of secret.
        place: "header", "argument", "answer" or "error".
        text: with what stands around it.
        value: the part that nobody must see.
    """

    kind: str
    place: str
    text: str
    value: str


def seeded(chance: Random) -> Secret:
    """A secret of a kind and at a place, by chance."""
    kind = chance.choice(list(_FORMS))
    before, length, after = _FORMS[kind]
    value = "".join(chance.choices(_LETTERS, k=length))
    return Secret(kind, chance.choice(_PLACES), f"{before}{value}{after}", value)


def sent(secret: Secret) -> dict[str, Any]:
    """A request with it; its headers always hold a key of their own."""
    key = {"Authorization": f"Bearer {secret.value}"} if secret.place == "header" else {}
    said = secret.text if secret.place in {"argument", "error"} else "no secret"
    return {"messages": [{"role": "user", "content": f"I have {said} here"}], "headers": key}


class Sinks:
    """A store, a file of lines and the log, in a folder that goes away; a context manager.

    Attributes:
        observers: the first two.
        records: how many records each of them has, as text.
        redactions: how many places they took something out of.
    """

    def __init__(self) -> None:
        self._folder = TemporaryDirectory()
        folder = Path(self._folder.name)
        self._store = RecordStore(f"sqlite:///{folder / 'calls.db'}", content="redacted")
        self._lines = JsonLines(folder / "calls.jsonl", content="redacted")
        self._log = StringIO()
        self._handler = logging.StreamHandler(self._log)
        self.observers: tuple[Any, ...] = (self._store, self._lines)
        self.records = ""
        self.redactions = 0

    def __enter__(self) -> Self:
        logging.getLogger("reliai").addHandler(self._handler)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("reliai").removeHandler(self._handler)
        self._store.close()
        self._folder.cleanup()

    def written(self) -> str:
        """All that they wrote."""
        import reliai  # noqa: PLC0415  for one function

        reliai.flush(_PATIENCE)
        self._store.flush(_PATIENCE)
        self._lines.flush(_PATIENCE)
        files = sorted(Path(self._folder.name).iterdir())
        texts = [file.read_bytes().decode(errors="replace") for file in files]
        lines = (Path(self._folder.name) / "calls.jsonl").read_text(encoding="utf-8")
        stored = sum(1 for _ in self._store.calls())
        self.records = f"{stored}, {len(lines.splitlines())}"
        self.redactions = self._store.counts.redactions
        return "\n".join([*texts, self._log.getvalue()])
