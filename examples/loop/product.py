"""What the product sets up once: a store of its calls, cases of them, and people who review."""

from pathlib import Path
from typing import Any

import reliai
from reliai.datasets import Capture, Dataset, Version, on_feedback, uniform, when
from reliai.feedback import ReviewQueue
from reliai.records import RecordStore


class Product:
    """Everything that is kept lies in one folder; `calls.db` can be a PostgreSQL database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs = folder / "runs"
        self.state = f"sqlite:///{folder / 'state.db'}"  # shared by all processes that serve
        self.store = RecordStore(f"sqlite:///{folder / 'calls.db'}", content="full")
        # A fair sample of the traffic, which gates are judged on, and all of a canary: who gets it
        # is chance. And each call that a user says is wrong; these alone would be unfair to the
        # model that was complained of.
        self.sample = Dataset.open(str(folder / "datasets" / "sample"))
        self.complaints = Dataset.open(str(folder / "datasets" / "complaints"))
        self.queue = ReviewQueue("reviews", labels=["right", "wrong"], store=self.store)
        canary = when(lambda record: record.variant == "candidate", name="canary")
        settings: dict[str, Any] = {"only": "digits", "max_per_day": 10_000}
        captures = [
            Capture(self.sample, [canary, uniform(0.3)], **settings),
            Capture(self.complaints, [on_feedback("thumbs", 0)], **settings),
        ]
        reliai.configure(records=self.store, state=self.state, observers=captures)

    def commit(self, message: str) -> tuple[Version, Version]:
        """What was captured and said so far, as versions of the two datasets."""
        reliai.flush()
        return self.sample.commit(message), self.complaints.commit(message)

    def put_up_for_review(self, *versions: Version) -> int:
        """Have a person look at the calls that cases were made of; gives how many are new."""
        sources = (source for version in versions for case in version for source in case.sources)
        return self.queue.add(
            *(source.id for source in sources if source.kind == "call" and source.id)
        )

    def close(self) -> None:
        reliai.shutdown()
        self.store.close()
