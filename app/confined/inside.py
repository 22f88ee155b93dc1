"""The half of the process that parses: it gives up everything first. Imports little, for it pays for that each time."""

import contextlib
import resource
from pathlib import Path


def confine(*, memory_bytes: int, cpu_seconds: int, threads: bool = False) -> None:
    """Give up what parsing does not need. Some systems know fewer limits; what they know is set."""
    limits = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_NOFILE: 3,  # stdin, stdout, stderr: nothing can be opened or connected from here on
    }
    if threads:
        del limits[resource.RLIMIT_NPROC]
    with contextlib.suppress(OSError):  # the kernel should take this process first when memory runs out
        Path("/proc/self/oom_score_adj").write_text("1000")
    for limit, value in limits.items():
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (value, value))
