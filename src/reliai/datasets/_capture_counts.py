"""What became of the calls that a capture has seen; nothing is left out uncounted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from reliai._core.delivery import complain
from reliai.datasets._capture_content import TooLarge, as_data
from reliai.datasets.case import MISSING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reliai.datasets._capture_content import Held, Scrubber
    from reliai.datasets._capture_selection import Selection

__all__ = ["Captured", "Tally"]


class Captured(NamedTuple):
    """What became of the calls that a capture has seen.

    Attributes:
        seen: calls that it looked at.
        held: cases that it holds, and that a day with too many may still push out.
        handed_over: cases that went to the dataset; those added to later count once.
        waiting: calls that wait for what is said of them.
        thinned: calls that a rule took and that went since the day had too many.
        late: cases that were made of what was said after the call.
        scrub_failed: calls dropped since scrubbing them failed.
        too_large: calls dropped since there is too much in them.
        without_content: calls that a rule took, and whose content was not there.
        feedback_without_record: what was said of calls that a rule waits for, and that were there
            no more.
        rule_failed: how often a rule raised.
        replaced: pieces of personal data and secrets that were replaced.
        taken_over: cases that processes which are gone have left in the spool.
    """

    seen: int = 0
    held: int = 0
    handed_over: int = 0
    waiting: int = 0
    thinned: int = 0
    late: int = 0
    scrub_failed: int = 0
    too_large: int = 0
    without_content: int = 0
    feedback_without_record: int = 0
    rule_failed: int = 0
    replaced: int = 0
    taken_over: int = 0


class Tally:
    """The counts under way."""

    def __init__(self) -> None:
        self.seen = self.handed_over = self.late = self.scrub_failed = self.too_large = 0
        self.thinned = self.without_content = self.feedback_without_record = 0
        self.rule_failed = self.replaced = 0

    def captured(self, selection: Selection | None, taken_over: int = 0) -> Captured:
        """The counts by now."""
        held = 0 if selection is None else selection.held
        waiting = 0 if selection is None else len(selection.waiting)
        return Captured(held=held, waiting=waiting, taken_over=taken_over, **vars(self))

    def scrubbed(
        self, capture: object, scrubber: Scrubber, inputs: Mapping[str, Any], output: Any
    ) -> Held | None:
        """The content of a call, scrubbed; None, and counted, when that fails."""
        try:
            held = scrubber.held(inputs, output)
        except TooLarge:
            self.too_large += 1
            return None
        except (Exception, SystemExit):  # noqa: BLE001  whatever it raises, nothing must pass
            self.scrub_failed += 1
            complain(capture, "could not scrub a call; such calls are dropped and counted")
            return None
        self.replaced += held.replaced
        return held

    def cleaned(self, capture: object, scrubber: Scrubber, value: Any, held: Held) -> Any:
        """What was said later of a call, with the tokens of the call; `MISSING` when that fails."""
        try:
            made, held.names, replaced = scrubber.clean(as_data(value), held.names)
        except (Exception, SystemExit):  # noqa: BLE001  the same
            self.scrub_failed += 1
            complain(capture, "could not scrub a correction; it is dropped and counted")
            return MISSING
        self.replaced += replaced
        return made
