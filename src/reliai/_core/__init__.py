"""How one call runs: the engine behind every decorator. Floor 1.

May be imported by any floor above; imports only the ground floor and, for reading errors and
responses, `reliai.providers`. What users may rely on is handed on by `reliai` itself.
"""
