"""A dataset: versions of cases in a folder, on a disk or behind any URL of fsspec. Floor 5."""

from __future__ import annotations

import os
import re
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol
from weakref import WeakSet

from reliai import clock
from reliai.datasets._commit import committed
from reliai.datasets._forgetting import forgotten_in
from reliai.datasets._manifest import newest_manifest, read_manifest
from reliai.datasets._merging import changes_of
from reliai.datasets._parts import Parts
from reliai.datasets._rows import key_hash, row_of
from reliai.datasets._staging import Added, Removed
from reliai.datasets._storage import storage_at
from reliai.datasets._tags import move_tag, read_tag, tags_of
from reliai.datasets._verify import verified
from reliai.datasets._whose import Whose
from reliai.datasets.case import CASE_FIELDS, Case, Source
from reliai.datasets.diff import Change, Diff, differences, different_fields
from reliai.datasets.failures import CaseNotFound, DatasetError, VersionNotFound
from reliai.datasets.version import Version, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from reliai.datasets._forgetting import Forgotten
    from reliai.datasets._staging import Operation
    from reliai.datasets._storage import Storage
    from reliai.datasets._verify import Verification
    from reliai.datasets.health import Health
    from reliai.records.store import RecordStore

__all__ = ["Dataset", "Feeder"]

_NUMBERED: Final = re.compile(r"v([1-9][0-9]{0,17})")


class Feeder(Protocol):
    """Somebody who holds cases until a dataset is committed, such as `Capture`."""

    def hand_over(self) -> list[Case]:
        """The cases it holds, which are the dataset's from now on."""
        ...


