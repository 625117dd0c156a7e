"""Run it: `python -m loop`, in the folder of the examples. Needs reliai[loop]."""

import tempfile
from pathlib import Path

from loop.story import tell

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        told = tell(Path(folder), lambda title, text: print(f"\n{title}\n\n{text}"))
    print(f"\n7. One of these calls: {told.call_id}\n")
    for stop in told.trail:
        print(f"{stop.step:<11} {stop.told}\n{'':<11}   ({stop.where})")
