"""Texts that are asked for, written as the database keeps them: else they would not be found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, TypeDecorator, literal

if TYPE_CHECKING:
    from sqlalchemy import Dialect

__all__ = ["asked", "plain", "well_formed"]


def well_formed(text: str, *, nul: bool) -> str:
    """The text as a database takes it: without half a pair, and without NUL unless it takes it."""
    if not nul:
        text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text.encode(errors="replace").decode()


class _Kept(TypeDecorator[str]):
    """A text as the database that is asked keeps it."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else well_formed(value, nul=dialect.name == "sqlite")


def asked(value: Any) -> Any:
    """What a column of texts is compared with: the same, for all but odd texts."""
    if not isinstance(value, str) or value == well_formed(value, nul=False):
        return value
    return literal(value, _Kept())


def plain(value: Any) -> Any:
    """A text, or several, as JSON and changes are kept in any database: without NUL too."""
    if isinstance(value, str):
        return well_formed(value, nul=False)
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    if isinstance(value, list | set | frozenset):
        return list(map(plain, value))
    return value
