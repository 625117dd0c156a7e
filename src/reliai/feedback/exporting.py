"""Training data of what was said, in the formats of trainers.

Without doubles, contradictions, personal data and what evaluations are judged by. Beside each file
is a manifest of what is in it, and of why the rest is not.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from reliai import clock
from reliai._core import ids
from reliai.checks.redaction import Redaction
from reliai.errors import ConfigurationError
from reliai.feedback._export_rows import (
    FORMATS,
    Row,
    Told,
    default_prompt,
    digest_of,
    is_good,
    messages_of,
    text_of,
    with_tools,
)
from reliai.feedback._held_out import HeldOut
from reliai.feedback._stores import store_for
from reliai.feedback._walking import calls_in_pieces
from reliai.records._exports import ExportNote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime
    from os import PathLike

    from reliai.datasets import Case
    from reliai.feedback._export_rows import Message, Prompt
    from reliai.records import RecordStore, StoredCall

__all__ = ["Exported", "export", "exports"]

Format = Literal["sft", "openai-sft", "dpo", "openai-dpo", "kto"]
_LIMIT: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote.

    Attributes:
        path: the file, a JSON object a line.
        manifest: the file beside it: settings, counts, digest, and the calls that each row is from.
        rows: how many rows there are.
        left_out: how many rows or calls were left out, by reason.
        good, bad: rows with a good answer only, and with a bad one only (KTO).
        replaced: pieces of personal data and secrets that were replaced.
        sha256: of the file.
    """

    path: Path
    manifest: Path
    rows: int
    left_out: dict[str, int]
    good: int
    bad: int
    replaced: int
    sha256: str


def export(
    format: Format,  # noqa: A002  the word for it
    *,
    out: str | PathLike[str],
    metric: str = "thumbs",
    good: Callable[[Any], bool | None] = is_good,
    prompt: Prompt = default_prompt,
    held_out: Iterable[Case] = (),
    redact: bool = True,
    since: float | datetime | None = None,
    store: RecordStore | None = None,
    **which: Any,
) -> Exported:
    """Write training data of calls and of what was said of them. The store must keep content.

    "sft" and "openai-sft" learn corrections, and the answers that were found good; "dpo" and
    "openai-dpo" pairs: a correction over the answer, a preferred answer over the other of the same
    prompt; "kto" single answers that were found good or bad. Of the same data the file is the same.

    Left out and counted: doubles, pairs that contradict each other, answers whose judges disagree,
    pairs without a difference, what is held out, what has no prompt that ends with the user, talks
    with tools (no format here can say their calls), and content that was cut.
    The store remembers the file: `exports()` tells when calls in it are forgotten.

    Args:
        format: "sft", "dpo" and "kto" as TRL reads them, "openai-sft" and "openai-dpo".
        out: the file; one that is there is replaced once all is written.
        metric: the feedback that says whether an answer is good.
        good: whether a value of it is: by default numbers above 0 are. None: it does not say.
        prompt: makes of a call's inputs a text or messages, None for none. By default `messages`,
            else `prompt`, else the only text.
        held_out: cases that evaluations are judged by, for instance a version of a dataset: no row
            is from a call they are from, or has their prompt, whatever its case, spaces, and the
            personal data in it.
        redact: whether to replace personal data and secrets.
        since: when the calls started at the earliest.
        store: the record store; by default the one that is configured.
        **which: as of `RecordStore.calls`: name, status, subject, where …

    Raises:
        ConfigurationError: for a format that there is not, or without a store.
    """
    if format not in FORMATS:
        known = ", ".join(map(repr, FORMATS))
        raise ConfigurationError(f"feedback.export({format!r}): use one of {known}")
    if isinstance(held_out, str):
        raise ConfigurationError(
            f"feedback.export(held_out={held_out!r}): must be cases, such as "
            'Dataset.open("golden").at("v3")'
        )
    source = store or store_for("feedback.export")
    left_out: Counter[str] = Counter()
    redaction = Redaction("redacted", limit=_LIMIT) if redact else None
    gathered = _Gathering(source, prompt, (metric, good), left_out)
    rows = [
        row for call in calls_in_pieces(source, since, which) for row in gathered.rows(format, call)
    ]
    kept = _not_held_out(rows, HeldOut(held_out, prompt), left_out)
    if redaction is not None:
        kept = [row for one in kept if (row := _redacted(one, redaction, left_out)) is not None]
    kept = _without_conflicts(_without_doubles(kept, left_out), left_out)
    settings = {"format": format, "metric": metric, "redact": redact}
    replaced = 0 if redaction is None else redaction.replaced
    made = _write(Path(out), kept, settings, left_out, replaced)
    _note(source, made, kept, format)
    return made


