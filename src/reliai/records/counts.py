"""What a store says of itself: counts, losses, changes of what runs."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Change", "Counts", "Loss"]


class Counts(NamedTuple):
    """What became of the records that a store was given, in this process.

    Attributes:
        taken: records that the store was given.
        written: those that are in the database.
        dropped: those that were given up: the queue was full, the database refused them, or has a
            record with their id already.
        pending: those that wait to be written. `taken == written + dropped + pending`.
        redactions: pieces of personal data and secrets replaced in content before it was written.
        redaction_failures: inputs and outputs left out, because redacting them failed.
        contents_dropped: records whose content was left out, or a part of it: for that reason, or
            since there was more of it than may wait.
        duplicates: those of the dropped whose id was in the database already.
    """

    taken: int
    written: int
    dropped: int
    pending: int
    redactions: int = 0
    redaction_failures: int = 0
    contents_dropped: int = 0
    duplicates: int = 0


class Loss(NamedTuple):
    """A process that ended without closing its store.

    Attributes:
        epoch: the process's time with the store; on each of its records.
        host, process: which one it was.
        seen_at: when it wrote last; Unix seconds.
        written: records it had written by then.
        dropped: records it had given up by then.
        at_most: how many more records were lost at most: what its queues could hold.
    """

    epoch: str
    host: str
    process: int
    seen_at: float
    written: int
    dropped: int
    at_most: int


class Change(NamedTuple):
    """A change of what runs: of the policies, a model, a release, a prompt or an SDK.

    Attributes:
        at: when it was first seen; Unix seconds.
        kind: "policies" (fingerprint), "model_requested", "model_served", "prompt", "release" or
            "version" (of an SDK).
        name: the function, or the SDK; for "model_served" the function and the model asked for.
        before: what was seen last; None for the first time.
        after: what is new.
        service, environment: of the process that saw it.
    """

    at: float
    kind: str
    name: str
    before: str | None
    after: str
    service: str | None
    environment: str | None
