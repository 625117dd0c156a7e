"""What all policies need that share through a state: which state, and under which name."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from reliai.errors import ConfigurationError
from reliai.state import configured_state, shared_state

if TYPE_CHECKING:
    from reliai._core.site import Site
    from reliai.state import State

__all__ = [
    "apart",
    "checked_name",
    "digest",
    "given_state",
    "name_at",
    "shown_state",
    "state_in_use",
]


def given_state(state: Any) -> State | None:
    """A policy's own state, from what it was given; None for the configured one.

    Raises:
        ConfigurationError: when that is no state.
    """
    return None if state is None else shared_state(state)


def apart() -> State:
    """What a policy that shares nothing is given, whatever is configured."""
    return shared_state("memory")


def state_in_use(given: State | None) -> State | None:
    """The state to share through now; None when this process is by itself."""
    state = given or configured_state()
    return state if state is not None and state.shared else None


def shown_state(given: State | None) -> str | None:
    """A policy's own state, as `describe()` shows it: no URL, which may hold a password."""
    return None if given is None else type(given).__name__


def checked_name(policy: str, name: Any) -> str | None:
    """A name to share under.

    Raises:
        ConfigurationError: when it is no text, or empty.
    """
    if name is None or (isinstance(name, str) and name):
        return name
    message = (
        f"{policy}(name={name!r}): must be a text that is not empty, or None for the name of the "
        "function"
    )
    raise ConfigurationError(message)


def name_at(site: Site, kind: type) -> str:
    """The name of a policy that was given none: its function's, with a number for a second one."""
    before = [
        each
        for each in site.outside()
        if isinstance(each, kind) and getattr(each, "name", None) is None
    ]
    return f"{site.name}#{len(before) + 1}" if before else site.name


def digest(key: object) -> str:
    """What stands for a key in the store: keys may be personal, so they stay in the process."""
    return hashlib.sha256(repr(key).encode("utf-8", "surrogatepass")).hexdigest()[:16]
