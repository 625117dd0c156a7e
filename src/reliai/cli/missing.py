"""What to say when an optional dependency is not installed."""

from __future__ import annotations

__all__ = ["explain"]


_EXTRAS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "typer": "cli",
    "rich": "cli",
    "sqlalchemy": "records",
    "alembic": "records",
    "psycopg": "postgres",
    "pyarrow": "parquet",
    "starlette": "ui",
    "uvicorn": "ui",
}


def explain(error: ModuleNotFoundError, extra: str) -> str:
    """Say what is missing and how to get it.

    Args:
        error: what the import raised.
        extra: the extra of reliai that brings it, where the module's name does not tell.

    Raises:
        ModuleNotFoundError: the error itself, when a part of reliai is missing: that is a defect.
    """
    name = (error.name or "").partition(".")[0]
    if name in {"", "reliai"}:
        raise error
    wanted = extra if extra != "cli" and _EXTRAS.get(name) == "cli" else _EXTRAS.get(name, extra)
    return f'{name} is not installed; it comes with: pip install "reliai[{wanted}]"'
