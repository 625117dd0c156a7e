"""Measurements of reliai beside its peers; run from the project root."""
