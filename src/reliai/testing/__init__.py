"""What tests of guarded calls need: time that jumps, models and servers that fail as told.

Beside the house: it may import every floor below the command line, and only tests and the command
line import it. Names are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reliai.testing._cassette.block import cassette as cassette
    from reliai.testing._cassette.recorder import Cassette as Cassette
    from reliai.testing._cassette.stand_ins import RecordedError as RecordedError
    from reliai.testing._cassette.trouble import CassetteError as CassetteError
    from reliai.testing._cassette.trouble import CassetteMismatch as CassetteMismatch
    from reliai.testing._fault_server import FaultServer as FaultServer
    from reliai.testing._fault_server import ReceivedRequest as ReceivedRequest
    from reliai.testing._fault_server import fault_server as fault_server
    from reliai.testing._faults import Faults as Faults
    from reliai.testing._faults import Injected as Injected
    from reliai.testing._faults import faults as faults
    from reliai.testing._injection import InjectedFault as InjectedFault
    from reliai.testing._pytest_evals.going import Scoring as Scoring
    from reliai.testing._records import records as records
    from reliai.testing._script import Cut as Cut
    from reliai.testing._script import Filtered as Filtered
    from reliai.testing._script import Hang as Hang
    from reliai.testing._script import InStreamError as InStreamError
    from reliai.testing._script import Latency as Latency
    from reliai.testing._script import Malformed as Malformed
    from reliai.testing._script import Refusal as Refusal
    from reliai.testing._script import Refuse as Refuse
    from reliai.testing._script import Stall as Stall
    from reliai.testing._script import Status as Status
    from reliai.testing._script import Truncated as Truncated
    from reliai.testing._scripted import ScriptedCall as ScriptedCall
    from reliai.testing._scripted import ScriptedModel as ScriptedModel
    from reliai.testing._scripted import ScriptExhausted as ScriptExhausted
    from reliai.testing._sdk_answers import sdk_answer as sdk_answer
    from reliai.testing._sdk_answers import sdk_stream as sdk_stream
    from reliai.testing._virtual_clock import VirtualClock as VirtualClock
    from reliai.testing._virtual_clock import virtual_clock as virtual_clock

__all__ = [
    "Cassette",
    "CassetteError",
    "CassetteMismatch",
    "Cut",
    "FaultServer",
    "Faults",
    "Filtered",
    "Hang",
    "InStreamError",
    "Injected",
    "InjectedFault",
    "Latency",
    "Malformed",
    "ReceivedRequest",
    "RecordedError",
    "Refusal",
    "Refuse",
    "Scoring",
    "ScriptExhausted",
    "ScriptedCall",
    "ScriptedModel",
    "Stall",
    "Status",
    "Truncated",
    "VirtualClock",
    "cassette",
    "fault_server",
    "faults",
    "records",
    "sdk_answer",
    "sdk_stream",
    "virtual_clock",
]

_HOME = {
    "Cassette": "_cassette.recorder",
    "CassetteError": "_cassette.trouble",
    "CassetteMismatch": "_cassette.trouble",
    "cassette": "_cassette.block",
    "Cut": "_script",
    "FaultServer": "_fault_server",
    "Faults": "_faults",
    "Filtered": "_script",
    "Hang": "_script",
    "InStreamError": "_script",
    "Injected": "_faults",
    "InjectedFault": "_injection",
    "Latency": "_script",
    "Malformed": "_script",
    "ReceivedRequest": "_fault_server",
    "RecordedError": "_cassette.stand_ins",
    "Refusal": "_script",
    "Refuse": "_script",
    "Scoring": "_pytest_evals.going",
    "ScriptExhausted": "_scripted",
    "ScriptedCall": "_scripted",
    "ScriptedModel": "_scripted",
    "Stall": "_script",
    "Status": "_script",
    "Truncated": "_script",
    "VirtualClock": "_virtual_clock",
    "fault_server": "_fault_server",
    "faults": "_faults",
    "records": "_records",
    "sdk_answer": "_sdk_answers",
    "sdk_stream": "_sdk_answers",
    "virtual_clock": "_virtual_clock",
}


if not TYPE_CHECKING:  # a type checker shall miss a name that is not there

    def __getattr__(name: str) -> object:
        home = _HOME.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
        value.__module__ = __name__  # reprs and tracebacks show the public name
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return [*globals(), *__all__]
