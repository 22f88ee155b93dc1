"""The process that converts one file: `python -m app.channels.media_child TOOL FORM CAP`, bytes in, bytes out.

Decoders of strangers' files are a way in, and a picture of some kilobytes can unfold into gigabytes, so this process
has nothing: no environment, no key, no files or sockets beyond the three it was born with, bounded memory and time.
The first line of its answer is the new type, or "!" and the reason why there is none.
"""

import contextlib
import resource
import sys
from pathlib import Path

from app.channels.media_recognise import NotConverted, Reason, Source

MEMORY_BYTES = 1024 * 1024 * 1024  # of address space, libraries included
CPU_SECONDS = 30  # above the wall time that the parent waits: ends a process whose parent died


def confine(*, threads: bool = False) -> None:
    """Give up what converting does not need. Some systems know fewer limits; what they know is set."""
    limits = {
        resource.RLIMIT_AS: MEMORY_BYTES,
        resource.RLIMIT_CPU: CPU_SECONDS,
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


def convert(source: Source, content: bytes, cap: int) -> tuple[str, bytes]:
    """The new type and content, of `cap` bytes at most. Raises NotConverted."""
    # Each kind of file loads only its own libraries, and all of them before files are given up.
    if source.tool == "stream":
        from app.channels import media_stream  # noqa: PLC0415

        confine()
        return media_stream.convert(source.form, content, cap)
    from app.channels import media_picture  # noqa: PLC0415

    if source.form != "GIF":
        confine(threads=source.form == "HEIF")  # libde265 unfolds in threads or not at all
        return media_picture.convert(source.form, content, cap)
    from app.channels import media_stream  # noqa: PLC0415

    confine()
    if media_picture.moves(source.form, content):
        with contextlib.suppress(NotConverted):  # its first picture is better than nothing
            return media_stream.convert("gif", content, cap)
    return media_picture.convert(source.form, content, cap)


def main() -> None:
    """Answers always, unless a limit kills it."""
    source, cap = Source(sys.argv[1], sys.argv[2]), int(sys.argv[3])
    try:
        mime, made = convert(source, sys.stdin.buffer.read(), cap)
    except NotConverted as failed:
        mime, made = f"!{failed.reason}", b""
    except (MemoryError, RecursionError):
        mime, made = f"!{Reason.HUGE}", b""
    sys.stdout.buffer.write(mime.encode() + b"\n" + made)


if __name__ == "__main__":
    main()
