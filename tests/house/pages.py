"""The Python blocks of the README and the documentation pages, and a script that runs a page's.

    python tests/house/pages.py docs/index.md

The blocks of a page share one namespace, from top to bottom. A ```text block right after a Python
block is what that prints.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
import types
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A Python block: its code, the line it starts at, and what it should print."""

    code: str
    line: int
    prints: str | None


def blocks(page: Path) -> list[Block]:
    """All Python blocks of a page."""
    text = page.read_text()
    found = list(_FENCE.finditer(text))
    python = []
    for fence, following in zip(found, [*found[1:], None], strict=False):
        if fence[1] != "python":
            continue
        prints = None
        if following and following[1] == "text":
            between = text[fence.end() : following.start()]
            prints = None if between.strip() else following[2]
        line = text.count("\n", 0, fence.start(2)) + 1
        python.append(Block(fence[2], line, prints))
    return python


def run(page: Path) -> None:
    """Run the blocks of a page as one script; tracebacks show the lines of the page."""
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    for block in blocks(page):
        code = compile("\n" * (block.line - 1) + block.code, page, "exec", dont_inherit=True)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, vars(module))  # noqa: S102  our own pages
        if block.prints is not None and printed.getvalue() != block.prints:
            sys.exit(
                f"{page.name}, line {block.line} should print\n{block.prints}\n"
                f"and printed\n{printed.getvalue()}"
            )


if __name__ == "__main__":
    run(Path(sys.argv[1]))
