"""What several processes share.

Memory for one process, SQLite for those of a host, Redis or PostgreSQL for many hosts. Floor 2.
Imports only the floors below; redis-py and psycopg are imported when such a state is opened. No
policy knows which backend it works with.
"""

from reliai.state.base import Count, Counted, Entry, Exchanged, State, StateUnavailable, Taken
from reliai.state.opening import configured_state, open_state, shared_state

__all__ = [
    "Count",
    "Counted",
    "Entry",
    "Exchanged",
    "State",
    "StateUnavailable",
    "Taken",
    "configured_state",
    "open_state",
    "shared_state",
]
