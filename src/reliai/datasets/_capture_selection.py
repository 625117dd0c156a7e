"""What a capture decides: which rules a call matches, whether it is kept, what waits for feedback.

It is given the time and the scrubbed content, and knows neither threads nor datasets.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from reliai.datasets._capture_budget import Share
from reliai.datasets._capture_calls import chance_of
from reliai.datasets._capture_candidates import CORRECTION, Candidate
from reliai.datasets._capture_waiting import Waiting
from reliai.datasets.case import MISSING, Case
from reliai.datasets.failures import DatasetError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reliai.datasets._capture_calls import EndedCall, Said
    from reliai.datasets._capture_content import Held
    from reliai.datasets._capture_counts import Tally
    from reliai.datasets.rules import Judge, Rule

    Clean: TypeAlias = Callable[[Any, Held], Any]

__all__ = ["Selection"]

_MOST_PERIODS: Final = 1000
"""Hand-overs whose limits are remembered, for calls of their time that something is said of."""

_logger = logging.getLogger("reliai")


class Selection:
    """The calls of a day that are kept by now, and those that wait.

    Args:
        rules: in the order in which they go first.
        most: cases a day.
        salt: of the draws.
        waiting: seconds, calls and bytes that wait at most.
        answers: whether an output is what is expected.
        tally: where to count.
        judges: those of an earlier selection, with what they remember.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        most: int,
        salt: str,
        *,
        waiting: tuple[float, int, int],
        answers: bool,
        tally: Tally,
        judges: list[Judge | None] | None = None,
    ) -> None:
        self.rules = rules
        self._most = most
        self._salt = salt
        self._answers = answers
        self._tally = tally
        self._late = waiting[1] > 0 and any(rule.late is not None for rule in rules)
        self.judges = judges or [None if rule.start is None else rule.start() for rule in rules]
        self._failed: set[str] = set()
        self._again: dict[str, Candidate] = {}
        self._obsolete: list[tuple[str, str]] = []
        self._period = 0
        self._past: OrderedDict[int, list[float]] = OrderedDict()
        self.waiting = Waiting(*waiting)
        self._spent = 0
        self._share: Share[Candidate] = self._new_share()

    def begin_day(self) -> None:
        """A new day, with all of its cases to come; what was held goes on to the next."""
        carried = list(self._share)
        self._spent = 0
        self._share = self._new_share()
        for candidate in carried:
            self._offer(candidate)

    def _new_share(self) -> Share[Candidate]:
        return Share([rule.rate for rule in self.rules], max(0, self._most - self._spent))

    @property
    def held(self) -> int:
        """Cases to hand over, those included that have something new on them."""
        return len(self._share) + len(self._again)

    # --- calls ----------------------------------------------------------------------------------
    def look(
        self,
        call: EndedCall,
        now: float,
        said: Sequence[Said] | None = None,
        clean: Clean | None = None,
    ) -> None:
        """Look at a call that has ended.

        Args:
            call: the call.
            now: Unix seconds.
            said: all that was said of it, when that is known; None: it is still to come.
            clean: scrubs a correction.
        """
        self._tally.seen += 1
        told = [(each, self._waited_for(each)) for each in said or ()]
        judged = (self._says(judge, call, number) for number, judge in enumerate(self.judges))
        matches = {number for number, says in enumerate(judged) if says}
        matches.update(rule for _, rules in told for rule in rules)
        place = chance_of(call.id, self._salt)
        taken = any(place < self.rules[number].rate for number in matches)
        if not taken and (said is not None or not self._late):
            return
        held = call.held
        if held is None:
            return
        candidate = Candidate(call, held, place, sorted(matches), self._period)
        for each, rules in told:
            self._tell(candidate, each, rules, clean)
        self._offer(candidate)
        if said is None:
            self.waiting.put(candidate, now)

    def adopt(self, call: EndedCall, now: float) -> bool:
        """Have a call wait that ended long ago, for what is said of it now; say whether it does."""
        held = call.held
        if held is None:
            return False
        place = chance_of(call.id, self._salt)
        self.waiting.put(Candidate(call, held, place, (), self._period), now)
        return self.waiting.get(call.id, now) is not None

    def _says(self, judge: Judge | None, call: EndedCall, number: int) -> bool:
        if judge is None:
            return False
        try:
            return bool(judge(call))
        except Exception:  # noqa: BLE001  whatever a rule of the user's does, the next one is asked
            self._rule_failed(number)
            return False

    def _rule_failed(self, number: int) -> None:
        self._tally.rule_failed += 1
        name = self.rules[number].name
        if name not in self._failed:
            self._failed.add(name)
            _logger.warning("capture: rule %s raised; it takes nothing then, and is counted", name)

    def _offer(self, candidate: Candidate) -> bool:
        kept, gone = self._share.offer(candidate)
        taken = any(candidate.place < self.rules[number].rate for number in candidate.matches)
        self._tally.thinned += (taken and not kept) + (gone is not None)
        return kept

    # --- what is said -----------------------------------------------------------------------------
    def told(self, call_id: str, said: Said, now: float, clean: Clean) -> bool:
        """Take in what was said of a call.

        Args:
            call_id: of the call.
            said: what was said.
            now: Unix seconds.
            clean: scrubs a correction.

        Returns:
            False when a rule waits for just that, and the call is not there.
        """
        rules = self._waited_for(said)
        candidate = self._find(call_id, now)
        if candidate is None:
            return not rules
        if candidate.period != self._period:
            candidate.move_on(self._period, self._past_chance(candidate))
        if not self._tell(candidate, said, rules, clean):
            return True
        if candidate.fed is not None:
            self._again[call_id] = candidate
            return True
        was_there = self._share.withdraw(candidate)
        if candidate.matches and self._offer(candidate) and not was_there:
            self._tally.late += 1
        return True

    def _past_chance(self, candidate: Candidate) -> float:
        """The chance that it had when the cases of its time were handed over."""
        limits = self._past.get(candidate.period)
        return max((limits[rule] for rule in candidate.matches), default=0.0) if limits else 0.0

    @staticmethod
    def _tell(candidate: Candidate, said: Said, rules: Sequence[int], clean: Clean | None) -> bool:
        """Note what was said; say whether that makes a difference to the case."""
        new = candidate.tell(said, rules)
        if said.name != CORRECTION or clean is None:
            return new
        candidate.correction = clean(said.value, candidate.held)
        return new or candidate.correction is not MISSING

    def _waited_for(self, said: Said) -> list[int]:
        return [number for number, rule in enumerate(self.rules) if self._waits(number, rule, said)]

    def _waits(self, number: int, rule: Rule, said: Said) -> bool:
        try:
            return rule.late is not None and bool(rule.late(said))
        except Exception:  # noqa: BLE001  as above
            self._rule_failed(number)
            return False

    def _find(self, call_id: str, now: float) -> Candidate | None:
        found = self.waiting.get(call_id, now)
        if found is not None:
            return found
        return next((each for each in self._share if each.order == call_id), None)

    # --- cases ------------------------------------------------------------------------------------
    def cases(self) -> list[Case]:
        """The cases of what is kept, with the chances they have by now."""
        made = (self._case(each) for each in self._held())
        return [case for case in made if case is not None]

    def _held(self) -> list[Candidate]:
        fresh = sorted(self._share, key=lambda each: (each.at, each.order))
        return [*fresh, *self._again.values()]

    def hand_over(self) -> list[Case]:
        """The same, for the dataset; what comes next is counted apart."""
        cases: list[Case] = []
        for candidate in self._held():
            case = self._case(candidate)
            if case is None:
                self._tally.too_large += 1  # nested too deep for a dataset
                continue
            cases.append(case)
            if candidate.fed not in {None, case.key}:
                self._obsolete.append((str(candidate.fed), candidate.order))
            candidate.rule, candidate.chance = self._rule(candidate), case.inclusion_probability
            candidate.fed = case.key
        self._spent += len(self._share)
        self._tally.handed_over += len(self._share)
        self._begin_period()
        return cases

    def _begin_period(self) -> None:
        self._past[self._period] = self._share.limits
        if len(self._past) > _MOST_PERIODS:
            self._past.popitem(last=False)
        self._period += 1
        self._share, self._again = self._new_share(), {}

    def _rule(self, candidate: Candidate) -> int | None:
        return candidate.rule if candidate.fed else self._share.rule(candidate)

    def _case(self, candidate: Candidate) -> Case | None:
        chance = max(self._share.chance(candidate), candidate.chance or 0.0) or None
        rule = self._rule(candidate)
        try:
            case = candidate.case(self.rules, rule, chance, answers=self._answers)
            _ = case.digest
        except DatasetError:
            return None
        return case

    def take_obsolete(self) -> list[tuple[str, str]]:
        """Keys of cases handed over that a correction has made others of, each with its call."""
        obsolete, self._obsolete = self._obsolete, []
        return obsolete
