"""What of IR-13 no virtual clock shows: ids over forked processes, and memory.

That a process ends while an exporter hangs is tested with the hub.
"""

from __future__ import annotations

import sys

import pytest

from tests.programs import printed


def test_ids_are_unique_over_eight_processes_forked_after_the_first_calls() -> None:
    lines = printed(
        """
        import os
        import reliai
        from reliai._core.hub import hub

        class Exporter:
            def __init__(self):
                self.ids = []
            def on_end(self, record):
                self.ids.append(record.id)

        exporter = Exporter()

        @reliai.reliable(observers=[exporter])
        def ask(question):
            return "answer"

        for number in range(50):
            ask(number)
        hub.flush(30)
        mine = list(exporter.ids)
        children = []
        for _ in range(8):
            reading, writing = os.pipe()
            child = os.fork()
            if not child:
                os.close(reading)
                exporter.ids.clear()
                for number in range(200):
                    ask(number)
                hub.flush(30)
                counts = hub.lane(exporter).counts
                with os.fdopen(writing, "w") as out:
                    out.write(f"{counts.exported} {counts.dropped} {' '.join(exporter.ids)}")
                os._exit(0)
            os.close(writing)
            children.append((child, reading))
        print(" ".join(mine))
        for child, reading in children:
            with os.fdopen(reading) as told:
                print(told.read())
            os.waitpid(child, 0)
        """
    )
    first, *others = lines
    ids = first.split()
    assert len(ids) == 50
    for each in others:
        exported, dropped, *of_child = each.split()
        assert (exported, dropped, len(of_child)) == ("200", "0", 200)
        ids += of_child
    assert len(others) == 8
    assert len(set(ids)) == len(ids) == 1_650


@pytest.mark.slow
def test_memory_does_not_grow_with_what_a_hanging_exporter_does_not_take() -> None:
    lines = printed(
        """
        import resource
        import time
        import reliai

        class Exporter:
            def on_end(self, record):
                time.sleep(1_000_000)

        reliai.configure(observers=[Exporter()])

        @reliai.reliable()
        def ask(question):
            return "answer"

        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        ask(0)
        before = peak()
        for number in range(120_000):
            ask(number)
        print(peak() - before)
        """
    )
    kilobytes = int(lines[0]) if sys.platform != "darwin" else int(lines[0]) // 1024
    assert kilobytes <= 64 * 1024
