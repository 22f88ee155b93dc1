"""Becomes another program that ends with its parent: `python -I -S launcher.py PARENT_PID PROGRAM [ARGUMENT…]`.

Runs as a bare script before every local server, so it imports nothing but the standard library.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h; kept across execve

if __name__ == "__main__":
    parent = int(sys.argv[1])
    program = sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # the parent died before the request was in place
        sys.exit(1)
    os.execv(program[0], program)  # noqa: S606 - the program is the caller's, an argument list needs no shell
