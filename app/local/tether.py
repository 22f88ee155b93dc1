"""Starts a program that ends with its starter, as another account if wanted. Run as a script of its own.

The kernel's parent-death signal is set between the change of account (which would clear it) and exec. A `preexec_fn`
could do the same, but forks a process with threads; this way the starter may have any number of them.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def tethered(
    command: list[str], *, farewell: signal.Signals, uid: int | None = None, gid: int | None = None
) -> list[str]:
    """The argument list that runs `command` so that it gets `farewell` when this thread's process dies.

    `uid` and `gid` drop root's rights first; both or neither.
    """
    account = "" if uid is None else f"{uid}:{gid}"
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(farewell)), account, *command]


def _main(starter: int, farewell: int, account: str, command: list[str]) -> None:
    if account:
        uid, gid = map(int, account.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, farewell, 0, 0, 0)
        if os.getppid() != starter:
            sys.exit("the starter is gone")  # it died before the tether held
    os.execv(command[0], command)  # noqa: S606 - exec is the purpose


if __name__ == "__main__":
    _main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
