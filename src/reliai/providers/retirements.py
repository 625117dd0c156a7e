"""When models are retired: as the user says, or as installed packages know; never by the network.

No date is reliai's own. Two packages bring some, and are read without being imported: the SDK of
Anthropic (`DEPRECATED_MODELS`, which its client warns by) and LiteLLM (`deprecation_date` in its
table of models, of whatever provider). Providers also tell by mail, on their pages and in the list
of models they give; what is known from there is written into a file.
"""

from __future__ import annotations

import ast
import json
import re
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from reliai import clock
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["AHEAD", "Retirement", "installed_retirements", "read_retirements", "retiring"]

AHEAD: Final = 60
"""Days before it that a retirement is told: the shortest notice that larger providers give."""

_ANTHROPIC: Final = ("anthropic", "resources/messages/messages.py", "DEPRECATED_MODELS")
_LITELLM: Final = ("litellm", "model_prices_and_context_window_backup.json")
_DATE_FIELDS: Final = ("date", "retires", "shutdown_date", "deprecation_date")
_SUFFIX: Final = re.compile(r"(?<=\d)(st|nd|rd|th)\b")
_NAME: Final = re.compile(r"(?=.*\d)\S{4,}")
"""What may be a model's name: a table also has words such as "ada", which any program may have."""


class Retirement(NamedTuple):
    """When a model stops answering.

    Attributes:
        model: its name, as the source has it.
        on: the day.
        source: who says so.
        replacement: what is to be used in its place; None where the source does not tell.
    """

    model: str
    on: date
    source: str
    replacement: str | None = None

    def told(self, today: date) -> str:
        """The fact in a sentence, for a day."""
        days = (self.on - today).days
        when = f"is retired on {self.on} (in {_days(days)})"
        if days <= 0:
            when = f"was to be retired on {self.on}"
        instead = f"; use {self.replacement!r}" if self.replacement else ""
        return f"the model {self.model!r} {when}, says {self.source}{instead}"


def retiring(
    models: Iterable[str],
    known: Mapping[str, Retirement],
    *,
    today: date | None = None,
    within: int = AHEAD,
) -> list[Retirement]:
    """Which of the models are retired soon, or are already; the soonest first.

    Args:
        models: names as a program has them; "provider:name" and "provider/name" are understood.
        known: dates, by model.
        today: None for the day it is (UTC).
        within: days ahead (>= 0).
    """
    day = datetime.fromtimestamp(clock.active().time(), UTC).date() if today is None else today
    found = {
        known[name].model: known[name]
        for model in models
        for name in _names(model)
        if name in known and (known[name].on - day).days <= within
    }
    return sorted(found.values(), key=lambda each: (each.on, each.model))


def _names(model: str) -> Iterator[str]:
    """The name, and what is behind a provider's."""
    yield model
    for sign in ":/":
        provider, _, rest = model.partition(sign)
        if provider.isalpha() and _NAME.fullmatch(rest):
            yield rest


def read_retirements(path: str | os.PathLike[str]) -> dict[str, Retirement]:
    """Dates that somebody wrote down.

    Args:
        path: a JSON file, `{"model": "2027-01-31"}` or `{"model": {"date": "2027-01-31",
            "replacement": "another"}}`; or a list of models as OpenAI's `GET /v1/models` gives it
            (`{"data": [{"id": …, "shutdown_date": …}]}`), of which those without a date are left
            out.

    Raises:
        ConfigurationError: it cannot be read, or holds a date that is none.
    """
    where = f"retirement dates in {path}"
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{where}: {error}") from error
    if isinstance(content, dict) and isinstance(content.get("data"), list):
        listed = [each for each in content["data"] if isinstance(each, dict) and "id" in each]
        content = {str(each["id"]): each for each in listed if each.get("shutdown_date")}
    if not isinstance(content, dict):
        raise ConfigurationError(f'{where}: must be {{"model": "YYYY-MM-DD", …}}')
    source = Path(path).name
    return {
        model: _written(where, source, model, given)
        for model, given in cast("dict[str, Any]", content).items()
    }


def _written(where: str, source: str, model: str, given: Any) -> Retirement:
    fields: dict[str, Any] = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    text = next((fields[name] for name in _DATE_FIELDS if fields.get(name)), given)
    try:
        on = date.fromisoformat(cast("str", text))
    except (TypeError, ValueError):
        message = f"{where}: {model!r} has {text!r} for a date; write it as YYYY-MM-DD"
        raise ConfigurationError(message) from None
    instead = fields.get("replacement")
    return Retirement(model, on, source, None if instead is None else str(instead))


def installed_retirements() -> dict[str, Retirement]:
    """What installed packages know; the provider's own package goes before one that collects."""
    return {**_of_litellm(), **_of_anthropic()}


def _of_anthropic() -> dict[str, Retirement]:
    package, file, name = _ANTHROPIC
    text = _text_in(package, file)
    found: dict[str, Retirement] = {}
    for model, said in _literal(text, name).items() if text else ():
        try:
            on = datetime.strptime(_SUFFIX.sub("", str(said)), "%B %d, %Y").replace(tzinfo=UTC)
        except ValueError:
            continue
        found[model] = Retirement(model, on.date(), "the installed anthropic")
    return found


def _literal(text: str, name: str) -> dict[str, Any]:
    """The dictionary that a module assigns to a name; it is not run."""
    try:
        body = ast.parse(text).body
        for statement in body:
            targets: list[ast.expr] = []
            if isinstance(statement, ast.Assign):
                targets = statement.targets
            elif isinstance(statement, ast.AnnAssign):
                targets = [statement.target]
            if any(isinstance(each, ast.Name) and each.id == name for each in targets):
                value = ast.literal_eval(cast("Any", statement).value)
                return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    except (SyntaxError, ValueError):
        pass
    return {}


def _of_litellm() -> dict[str, Retirement]:
    text = _text_in(*_LITELLM)
    found: dict[str, Retirement] = {}
    try:
        table: Any = json.loads(text) if text else {}
    except ValueError:
        return found
    for model, facts in table.items() if isinstance(table, dict) else ():
        said = facts.get("deprecation_date") if isinstance(facts, dict) else None
        if said and _NAME.fullmatch(model):
            try:
                on = date.fromisoformat(said)
            except (TypeError, ValueError):
                continue
            provider = facts.get("litellm_provider")
            of = f" (for {provider})" if provider else ""
            found[model] = Retirement(model, on, f"the installed litellm{of}")
    return found


def _text_in(package: str, file: str) -> str | None:
    """A file of an installed package, which is not imported; None where there is none."""
    try:
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            return None
        return (Path(spec.origin).parent / file).read_text(encoding="utf-8")
    except (ImportError, OSError, ValueError):
        return None


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"
