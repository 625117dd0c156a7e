"""Small applications for `reliai doctor` to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CLIENT = """\
import reliai
from openai import OpenAI

client = OpenAI(api_key="none", max_retries={retries}, timeout={timeout})
"""

GUARDED = """
@reliai.reliable({policies})
def answer(question: str) -> str:
    return client.responses.create(model="any", input=question{more}).output_text
"""


def application(
    folder: Path,
    body: str = GUARDED,
    *,
    policies: str = "reliai.Timeout(30), reliai.Retry(3), reliai.Timeout(10)",
    retries: int = 0,
    timeout: float = 5.0,
    more: str = "",
    name: str = "shop.py",
) -> str:
    """Write an application with an OpenAI client; gives the path as the doctor takes it."""
    head = CLIENT.format(retries=retries, timeout=timeout)
    text = head + body.replace("{policies}", policies).replace("{more}", more)
    path = folder / name
    path.write_text(text)
    return str(path)
