"""The process and its machine: memory, CPU, limits of the container, open files."""

import os
import resource
import sys
import time
from pathlib import Path

import psutil

from app.telemetry.metrics import MEMORY, OPEN_FILES, WORKERS

_CGROUP = Path("/sys/fs/cgroup")
# A limit above this is "no limit" (cgroup v1 writes a number near 2^63).
_NO_LIMIT = 1 << 50


class SystemFigures:
    """Sampled at most every `every_s` seconds, whoever asks: psutil costs about 200 µs."""

    def __init__(self, *, every_s: float = 5.0) -> None:
        self._every_s = every_s
        self._process = psutil.Process()
        self._pid = os.getpid()
        self._at = 0.0
        self._figures: dict[str, object] = {}

    def read(self) -> dict[str, object]:
        """`memory`, `cpu`, `files` and `container` as JSON."""
        now = time.monotonic()
        if self._figures and now - self._at < self._every_s:
            return self._figures
        if self._pid != os.getpid():  # made before the fork
            self._process, self._pid = psutil.Process(), os.getpid()
        self._at, self._figures = now, self._sample()
        return self._figures

    def _sample(self) -> dict[str, object]:
        process = self._process
        memory = process.memory_info()
        files = process.num_fds()
        MEMORY.set(memory.rss)
        OPEN_FILES.set(files)
        WORKERS.set(1)
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        limit = memory_limit()
        used = _number(_CGROUP / "memory.current") or _number(_CGROUP / "memory/memory.usage_in_bytes")
        load = os.getloadavg()
        return {
            "process": {"pid": self._pid, "threads": process.num_threads(), "python": sys.version.split()[0]},
            "memory": {"rss_mb": _mb(memory.rss), "container_used_mb": _mb(used), "container_limit_mb": _mb(limit)},
            "cpu": {
                "process_percent": process.cpu_percent(),
                "container_limit": cpu_limit(),
                "machine_count": os.cpu_count(),
                "load_1m": round(load[0], 2),
            },
            "files": {"open": files, "limit": soft},
        }


def memory_limit() -> int | None:
    """Bytes the container may use; None without a limit (cgroup v2, then v1)."""
    limit = _number(_CGROUP / "memory.max") or _number(_CGROUP / "memory/memory.limit_in_bytes")
    return limit if limit and limit < _NO_LIMIT else None


def cpu_limit() -> float | None:
    """CPUs the container may use; None without a limit."""
    try:
        quota, period = (_CGROUP / "cpu.max").read_text().split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else round(int(quota) / int(period), 2)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _mb(size: int | None) -> float | None:
    return None if size is None else round(size / 2**20, 1)
