"""One run of several shards."""

from __future__ import annotations

import json
import shutil
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reliai import clock
from reliai.errors import ConfigurationError
from reliai.evals import _journal
from reliai.evals._running import CASES
from reliai.evals.run import Run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["merged"]

_SUMMED = (
    *("evaluated", "calls", "finished_cases", "lost_cases", "unpriced", "cached"),
    "judge_usd",
)


def merged(runs: Iterable[Run | Path | str], root: Path | str | None = None) -> Run:
    """See `run.merge`."""
    shards = [each if isinstance(each, Run) else Run.load(each) for each in runs]
    if not shards:
        raise ConfigurationError("merge([]): there is nothing to merge")
    _check_alike(shards)
    _check_apart(shards)
    first = shards[0]
    folder = first.path.parent if root is None else Path(root) / first.path.parent.name
    run_id = _journal.new_run_id()
    unfinished = folder / f".{run_id}"
    unfinished.mkdir(parents=True)
    try:
        for number, shard in enumerate(shards):
            _copy(shard, unfinished / f"trials-{number:04d}.jsonl")
        _copy_cases(shards, unfinished / CASES)
        _journal.write_manifest(unfinished, _manifest(run_id, shards))
        unfinished.replace(folder / run_id)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return Run(folder / run_id)


def _told(run: Run) -> dict[str, Any]:
    """What shards of one run have in common."""
    manifest = run.manifest
    return {
        "dataset": manifest.get("root"),
        "target": (manifest.get("target") or {}).get("fingerprint"),
        "scorers": manifest.get("scorers"),
        "settings": (manifest.get("identity") or {}).get("settings"),
        "selection": manifest.get("selection"),
    }


def _check_alike(shards: Sequence[Run]) -> None:
    first = _told(shards[0])
    for other in shards[1:]:
        for name, theirs in _told(other).items():
            ours = first[name]
            if theirs != ours:
                raise ConfigurationError(
                    f"merge: {shards[0].id} and {other.id} are of another {name}: {_short(ours)} "
                    f"and {_short(theirs)}"
                )


def _check_apart(shards: Sequence[Run]) -> None:
    """No case may be in two of them."""
    owner: dict[bytes, int] = {}
    for number, shard in enumerate(shards):
        for data in _journal.lines_of(shard.path):
            name = str(data["case"])
            key = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()
            other = owner.setdefault(key, number)
            if other != number:
                raise ConfigurationError(
                    f"merge: shards overlap: case {name!r} is in {shards[other].id} "
                    f"{_part(shards[other])} and in {shard.id} {_part(shard)}"
                )


def _copy(shard: Run, file: Path) -> None:
    """The trials with the scores that hold."""
    with file.open("w", encoding="utf-8", errors="surrogatepass") as opened:
        for data in shard.lines():
            opened.write(json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n")


def _copy_cases(shards: Sequence[Run], file: Path) -> None:
    kept = [path for shard in shards if (path := shard.path / CASES).is_file()]
    if len(kept) == len(shards):
        with file.open("wb") as opened:
            for path in kept:
                opened.write(path.read_bytes())


def _manifest(run_id: str, shards: Sequence[Run]) -> dict[str, Any]:
    manifests = [shard.manifest for shard in shards]
    made = dict(manifests[0])
    made.pop("scorings", None)
    whole, partial = _whole(manifests), [each.id for each in shards if each.state != "complete"]
    spent: list[Any] = [each.get("spent_usd") for each in manifests]
    lost, cases = _sum(manifests, "lost_cases"), _sum(manifests, "finished_cases")
    allowed = (made.get("settings") or {}).get("max_error_rate", 1.0)
    made.update(
        id=run_id,
        shard=None,
        merged=[each.id for each in shards],
        state="complete" if whole and not partial else "partial",
        stopped=next((each["stopped"] for each in manifests if each.get("stopped")), None),
        started_at=min(each.get("started_at") or 0.0 for each in manifests),
        ended_at=max(each.get("ended_at") or clock.active().time() for each in manifests),
        spent_usd=None if None in spent else sum(spent),
        over_error_rate=cases > 0 and lost > allowed * cases + 1e-9,
        **{name: _sum(manifests, name) for name in _SUMMED},
    )
    identity = dict(made.get("identity") or {})
    made["identity"] = {**identity, "shard": None}
    return made


def _whole(manifests: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all parts are there."""
    parts = [each.get("shard") for each in manifests]
    if any(part is None for part in parts):
        return True
    counts = {part[1] for part in parts if part is not None}
    numbers = {part[0] for part in parts if part is not None}
    return len(counts) == 1 and numbers == set(range(1, counts.pop() + 1))


def _sum(manifests: Sequence[Mapping[str, Any]], name: str) -> Any:
    return sum(each.get(name) or 0 for each in manifests)


def _part(shard: Run) -> str:
    part = shard.manifest.get("shard")
    return "(all of it)" if part is None else f"({part[0]}/{part[1]})"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 200 else f"{text[:200]}…"
