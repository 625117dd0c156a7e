"""The whole loop of a model in production, in one run on this machine: `python -m loop`."""
