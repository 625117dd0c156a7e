"""What the process and the machine's GPUs use, read by psutil and nvidia-ml-py where they are.

No GPU, no driver, or neither package is no error: what cannot be known is not told.
"""

from __future__ import annotations

import time
from contextlib import suppress
from threading import RLock
from typing import TYPE_CHECKING, Any

from reliai._core.forking import renew_after_fork
from reliai._needs import needed
from reliai.errors import ConfigurationError
from reliai.telemetry._measurements import Measurement

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Resources"]


class Resources:
    """The use of processor, memory, threads, files and GPUs, looked at every so often.

    Args:
        every: seconds between two looks at least; who asks sooner gets the last one.
        required: whether psutil must be there.

    Raises:
        ConfigurationError: when it must and is not, or `every` is no number above 0.
    """

    def __init__(self, every: float = 5.0, *, required: bool = False) -> None:
        if not isinstance(every, int | float) or not every > 0:
            message = f"Resources(every={every!r}): must be a number of seconds above 0"
            raise ConfigurationError(message)
        self.every = every
        self._psutil = _psutil(required=required)
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = RLock()
        self._process: Any = None
        self._gpus: list[tuple[str, Any]] | None = None
        self._nvml: Any = None
        self._looked: float | None = None
        self._last: list[Measurement] = []

    def now(self) -> list[Measurement]:
        """What is used, as measurements of the name table; nothing that is not known."""
        with self._lock:
            moment = time.monotonic()
            if self._looked is None or moment - self._looked >= self.every:
                self._last = [*self._of_process(), *self._of_gpus()]
                self._looked = moment
            return list(self._last)

    def _of_process(self) -> Iterator[Measurement]:
        if self._psutil is None:
            return
        if self._process is None:
            self._process = self._psutil.Process()
            with suppress(Exception):
                self._process.cpu_percent()  # the first one has nothing to compare with
        process = self._process
        processors = self._psutil.cpu_count() or 1
        for key, ask in (
            ("process.cpu", lambda: process.cpu_percent() / 100 / processors),
            ("process.memory", lambda: process.memory_info().rss),
            ("process.threads", process.num_threads),
            ("process.files", getattr(process, "num_fds", None) or process.num_handles),
        ):
            with suppress(Exception):  # the system may forbid one of them
                yield Measurement(key, float(ask()), {})

    def _of_gpus(self) -> Iterator[Measurement]:
        if self._gpus is None:
            self._gpus = self._found_gpus()
        for device, handle in self._gpus:
            labels = {"device": device}
            with suppress(Exception):
                share = self._nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
                yield Measurement("gpu.utilization", share, labels)
            with suppress(Exception):
                used = self._nvml.nvmlDeviceGetMemoryInfo(handle).used
                yield Measurement("gpu.memory", float(used), labels)

    def _found_gpus(self) -> list[tuple[str, Any]]:
        try:
            self._nvml = driver = needed("pynvml", "resources", "what GPUs do")
            driver.nvmlInit()
            count = driver.nvmlDeviceGetCount()
            return [(str(n), driver.nvmlDeviceGetHandleByIndex(n)) for n in range(count)]
        except Exception:  # noqa: BLE001  no package, no driver, no GPU: nothing to tell
            return []


def _psutil(*, required: bool) -> Any:
    try:
        return needed("psutil", "resources", "what the process uses")
    except ConfigurationError:
        if required:
            raise
        return None
