"""Files as recruiters attach them: pictures, sound and film of formats that WhatsApp takes and does not take."""

import base64
import io
import struct
import wave
from typing import Any

import av
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from PIL import Image

# A blue and a red half, 48 by 32, in the format of iPhones, which none of our packages writes.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA"
    "ACJpbG9jAAAAAERAAAEAAQAAAAABoQABAAAAAAAAACkAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRt"
    "AAAAAAABAAAA/WlwcnAAAADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMA"
    "AAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5j"
    "bHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAADAAAAABAAAAIAAAAAH////wAAAAAv///+AAAAACAAAAEHBp"
    "eGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAADFtZGF0AAAAJSgBr1j5Et3/5eLkdAZ/N4c71Z5p/C1rsJoWnjuT"
    "QbultD6uYsA="
)


def picture(form: str, *, mode: str = "RGB", size: tuple[int, int] = (120, 80), **more: Any) -> bytes:
    """Noise, so that it cannot be packed small; see-through where the mode can be."""
    image = Image.effect_noise(size, 80).convert(mode)
    if mode == "RGBA":
        image.putalpha(100)
    return written(image, form, **more)


def written(image: Image.Image, form: str, **more: Any) -> bytes:
    made = io.BytesIO()
    image.save(made, form, **more)
    return made.getvalue()


def moving_gif() -> bytes:
    first, *others = [Image.new("RGB", (101, 75), (shade * 20, 0, 0)) for shade in range(10)]
    return written(first, "GIF", save_all=True, append_images=others, duration=100)


def placed() -> bytes:
    """Metadata that says: turn me by 90 degrees, and I was taken here."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x8825] = {1: "N", 2: (52.0, 5.0, 0.0)}
    return exif.tobytes()


def wav(seconds: float = 1.0) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as track:
        track.setnchannels(2)
        track.setsampwidth(2)
        track.setframerate(44_100)
        track.writeframes(bytes(range(256)) * int(44_100 * 4 * seconds / 256))
    return made.getvalue()


def recorded(
    form: str, *, film: str = "", sound: str = "", frames: int = 30, size: tuple[int, int] = (160, 120)
) -> bytes:
    """A second, in FFmpeg's format `form`, with the tracks' encoders; half of the picture is red."""
    made = io.BytesIO()
    with av.open(made, "w", format=form) as target:
        tracks: list[tuple[Any, list[Any]]] = []
        if film:
            options = {"x265-params": "log-level=none"} if film == "libx265" else {}
            pictures: Any = target.add_stream(film, rate=30, options=options)
            pictures.width, pictures.height, pictures.pix_fmt = *size, "yuv420p"
            image = Image.new("RGB", size, (0, 0, 255))
            image.paste((255, 0, 0), (0, 0, size[0], size[1] // 2))
            tracks.append((pictures, [VideoFrame.from_image(image) for _ in range(frames)]))  # type: ignore[no-untyped-call]
        if sound:
            heard: Any = target.add_stream(sound, rate=48_000, layout="stereo", options={"strict": "experimental"})
            tracks.append((heard, [_sound(at, heard.format.name) for at in range(50)]))
        for track, parts in tracks:
            for part in [*parts, None]:
                target.mux(track.encode(part))
    return made.getvalue()


def _sound(at: int, form: str) -> AudioFrame:
    frame = AudioFrame(format=form, layout="stereo", samples=960)
    frame.sample_rate, frame.pts = 48_000, at * 960
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    return frame


def turned(film: bytes) -> bytes:
    """A film in MP4 or QuickTime that says: hold me turned by 90 degrees."""
    at = film.index(b"tkhd") + 4 + 40
    matrix = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 120 << 16, 0, 1 << 30)
    return film[:at] + matrix + film[at + len(matrix) :]
