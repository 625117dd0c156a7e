"""Between columns and the plain data of a pin. Needs numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reliai.errors import ConfigurationError
from reliai.evals._columns import NOT_ASKED, Columns, columns_of, columns_of_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reliai.evals.pins import Pin

__all__ = ["cases_of", "columns_of_pin", "manifest_of"]

_STATUSES: Final = ("ok", "error", "timeout")
_NOT_ASKED: Final = {"value": None, "unscored": min(NOT_ASKED)}


def manifest_of(run: Any, kept: tuple[str, ...]) -> dict[str, Any]:
    """What a run says of itself, of what may be committed."""
    columns = columns_of(run)
    manifest = {name: columns.manifest[name] for name in kept if name in columns.manifest}
    manifest.setdefault("id", columns.label)
    judges = {name: list(models) for name, models in columns.judges.items() if models}
    return {**manifest, "judges": judges} if judges else manifest


def cases_of(run: Any) -> tuple[dict[str, Any], ...]:
    """Each case with its tries, sorted by key."""
    columns = columns_of(run)
    made: list[dict[str, Any]] = [
        {"key": key, "digest": digest, "tries": []}
        for key, digest in zip(columns.keys, columns.digests, strict=True)
    ]
    for row, group in enumerate(columns.groups):
        if group is not None:
            made[row]["group"] = group
    for at, row in enumerate(columns.case.tolist()):
        made[row]["tries"].append(_try(columns, at))
    return tuple(sorted(made, key=lambda case: str(case["key"])))


def columns_of_pin(pin: Pin) -> Columns:
    """The columns of what was pinned."""
    scorers = tuple(pin.manifest.get("scorers") or {})
    return columns_of_lines(_lines(pin), pin.label, dict(pin.manifest), scorers)


def _try(columns: Columns, at: int) -> dict[str, Any]:
    failed, late = bool(columns.failed[at]), bool(columns.late[at])
    made: dict[str, Any] = {"s": round(float(columns.duration[at]), 6)}
    if failed:
        made["status"] = "timeout" if late else "error"
    for name, values in (
        ("usd", columns.cost),
        ("in", columns.tokens_in),
        ("out", columns.tokens_out),
    ):
        value = float(values[at])
        if value == value:  # noqa: PLR0124  NaN is unknown
            made[name] = value
    for name, column in columns.scores.items():
        value = float(column.value[at])
        if not column.asked[at]:
            made.setdefault("not_asked", []).append(name)
        else:
            made.setdefault("scores", {})[name] = value if value == value else None  # noqa: PLR0124
    return made


def _lines(pin: Pin) -> Iterator[dict[str, Any]]:
    for case in pin.cases:
        for number, each in enumerate(case["tries"], 1):
            try:
                yield _line(case, number, each)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise ConfigurationError(
                    f"{pin.source or 'the pin'}: cannot read case {case['key']!r}: {error}"
                ) from error


def _line(case: Mapping[str, Any], number: int, data: Mapping[str, Any]) -> dict[str, Any]:
    scores = {
        name: {"value": None, "unscored": "missing"} if value is None else {"value": float(value)}
        for name, value in (data.get("scores") or {}).items()
    }
    scores.update((name, _NOT_ASKED) for name in data.get("not_asked", ()))
    status = data.get("status", "ok")
    if status not in _STATUSES:
        raise ValueError(f"status {status!r}")
    return {
        "case": case["key"],
        "digest": case["digest"],
        "repeat": number,
        "status": status,
        "duration": float(data.get("s", 0.0)),
        "cost_usd": data.get("usd"),
        "input_tokens": data.get("in"),
        "output_tokens": data.get("out"),
        "group": case.get("group"),
        "scores": scores,
    }
