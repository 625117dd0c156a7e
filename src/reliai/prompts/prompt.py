"""`Prompt`: a text file as a program uses it, and each call to the end as it began."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from reliai.errors import ConfigurationError
from reliai.prompts._expected import Expected
from reliai.prompts._files import File, Snapshots
from reliai.prompts._keeping import Keeper
from reliai.prompts._noting import note, notes
from reliai.prompts._reading import checked_name, parsed

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable

    from reliai.prompts._keeping import Bundled, Serving
    from reliai.prompts.version import PromptVersion

__all__ = ["Prompt"]


class Prompt:
    """A prompt from a text file, which is looked at again from time to time.

    Made by `Prompt.load`. Inside a guarded call all that it gives is of one version, the one of
    its first use there, and that is on the record: as the event and as the value `prompt`.
    """

    def __init__(self, keeper: Keeper, expected: Expected) -> None:
        self.name = keeper.name
        self._keeper = keeper
        self._expected = expected

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        name: str | None = None,
        placeholders: Iterable[str] | None = None,
        check: Callable[[PromptVersion], object] | None = None,
        reload: float | None = 1.0,
        bundled: Bundled | None = None,
        snapshots: str | os.PathLike[str] | None = None,
    ) -> Prompt:
        """Read a prompt.

        Args:
            path: of the text file; a relative one is looked up from the working directory, now.
            name: for records; the file's name without its suffix when None.
            placeholders: those that the program gives values for; the file must have these and no
                others, at the start and whenever it changes. None: those that it turns out to give.
            check: a function of a version; False, a reason or an exception keeps it out.
            reload: seconds, from 0, between two looks at the file; the looks are a part of using
                the prompt, and a changed file serves from the second that finds it the same on.
                None: never.
            bundled: serves where the file cannot be used at the start: the path of a file that is
                delivered with the program, or a resource of `importlib.resources.files`.
            snapshots: a folder in which the last good version is kept for such starts; it goes
                before `bundled`. None: it is not kept.

        Raises:
            ConfigurationError: when there is no good version at all, or a setting is wrong.
        """
        _check_seconds(reload)
        named = checked_name(Path(path).stem if name is None else name)
        expected = Expected(placeholders, check)
        file = File(path)
        kept = None if snapshots is None else Snapshots(snapshots, named, file)
        keeper = Keeper(named, file, every=reload, expected=expected, snapshots=kept)
        keeper.begin(bundled)
        return cls(keeper, expected)

    @staticmethod
    def parse(text: str, *, name: str) -> PromptVersion:
        """A version of a prompt that is in no file, from what the file would say.

        Args:
            text: settings, if any, and text.
            name: for records.

        Raises:
            ConfigurationError: when something is wrong with it.
        """
        return parsed(text.encode(), checked_name(name), f"prompt {name}")

    @property
    def current(self) -> PromptVersion:
        """The version that serves: inside a guarded call the same from the first use on."""
        return self._serve().version

    def format(self, /, **values: Any) -> str:
        """The text with values in the places of the placeholders. On the current call's record.

        Args:
            **values: one for each placeholder: text, a number, a date, a UUID or a path.

        Raises:
            ConfigurationError: for a value that is missing, one without a placeholder, or one that
                can be written in more than one way, such as None or a list.
        """
        version = self._serve().version
        try:
            text = version.filled(values)
        except ConfigurationError:
            self._expected.given(values, fitted=False)
            raise
        self._expected.given(values, fitted=True)
        return text

    def refresh(self) -> bool:
        """Read the file now, however new it is; True when another version serves since.

        Raises:
            ConfigurationError: when the file is no good; the last good version goes on serving.
        """
        return self._keeper.refresh()

    @property
    def version(self) -> str:
        """The version as its author named it, or else the first 12 digits of the fingerprint."""
        return self.current.version

    @property
    def fingerprint(self) -> str:
        """Of the text, the model and the parameters; begins with "sha256:"."""
        return self.current.fingerprint

    @property
    def model(self) -> str | None:
        """The model to send it to; None where the file says nothing."""
        return self.current.model

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the request; a copy."""
        return self.current.parameters

    @property
    def placeholders(self) -> tuple[str, ...]:
        """Their names, each once, in the order of the text."""
        return self.current.placeholders

    @property
    def digest(self) -> str:
        """The fingerprint, under the name by which experiments know what a target depends on."""
        return self._keeper.serving.version.fingerprint

    @property
    def served(self) -> str:
        """Where it comes from: "file", "kept" (it broke since), "snapshot" or "bundled"."""
        return self._keeper.serving.source

    @property
    def problem(self) -> str | None:
        """What is wrong with the file as it is now, for a health page; None when nothing is."""
        return self._keeper.problem

    @property
    def age(self) -> float:
        """Seconds since the file last said what serves, for a gauge; 0 while it does."""
        return self._keeper.age

    def __repr__(self) -> str:
        version, source = self._keeper.serving
        return f"<Prompt {version.reference} from {self._keeper.file.shown} ({source})>"

    def _serve(self) -> Serving:
        used = notes()
        if used is None:
            self._keeper.look()
            return self._keeper.serving
        pinned: Serving | None = used.get(self)
        if pinned is not None:
            return pinned
        self._keeper.look()
        # Two threads of one call may come here at once: what the first one put there stays.
        first: Serving = used.setdefault(self, self._keeper.serving)
        note(first.version, first.source)
        return first


def _check_seconds(reload: Any) -> None:
    number = isinstance(reload, int | float) and not isinstance(reload, bool)
    if reload is None or (number and 0 <= reload < float("inf")):
        return
    message = f"reload={reload!r}: give seconds from 0, or None to read the file only once"
    raise ConfigurationError(message)
