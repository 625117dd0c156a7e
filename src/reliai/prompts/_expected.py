"""What a program expects of each version of a prompt: one that it cannot use never serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reliai.errors import ConfigurationError
from reliai.prompts._template import braces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from reliai.prompts.version import PromptVersion

__all__ = ["Expected"]


class Expected:
    """What is known of how the program uses the prompt.

    Args:
        placeholders: those that it gives values for; None: as it turns out.
        check: a function of a version; False, a reason or an exception keeps it out.

    Raises:
        ConfigurationError: for a text in place of the names.
    """

    def __init__(
        self,
        placeholders: Iterable[str] | None,
        check: Callable[[PromptVersion], object] | None,
    ) -> None:
        if isinstance(placeholders, str):
            message = f"placeholders={placeholders!r}: give a list of names"
            raise ConfigurationError(message)
        self._names = None if placeholders is None else frozenset(placeholders)
        self._proven = placeholders is not None
        self._check = check

    def given(self, values: Mapping[str, object], *, fitted: bool) -> None:
        """Learn from a use of the prompt; from one that did not fit only while none did."""
        if not self._proven:
            self._names, self._proven = frozenset(values), fitted

    def check(self, version: PromptVersion, where: str) -> None:
        """Refuse a version that the program cannot use.

        Raises:
            ConfigurationError: saying why.
        """
        names = self._names
        if names is not None and names != frozenset(version.placeholders):
            message = (
                f"{where}: its placeholders are {braces(version.placeholders)}, and the program "
                f"gives values for {braces(sorted(names))}"
            )
            raise ConfigurationError(message)
        if self._check is None:
            return
        try:
            said = self._check(version)
        except Exception as error:
            message = f"{where}: the check failed with {type(error).__name__}"
            raise ConfigurationError(message) from error
        if said is not None and said is not True:
            reason = said if isinstance(said, str) else "the check says no"
            raise ConfigurationError(f"{where}: {reason}")
