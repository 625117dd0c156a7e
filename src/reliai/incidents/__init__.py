"""Failures that happened in production, replayed: what they do, and what reliai makes of them.

Each incident runs three times in virtual time: unguarded it must hurt, guarded it must be noticed
and contained, and on a healthy day of 100,000 calls nothing may be raised. Only the three together
are evidence. Beside the house: it may import every floor below the command line, and only the
command line and tests import it.
"""

from reliai.incidents.findings import PARTS, Finding, Part, PartName, Report
from reliai.incidents.load import Reply, offer
from reliai.incidents.registry import Incident, catalogue, find, incident
from reliai.incidents.runner import run_incident, run_part
from reliai.incidents.simulated import HttpError, Provider, Watch
from reliai.incidents.trial import Trial, percentile

__all__ = [
    "PARTS",
    "Finding",
    "HttpError",
    "Incident",
    "Part",
    "PartName",
    "Provider",
    "Reply",
    "Report",
    "Trial",
    "Watch",
    "catalogue",
    "find",
    "incident",
    "offer",
    "percentile",
    "run_incident",
    "run_part",
]