def exports(store: RecordStore | None = None) -> list[ExportNote]:
    """The files that were exported from a store, and how much in each was forgotten since.

    Args:
        store: the record store; by default the one that is configured.

    Raises:
        ConfigurationError: without a store.
    """
    return (store or store_for("feedback.exports")).exports.all()


def _note(store: RecordStore, made: Exported, rows: list[Row], format: str) -> None:  # noqa: A002  as above
    now = clock.active().time()
    calls = dict.fromkeys(call_id for row in rows for call_id in row.call_ids)
    identifier, path = ids.as_text(ids.new(now)), str(made.path.absolute())
    note = ExportNote(identifier, path, format, made.sha256, now, len(calls), 0)
    store.exports.note(note, calls)


class _Gathering:
    """Makes rows of calls."""

    def __init__(
        self,
        store: RecordStore,
        prompt: Prompt,
        judging: tuple[str, Callable[[Any], bool | None]],
        left_out: Counter[str],
    ) -> None:
        self._store, self._prompt, self._judging = store, prompt, judging
        self._left_out = left_out

    def rows(self, format: str, call: StoredCall) -> Iterator[Row]:  # noqa: A002  as above
        """What a call gives in a format."""
        if not call.feedback or call.environment == "eval":
            return
        told = Told(call, *self._judging)
        wants = {"sft": bool(told.corrections) or told.verdict is True}
        wants["dpo"] = bool(told.corrections or told.worse)
        wants["kto"] = told.verdict is not None
        kind = format.removeprefix("openai-")
        if told.conflict and kind != "dpo" and not (kind == "sft" and told.corrections):
            self._left_out["judges_disagree"] += 1
            return
        if not wants[kind]:
            if told.unclear and kind != "dpo":
                self._no("judgement_says_nothing")
            return
        messages = self._messages(call)
        if messages is not None:
            yield from getattr(self, f"_{kind}")(call, told, messages)

    def _messages(self, call: StoredCall) -> list[Message] | None:
        reason = "no_prompt"
        if call.inputs is None:
            reason = "no_content"
        elif call.inputs_bytes is not None or call.output_bytes is not None:
            reason = "content_was_cut"
        elif (said := self._prompt(call.inputs)) is not None:
            messages = messages_of(said)
            if messages is not None:
                return messages
            reason = "tools" if with_tools(said) else reason
        self._no(reason)
        return None

    def _no(self, reason: str) -> None:
        self._left_out[reason] += 1

    def _sft(self, call: StoredCall, told: Told, messages: list[Message]) -> Iterator[Row]:
        answers: list[str | None] = [*told.corrections] or [text_of(call.output)]
        for answer in answers:
            if answer is None:
                self._no("no_answer")
            else:
                yield Row((call.id,), messages, answer, None)

    def _kto(self, call: StoredCall, told: Told, messages: list[Message]) -> Iterator[Row]:
        answer = text_of(call.output)
        if answer is None:
            self._no("no_answer")
        elif told.verdict:
            yield Row((call.id,), messages, answer, None)
        else:
            yield Row((call.id,), messages, None, answer)

    def _dpo(self, call: StoredCall, told: Told, messages: list[Message]) -> Iterator[Row]:
        answer = text_of(call.output)
        if answer is None:
            self._no("no_answer")
            return
        for correction in told.corrections:
            yield from self._pair((call.id,), messages, correction, answer)
        for worse in told.worse:
            other = self._store.get(worse)
            if other is None or other.inputs is None:
                self._no("other_call_missing")
            elif (theirs := self._messages(other)) is not None and theirs != messages:
                self._no("different_prompts")
            elif theirs is not None:
                yield from self._pair((call.id, worse), messages, answer, text_of(other.output))

    def _pair(
        self, ids: tuple[str, ...], messages: list[Message], good: str, bad: str | None
    ) -> Iterator[Row]:
        if bad is None:
            self._no("no_answer")
        elif good.split() == bad.split():
            self._no("no_difference")
        else:
            yield Row(ids, messages, good, bad)


