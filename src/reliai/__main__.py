"""`python -m reliai`."""

from __future__ import annotations

from reliai.cli import main

if __name__ == "__main__":
    main()
