"""Checks: rules for one value, which Guard runs on arguments and Validate on answers."""

from reliai.checks.base import Check, CheckVerdict, Replace, check
from reliai.checks.schema import Schema
from reliai.checks.text import MaxLength, NotEmpty, Pattern
from reliai.checks.values import OneOf

__all__ = [
    "Check",
    "CheckVerdict",
    "MaxLength",
    "NotEmpty",
    "OneOf",
    "Pattern",
    "Replace",
    "Schema",
    "check",
]