class Dataset:
    """A dataset; open one by `Dataset.open`. What was added is kept here until it is committed.

    Threads may add to it at once. Staged cases are in this object only: they end with it.
    """

    def __init__(self, storage: Storage) -> None:
        self._parts = Parts(storage)
        self._staged: deque[Operation] = deque()
        self._known = 0
        self._feeders: WeakSet[Feeder] = WeakSet()

    @classmethod
    def open(cls, name_or_url: str | os.PathLike[str], **options: Any) -> Dataset:
        """Open a dataset; it need not exist yet. Nothing is read or written.

        Args:
            name_or_url: a name (kept in `.reliai/datasets/NAME` of the working folder), a path (a
                text with a `/`, or any path object), or a URL of fsspec such as
                `s3://bucket/refunds`.
            options: of the filesystem, such as `endpoint_url`.

        Raises:
            DatasetError: when it is none of these.
        """
        where, at, version = os.fspath(name_or_url).rpartition("@")
        if at and "/" not in version:
            raise DatasetError(f"{name_or_url} is a version: say resolve(…), or open {where!r}")
        return cls(storage_at(name_or_url, options))

    @property
    def name(self) -> str:
        """The last part of where it is."""
        return name_of(self._parts.storage)

    @property
    def url(self) -> str:
        """Where it is: what `open` takes."""
        return self._parts.storage.url

    # --- changing it --------------------------------------------------------------------------

    def add(self, cases: Case | Iterable[Case], *, whole: bool = False) -> None:
        """Have cases in the next version.

        A case whose content is there already joins it: it gets the sources of both, and the newer
        tags and metadata. A case with the id of another takes its place and keeps its sources.

        Args:
            cases: one or several.
            whole: take a case as it is also where its content is there.

        Raises:
            DatasetError: when something in a case is no JSON data; then none of them is added.
        """
        given = [cases] if isinstance(cases, Case) else list(cases)
        for case in given:
            if not isinstance(case, Case):
                raise DatasetError(f"add takes cases, and not a {type(case).__name__}")
        self._staged.extend([Added(row_of(case), whole) for case in given])

    def remove(self, key: str) -> None:
        """Have no case with this id or digest in the next version.

        Raises:
            DatasetError: when there is none, neither in the newest version nor staged.
        """
        hashed = key_hash(key)
        waiting = tuple(self._staged)  # other threads add to it meanwhile
        staged = any(isinstance(each, Added) and each.row.hash == hashed for each in waiting)
        if not staged:
            latest = self.latest
            if latest is None or key not in latest:
                raise DatasetError(f"{self.name} has no case {key!r}")
            key = latest.case(key).key
        self._staged.append(Removed(key))

    def edit(self, key: str, **changes: Any) -> Case:
        """Have a case with some fields changed in the next version.

        A case without id is known by its content, so the edited one is a new case in its place,
        with the old one as its source; `diff` shows it as changed.

        Args:
            key: an id or digest of the newest version.
            changes: fields of `Case` and their new values.

        Returns:
            The case as it will be.

        Raises:
            DatasetError: when there is no such case, or a new value is wrong.
        """
        latest = self.latest
        if latest is None:
            raise CaseNotFound(f"{self.name} has no version yet, so no case {key!r}")
        unknown = sorted(set(changes) - CASE_FIELDS)
        if unknown or not changes:
            said = ", ".join(unknown) or "nothing"
            raise DatasetError(f"edit takes fields of a case, and {said} is none of them")
        old = latest.case(key)
        new = replace(old, **changes)
        if new.key != old.key:
            at = clock.active().time()
            source = Source(kind="case", id=old.key, at=at)
            new = replace(new, sources=(*new.sources, source))
            self._staged.append(Removed(old.key))
        self._staged.append(Added(row_of(new), whole=True))
        return new

    def merge(self, theirs: str | os.PathLike[str], *, base: str | Version | None = None) -> None:
        """Have in the next version what another branch of the project changed.

        For two branches that both committed: keep one file of the version, and merge the other.

        Args:
            theirs: the file of the version that is not kept; the parts of both must be here.
            base: the last version that both branches have; found by itself when the other branch
                committed once.

        Raises:
            DatasetError: when the file is no version, or its base is not here.
        """
        known = None if base is None else self._version(base)
        self._staged.extend(changes_of(self._parts, theirs, known))

    @property
    def staged(self) -> int:
        """How many additions and removals wait for a commit."""
        return len(self._staged)

    def discard(self) -> None:
        """Forget what was added and removed since the last commit."""
        self._staged.clear()

    def fed_by(self, feeder: Feeder) -> None:
        """Ask somebody, as long as it is there, for cases before each commit.

        Args:
            feeder: has `hand_over()`, which gives the cases it holds, and holds them no more.
        """
        self._feeders.add(feeder)

    def commit(self, message: str = "") -> Version:
        """Make a version of the newest one and what was added and removed.

        Returns when every reader sees it. Others may commit at the same time: whoever comes
        second goes on from the first one's version, so nothing is lost.

        Returns:
            The new version, or the newest one when nothing is changed.

        Raises:
            DatasetError: when nothing was ever added.
        """
        for feeder in list(self._feeders):
            self.add(feeder.hand_over())
        taken: list[Operation] = []
        while self._staged:
            taken.append(self._staged.popleft())
        try:
            made = committed(self._parts, taken, message, self._known)
        except BaseException:
            self._staged.extendleft(reversed(taken))
            raise
        if made is None:
            raise DatasetError(f"{self.name} has no version, and nothing to commit: add cases")
        self._known = made.version
        return Version(self._parts, made)

    def forget(
        self,
        *,
        calls: Iterable[str] = (),
        feedback: Iterable[str] = (),
        groups: Iterable[str] = (),
        keys: Iterable[str] = (),
        message: str = "forget",
    ) -> Forgotten:
        """Take cases out of all versions for good, those that came of some calls for instance.

        A version without them is committed, and in earlier ones their lines are emptied: these
        versions have fewer cases then and another root, and `verify` still proves what is left.
        Cases that others asked for too stay, without what is of these calls. It is not undone.

        Args:
            calls: ids of the calls that are to be forgotten.
            feedback: ids of calls of which only what was said is to be forgotten.
            groups: groups of cases, such as sessions of theirs alone.
            keys: ids or digests of cases.
            message: of the version without them.

        Returns:
            What was forgotten; true when it was anything.

        Raises:
            DatasetDamaged: when a file is not as it was written; then nothing is deleted.
            DatasetError: when others committed such cases meanwhile: forget them again.
        """
        for feeder in list(self._feeders):
            self.add(feeder.hand_over())
        given = [frozenset(some) for some in (calls, feedback, groups, keys)]
        return forgotten_in(self._parts, self._staged, Whose(*given), message)

    def tag(self, name: str, version: str | Version, *, move: bool = False) -> None:
        """Give a version a name, such as `golden`.

        Args:
            name: letters, digits, `.`, `_` and `-`; not like `v3`.
            version: or its name.
            move: let the tag leave another version that has it.

        Raises:
            DatasetError: when the name is none or is another version's.
        """
        move_tag(self._parts.storage, name, self._version(version), move=move)

    # --- reading it ---------------------------------------------------------------------------

    @property
    def latest(self) -> Version | None:
        """The newest version, or None."""
        found = newest_manifest(self._parts.storage, self._known)
        self._known = 0 if found is None else found.version
        return None if found is None else Version(self._parts, found)

    def at(self, name: str) -> Version:
        """A version by its name, its tag or its root.

        Args:
            name: `v3`, a tag, `latest`, or `sha256:` and at least 8 digits of a root.

        Raises:
            VersionNotFound: when there is none.
            DatasetError: when it is no text.
        """
        if not isinstance(name, str):
            raise DatasetError(f"a version is named by a text, and {name!r} is none")
        numbered = _NUMBERED.fullmatch(name)
        found = None
        if numbered:
            manifest = read_manifest(self._parts.storage, int(numbered[1]))
            found = None if manifest is None else Version(self._parts, manifest)
        elif name == "latest":
            found = self.latest
        elif name.startswith("sha256:"):
            found = self._with_root(name)
        else:
            tagged = read_tag(self._parts.storage, name)
            return self.at(tagged) if tagged else self._nothing(name)
        return self._nothing(name) if found is None else found  # one of no cases is false

    def _with_root(self, root: str) -> Version | None:
        if len(root) < len("sha256:") + 8:
            raise DatasetError(f"{root!r} is too short for a root: give 8 digits or more")
        for each in self.log():
            if each.root.startswith(root) or each.manifest.root.startswith(root):
                return each
        return None

    def _nothing(self, name: str) -> Version:
        latest = self.latest
        newest = "there is none yet" if latest is None else f"the newest is {latest.name}"
        tags = sorted(tags_of(self._parts.storage))
        tagged = f"; tags: {', '.join(tags)}" if tags else ""
        raise VersionNotFound(
            f"{self.name} at {self.url} has no version {name!r}: {newest}{tagged}"
        )

    def _version(self, version: str | Version) -> Version:
        return self.at(version) if isinstance(version, str) else version

    def log(self) -> Iterator[Version]:
        """The versions, the newest first; each is read when it is reached."""
        version = self.latest
        while version is not None:
            yield version
            version = None if version.parent is None else self.at(version.parent)

    def diff(self, before: str | Version | None, after: str | Version) -> Diff:
        """What is different between two versions.

        Args:
            before: a version or what `at` takes; None: nothing.
            after: the same.

        Raises:
            VersionNotFound: when there is no such version.
        """
        old = None if before is None else self._version(before)
        new = self._version(after)
        parts = () if old is None else old.manifest.parts
        added, removed, changed = differences(self._parts, parts, new.manifest.parts)
        changes = (
            Change(key=now.key, before=was, after=now, fields=different_fields(was, now))
            for was, now in changed
        )
        return Diff(
            before=None if old is None else old.name,
            after=new.name,
            added=tuple(added),
            removed=tuple(removed),
            changed=tuple(changes),
        )

    def verify(
        self, *, deep: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> Verification:
        """See whether every file is what was written.

        Args:
            deep: make every case's digest anew too, which finds what was written wrongly.
            progress: is told how many files of rows of how many are done.

        Returns:
            What was looked at and every problem, with the digests of damaged cases; true when there
            is none; `.require()` raises.
        """
        return verified(self._parts, deep=deep, progress=progress)

    @property
    def tags(self) -> dict[str, str]:
        """The names of versions by tag."""
        return tags_of(self._parts.storage)

    def health(self, store: RecordStore, **settings: Any) -> Health:
        """How the newest version compares with the calls of a store: coverage, drift, age.

        Args:
            store: of calls.
            **settings: as of `reliai.datasets.health_of`.

        Raises:
            DatasetError: when there is no version, or for a setting out of its range.
        """
        from reliai.datasets.health import health_of  # noqa: PLC0415  few ask for it

        latest = self.latest
        if latest is None:
            raise DatasetError(f"{self.name} has no version yet: commit its cases first")
        return health_of(latest, store, **settings)

    def __repr__(self) -> str:
        return f"<reliai Dataset {self.url}, {self.staged} staged>"

    def __reduce__(self) -> tuple[Any, ...]:
        if self._staged:
            raise DatasetError(f"{self.name} has {self.staged} staged changes: commit them first")
        return Dataset, (self._parts.storage,)
