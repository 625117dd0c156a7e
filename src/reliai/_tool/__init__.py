"""`tool`: a function that a model may call, with its arguments held to its annotations.

Floor 4: imports the pipeline's floors.
"""

from reliai._tool.decorator import tool

__all__ = ["tool"]
