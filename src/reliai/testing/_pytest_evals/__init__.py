"""`@pytest.mark.reliai`: cases of a dataset as test items, and a gate at the end of the session.

Loaded by the pytest plugin when a suite uses the marker, never before. Items run where pytest runs
them, in this process or in workers; what came of each travels on its last report to the process
that leads the session, which alone writes the run and judges it.
"""
