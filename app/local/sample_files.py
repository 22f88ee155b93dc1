"""Small true files for a phone without a camera: a PDF with given text, a picture, a second of silence."""

import struct
import zlib


def sample_file(kind: str, text: str) -> tuple[bytes, str]:
    """Bytes and media type for a message of `kind` (voice, audio, image, sticker, document, video)."""
    if kind == "document":
        return pdf(text or "Curriculum vitae"), "application/pdf"
    if kind in {"image", "sticker"}:
        return png(), "image/png"
    if kind == "voice":
        return ogg_silence(), "audio/ogg; codecs=opus"
    if kind == "audio":
        return wav_silence(), "audio/wav"
    # A file-type box alone: enough to be recognised as MP4, nothing to play.
    return struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"isom", 0, b"isom", b"mp42"), "video/mp4"


def pdf(text: str) -> bytes:
    """One page; each line of `text` on its own line (Latin-1, what a standard PDF font can show)."""
    shown = [line.encode("latin-1", "replace").decode("latin-1") for line in text.splitlines() or [""]]
    escaped = [line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") for line in shown]
    lines = " T* ".join(f"({line}) Tj" for line in escaped)
    stream = f"BT /F1 12 Tf 14 TL 50 780 Td {lines} ET".encode("latin-1")
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        page + b" /Resources << /Font << /F1 4 0 R >> >> >>",
        font,
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
    ]
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return bytes(out + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))


def png() -> bytes:
    """One grey pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixel = zlib.compress(b"\x00\x80")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")


def wav_silence() -> bytes:
    """One second, 8 kHz, mono, 16 bit."""
    data = bytes(16000)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
    return b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVE" + form + b"data" + struct.pack("<I", len(data)) + data


def ogg_silence() -> bytes:
    """One second of Opus in Ogg, as WhatsApp's voice messages are (RFC 7845): 50 silent frames of 20 ms."""
    head = b"OpusHead" + struct.pack("<BBHIHB", 1, 1, 312, 48000, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 4) + b"twin" + struct.pack("<I", 0)
    frames = [b"\xf8\xff\xfe"] * 50
    pages = [_ogg_page([head], 0, granule=0, flags=2), _ogg_page([tags], 1, granule=0, flags=0)]
    return b"".join([*pages, _ogg_page(frames, 2, granule=50 * 960, flags=4)])


def _ogg_page(packets: list[bytes], sequence: int, *, granule: int, flags: int) -> bytes:
    """Packets shorter than 255 bytes: one lacing value each."""
    header = struct.pack("<4sBBqIII", b"OggS", 0, flags, granule, 1, sequence, 0)
    table = bytes([len(packets), *map(len, packets)])
    page = header + table + b"".join(packets)
    return page[:22] + struct.pack("<I", _ogg_crc(page)) + page[26:]


def _ogg_crc(data: bytes) -> int:
    """CRC-32 with polynomial 04C11DB7, unreflected, as Ogg defines it."""
    crc = 0
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1
            crc &= 0xFFFFFFFF
    return crc
