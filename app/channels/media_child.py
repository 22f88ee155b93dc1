"""The process that converts one file: `python -m app.channels.media_child TOOL FORM CAP`, bytes in, bytes out.

Decoders of strangers' files are a way in, and a picture of some kilobytes can unfold into gigabytes, so this process
has nothing: no environment, no key, no files or sockets beyond the three it was born with, bounded memory and time.
The first line of its answer is the new type, or "!" and the reason why there is none.
"""

import contextlib
import sys

from app.channels.media_recognise import NotConverted, Reason, Source
from app.confined import inside

MEMORY_BYTES = 1024 * 1024 * 1024  # of address space, libraries included
CPU_SECONDS = 30  # above the wall time that the parent waits: ends a process whose parent died


def confine(*, threads: bool = False) -> None:
    """No more than converting needs."""
    inside.confine(memory_bytes=MEMORY_BYTES, cpu_seconds=CPU_SECONDS, threads=threads)


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
