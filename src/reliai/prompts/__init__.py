"""Prompts as data: text files with a version, a fingerprint and strict placeholders.

Floor 5, beside `datasets`: imports only the ground and `_core`. A prompt that is used inside a
guarded call is on that call's record.
"""

from __future__ import annotations

from reliai.prompts.prompt import Prompt
from reliai.prompts.version import PromptVersion

__all__ = ["Prompt", "PromptVersion"]
