"""Importing the application that `reliai doctor` is asked about."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reliai.errors import ConfigurationError, ReliaiWarning

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["Application", "Unreadable", "imported", "load"]

_ELSEWHERE = ("site-packages", "dist-packages")


class Unreadable(Exception):
    """The application cannot be imported; the message says why."""


@dataclass(frozen=True, slots=True)
class Application:
    """What was asked for.

    Attributes:
        modules: its modules: the one named, and those of the same folder that it imported.
        attribute: the one attribute to look at; None: everything.
        warnings: what reliai warned of while it was imported, with file and line.
    """

    modules: list[ModuleType]
    attribute: str | None
    warnings: list[tuple[str, str]]


def load(target: str) -> Application:
    """Import a module ("shop.answers"), an attribute of one ("shop.answers:ask") or a file.

    Raises:
        Unreadable: there is no such thing, or importing it fails.
    """
    module, attribute, said = imported(target)
    return Application(_family(module), attribute, said)


def imported(target: str) -> tuple[ModuleType, str | None, list[tuple[str, str]]]:
    """The module alone, the attribute that is named, and what reliai warned of meanwhile.

    Raises:
        Unreadable: as above.
    """
    name, _, attribute = target.partition(":")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ReliaiWarning)
        try:
            module = _from_file(Path(name)) if name.endswith(".py") else _from_name(name)
        except Unreadable:
            raise
        except ConfigurationError as error:
            raise Unreadable(f"{target} is set up in a way that cannot work: {error}") from error
        except (Exception, SystemExit) as error:
            raise Unreadable(f"importing {target} failed: {error!r}") from error
    if attribute and not hasattr(module, attribute.partition(".")[0]):
        raise Unreadable(f"{name} has no attribute {attribute!r}")
    said = [
        (str(each.message), f"{Path(each.filename).name}:{each.lineno}")
        for each in caught
        if issubclass(each.category, ReliaiWarning)
    ]
    return module, attribute or None, said


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise Unreadable(f"there is no file {path}")
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
    if spec is None or spec.loader is None:
        raise Unreadable(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _from_name(name: str) -> ModuleType:
    sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise Unreadable(
            f"there is no module {name!r}; give a module, module:attribute, or a file like app.py"
        ) from error


def _family(module: ModuleType) -> list[ModuleType]:
    """The module and what it imported from its own folder or below."""
    home = _folder(module)
    package = module.__name__.partition(".")[0]
    found = [module]
    for name, each in list(sys.modules.items()):
        if each is module:
            continue
        folder = _folder(each)
        related = name.partition(".")[0] == package or (
            home is not None and folder is not None and folder.is_relative_to(home)
        )
        if related and folder is not None and not set(folder.parts) & set(_ELSEWHERE):
            found.append(each)
    return found


def _folder(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return None if file is None else Path(file).resolve().parent
