"""Pictures as WhatsApp takes them: JPEG, or PNG where something shines through; upright, and without their metadata.

Runs only in the converting process (see media_child). Metadata goes because phones write into it where they were.
"""

import io
import math
from typing import Final

import pi_heif  # type: ignore[import-untyped]  # no stubs exist
from PIL import Image, ImageOps, MpoImagePlugin, TiffImagePlugin, WebPImagePlugin

from app.channels.media_recognise import NotConverted, Reason

_MOST_PIXELS: Final = 64_000_000  # a phone's largest picture has 50 million; at 4 bytes each 256 MB
# Beyond what WhatsApp shows; counted in pixels, because a long screenshot must stay readable.
_PHOTO_PIXELS: Final = 12_000_000
_GRAPHIC_PIXELS: Final = 4_000_000
_SMALLEST_SIDE: Final = 16
_LONGEST_SIDE: Final = 16_000  # JPEG ends at 65 535, phones before

# All readers now: files can no longer be opened when one is needed.
Image.preinit()
_READERS: Final = (MpoImagePlugin, TiffImagePlugin, WebPImagePlugin)
pi_heif.register_heif_opener(decode_threads=0, thumbnails=False, depth_images=False, aux_images=False)
Image.MAX_IMAGE_PIXELS = None  # ours is stricter and looked at before anything is unfolded


def convert(form: str, content: bytes, cap: int) -> tuple[str, bytes]:
    """The type and content of a picture of `cap` bytes at most. Raises NotConverted."""
    try:
        picture = _upright(_open(form, content))
        return _fitted(picture, cap)
    except NotConverted:
        raise
    except MemoryError:
        raise NotConverted(Reason.HUGE) from None
    except Exception:  # noqa: BLE001 decoders of broken files raise whatever they like
        raise NotConverted(Reason.DAMAGED) from None


def moves(form: str, content: bytes) -> bool:
    """More than one picture, one after the other. Raises NotConverted."""
    try:
        return int(getattr(_open(form, content), "n_frames", 1)) > 1
    except NotConverted:
        raise
    except Exception:  # noqa: BLE001 see convert
        raise NotConverted(Reason.DAMAGED) from None


def _open(form: str, content: bytes) -> Image.Image:
    # Phones write JPEGs with a second picture (MPO), which begin like others.
    picture = Image.open(io.BytesIO(content), formats=[form, "MPO"] if form == "JPEG" else [form])
    if picture.width * picture.height > _MOST_PIXELS:
        raise NotConverted(Reason.HUGE)
    if form == "TIFF" and getattr(picture, "n_frames", 1) > 1:
        raise NotConverted(Reason.PAGES)  # a scan of several pages, of which all but the first would be lost
    return picture


def _upright(picture: Image.Image) -> Image.Image:
    """Small enough to work with, turned as its metadata says, in colours of the screen."""
    scale = math.sqrt(_PHOTO_PIXELS / (picture.width * picture.height))
    if scale < 1 and picture.format in {"JPEG", "MPO"}:  # decoded at half or a quarter of the size
        picture.draft("RGB", (int(picture.width * scale), int(picture.height * scale)))
    see_through = _transparent(picture)
    colours = picture.info.get("icc_profile") if picture.mode in {"RGB", "RGBA"} else None
    picture = _scaled(
        picture.convert("RGBA" if see_through else "RGB"), _GRAPHIC_PIXELS if see_through else _PHOTO_PIXELS
    )
    turned = ImageOps.exif_transpose(picture)
    turned.info = {"icc_profile": colours} if colours else {}
    return turned


def _transparent(picture: Image.Image) -> bool:
    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        lowest, _ = picture.convert("RGBA").getchannel("A").getextrema()
        return lowest != 255
    return False


def _scaled(picture: Image.Image, most_pixels: int) -> Image.Image:
    scale = min(
        1.0,
        math.sqrt(most_pixels / (picture.width * picture.height)),
        _LONGEST_SIDE / max(picture.size),
    )
    if scale == 1.0:
        return picture
    size = (max(1, int(picture.width * scale)), max(1, int(picture.height * scale)))
    info, made = picture.getexif(), picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    made.getexif().update(info)
    return made


def _fitted(picture: Image.Image, cap: int) -> tuple[str, bytes]:
    """As sharp as fits."""
    while min(picture.size) >= 1:
        made = _written(picture)
        if len(made) <= cap:
            return ("image/png" if picture.mode == "RGBA" else "image/jpeg"), made
        if max(picture.size) <= _SMALLEST_SIDE:
            break
        smaller = max(0.25, min(0.9, math.sqrt(cap / len(made))))
        colours = picture.info.get("icc_profile")
        picture = _scaled(picture, int(picture.width * picture.height * smaller * smaller))
        picture.info = {"icc_profile": colours} if colours else {}
    raise NotConverted(Reason.HUGE)


def _written(picture: Image.Image) -> bytes:
    """Only pixels and what their colours mean."""
    made = io.BytesIO()
    colours = picture.info.get("icc_profile")
    if picture.mode == "RGBA":
        picture.save(made, "PNG", icc_profile=colours, exif=b"")
    else:
        picture.save(made, "JPEG", quality=88, icc_profile=colours, exif=b"")
    return made.getvalue()
