"""A fork waits for what other threads import: the child would wait for their locks for ever."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.programs import printed

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import os, sys, threading
sys.path.insert(0, sys.argv[1])
import reliai, reliai.telemetry
reliai.reliable(observers=[reliai.telemetry.Memory()])(lambda: "a")()
importing = threading.Thread(target=lambda: __import__("slow_module"))
importing.start()
while "slow_module" not in sys.modules:
    pass
if os.fork() == 0:
    import slow_module
    os._exit(slow_module.VALUE)
print(os.waitstatus_to_exitcode(os.wait()[1]))
importing.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_child_can_import_what_another_thread_was_importing(tmp_path: Path) -> None:
    (tmp_path / "slow_module.py").write_text("import time\ntime.sleep(0.1)\nVALUE = 5\n")
    assert printed(PROGRAM, tmp_path) == ["5"]
