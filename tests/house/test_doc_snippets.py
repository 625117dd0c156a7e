"""Every Python block of the README and of docs/ runs as it stands, and prints what its page says.

Each page runs in an interpreter of its own, where warnings are errors. Provider clients find a
local server through the environment variables a user would set.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from reliai.testing import fault_server
from tests.house import pages

if TYPE_CHECKING:
    from pathlib import Path


def run(page: Path, folder: Path, server: str) -> subprocess.CompletedProcess[str]:
    provider = {
        "OPENAI_API_KEY": "none",
        "OPENAI_BASE_URL": f"{server}/v1",
        "ANTHROPIC_API_KEY": "none",
        "ANTHROPIC_BASE_URL": server,
    }
    return subprocess.run(
        [sys.executable, "-W", "error", pages.__file__, str(page)],
        cwd=folder,
        env={**os.environ, **provider},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.name)
def test_the_code_of_the_page_runs(page: Path, tmp_path: Path) -> None:
    with fault_server() as server:
        done = run(page, tmp_path, server.url)
    assert done.returncode == 0, done.stderr


def test_a_page_that_prints_something_else_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n")
    done = run(page, tmp_path, "")
    assert done.returncode == 1
    assert "page.md, line 4 should print" in done.stderr


def test_every_page_but_the_index_and_the_glossary_has_code() -> None:
    without = {page.name for page in pages.PAGES if not pages.blocks(page)}
    assert without == {"index.md", "glossary.md"}
