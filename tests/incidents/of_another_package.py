"""A module as another package would have one."""

from __future__ import annotations

from tests.incidents.made import made

OTHER_1 = made("OTHER-1", title="of another package")
