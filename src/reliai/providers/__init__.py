"""Reading the errors and the answers of provider SDKs, none of which is ever imported.

Floor 1: imports only reliai.errors and reliai.clock.
"""

from reliai.providers.classify import classify
from reliai.providers.failure import Failure
from reliai.providers.traits import control_flow

__all__ = ["Failure", "classify", "control_flow"]