def _not_held_out(rows: list[Row], held_out: HeldOut, left_out: Counter[str]) -> list[Row]:
    if not held_out:
        return rows
    kept = [row for row in rows if not held_out.has(row)]
    _count(left_out, "held_out", len(rows) - len(kept))
    return kept


def _without_doubles(rows: list[Row], left_out: Counter[str]) -> list[Row]:
    """Each row once, with all the calls it is from."""
    found: dict[str, Row] = {}
    for row in rows:
        key = digest_of([row.prompt, row.good, row.bad])
        first = found.get(key)
        ids = row.call_ids if first is None else tuple(dict.fromkeys(first.call_ids + row.call_ids))
        found[key] = replace(row if first is None else first, call_ids=ids)
    _count(left_out, "double", len(rows) - len(found))
    return list(found.values())


def _without_conflicts(rows: list[Row], left_out: Counter[str]) -> list[Row]:
    """Neither of two rows that say the opposite of the same answers."""
    keys = {digest_of([row.prompt, row.good, row.bad]) for row in rows}
    kept = [row for row in rows if digest_of([row.prompt, row.bad, row.good]) not in keys]
    _count(left_out, "conflict", len(rows) - len(kept))
    return kept


def _redacted(row: Row, redaction: Redaction, left_out: Counter[str]) -> Row | None:
    made: list[Any] = []
    for text in (row.good, row.bad, *(one["content"] for one in row.prompt)):
        redacted = redaction.apply(text)
        if redacted.dropped:
            left_out["redaction_failed"] += 1
            return None
        made.append(redacted.value)
    good, bad, *texts = made
    prompt = [{**one, "content": text} for one, text in zip(row.prompt, texts, strict=True)]
    return Row(row.call_ids, prompt, good, bad)


def _count(left_out: Counter[str], reason: str, number: int) -> None:
    if number:
        left_out[reason] += number


def _write(
    path: Path, rows: list[Row], settings: dict[str, Any], left_out: Counter[str], replaced: int
) -> Exported:
    make = FORMATS[settings["format"]]
    lines = [json.dumps(make(row), ensure_ascii=False) + "\n" for row in rows]
    content = "".join(lines).encode(errors="replace")
    manifest = path.with_name(path.name + ".manifest.json")
    bad = sum(row.good is None for row in rows)
    good = sum(row.bad is None for row in rows)
    digest = hashlib.sha256(content).hexdigest()
    said = {
        **settings,
        "rows": len(rows),
        "good": good,
        "bad": bad,
        "left_out": dict(sorted(left_out.items())),
        "replaced": replaced,
        "sha256": digest,
        "made_at": clock.active().time(),
        "calls": [list(row.call_ids) for row in rows],
    }
    _replace(path, content)
    _replace(manifest, (json.dumps(said, indent=1) + "\n").encode())
    return Exported(path, manifest, len(rows), dict(left_out), good, bad, replaced, digest)


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.replace(path)
