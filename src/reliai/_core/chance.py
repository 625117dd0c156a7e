"""The source of chance for ids and waits: our own, so that a program's seeds stay its own."""

from __future__ import annotations

import os
from random import Random

__all__ = ["chance"]

chance = Random()
"""Taking from the global source would change what a program that seeds it computes."""

# A child that went on with its parent's numbers would draw the same ids and the same waits.
os.register_at_fork(after_in_child=chance.seed)
