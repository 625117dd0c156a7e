"""Where feedback goes: the record store of the process, and the observers that want to hear it."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from reliai._core.hub import hub
from reliai._core.settings import settings
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from reliai.records import RecordStore
    from reliai.records.revision import Revision

__all__ = ["store_for", "tell"]


def store_for(what: str) -> RecordStore:
    """The record store that is configured.

    Args:
        what: what needs it, for the message.

    Raises:
        ConfigurationError: when there is none.
    """
    if settings.named:
        # Of the floor above: the first call of a process does the same, and may not have come yet.
        import_module("reliai._configure").use_named()
    module: Any = sys.modules.get("reliai.records.store")
    if module is not None:
        for observer in settings.observers:
            if isinstance(observer, module.RecordStore):
                return cast("RecordStore", observer)
    message = (
        f"{what} needs a record store: reliai.configure(records=reliai.records.RecordStore("
        '"sqlite:///reliai.db")), or RELIAI_OBSERVERS=records:sqlite:///reliai.db'
    )
    raise ConfigurationError(message)


def tell(revision: Revision) -> None:
    """Show a revision to the observers that have `on_feedback`, each on its own worker."""
    observers: tuple[Any, ...] = settings.everyone()
    listening = [one for one in observers if callable(getattr(one, "on_feedback", None))]
    if listening:
        hub.put(listening, "on_feedback", (revision,))
