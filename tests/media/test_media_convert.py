"""Recruiters' files become what WhatsApp takes, in a process of their own that strangers' files cannot abuse."""

import asyncio
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from app.channels.errors import Rejected, Retry
from app.channels.media import MediaFile, MediaTooLarge
from app.channels.media_convert import MediaConverter
from app.channels.media_types import CAPS, media_body
from app.local.sample_files import ogg_silence, pdf, png
from tests.media import recordings

ROOT = Path(__file__).parents[2]


async def fit(content: bytes, mime: str, converter: MediaConverter | None = None) -> MediaFile:
    file = MediaFile(content=content, mime=mime, sha256="", filename="from Rosa.bin")
    return await (converter or MediaConverter()).fit(file)


def shown(file: MediaFile) -> Image.Image:
    image = Image.open(io.BytesIO(file.content))
    image.load()
    assert image.get_format_mimetype() == file.mime
    return image


def played(file: MediaFile) -> dict[str, Any]:
    """What a player finds: codecs, channels, sides, seconds, and the first picture."""
    with av.open(io.BytesIO(file.content), "r") as source:
        found: dict[str, Any] = {"codecs": [each.codec_context.name for each in source.streams]}
        if source.streams.video:
            found["picture"] = next(source.decode(video=0)).to_image()  # type: ignore[no-untyped-call]
            source.seek(0)
        if source.streams.audio:
            frames = list(source.decode(audio=0))
            found["channels"] = frames[0].layout.nb_channels
            found["seconds"] = sum(frame.samples for frame in frames) / frames[0].sample_rate
    return found


@pytest.mark.parametrize(
    ("content", "mime"),
    [
        (png(), "image/png"),
        (recordings.picture("JPEG"), "image/jpeg"),
        (pdf("Contract"), "application/pdf"),
        (ogg_silence(), "audio/ogg"),
        (recordings.recorded("mp4", film="libx264", sound="aac"), "video/mp4"),
        (b"what no reader knows", "audio/mpeg"),
        (b"PK", "application/zip"),
        (recordings.picture("WEBP"), "application/pdf"),
    ],
)
async def test_what_whatsapp_takes_and_what_nobody_converts_stays_as_it_is(content: bytes, mime: str) -> None:
    file = MediaFile(content=content, mime=mime, sha256="", filename="a")
    assert await MediaConverter().fit(file) is file


@pytest.mark.parametrize("form", ["WEBP", "GIF", "BMP", "TIFF"])
async def test_pictures_become_jpeg(form: str) -> None:
    made = await fit(recordings.picture(form), f"image/{form.lower()}")
    assert (made.mime, made.filename) == ("image/jpeg", "from Rosa.jpg")
    assert shown(made).size == (120, 80)


async def test_a_picture_stands_upright_and_does_not_tell_where_it_was_taken() -> None:
    made = await fit(recordings.picture("WEBP", exif=recordings.placed()), "image/webp")
    assert shown(made).size == (80, 120)
    assert not shown(made).getexif()
    assert b"Exif" not in made.content


async def test_a_phones_heic_becomes_jpeg() -> None:
    made = await fit(recordings.HEIC, "image/heic")
    assert (made.mime, shown(made).size) == ("image/jpeg", (48, 32))
    colours = [shown(made).resize((2, 1)).getpixel((side, 0)) for side in (0, 1)]
    assert [max(colour) == colour[0] for colour in colours if isinstance(colour, tuple)] == [False, True]


async def test_a_picture_that_shines_through_becomes_png() -> None:
    made = await fit(recordings.picture("WEBP", mode="RGBA"), "image/webp")
    assert made.mime == "image/png"
    assert shown(made).mode == "RGBA"


async def test_a_picture_called_by_a_wrong_name_is_converted_by_what_it_is() -> None:
    assert (await fit(recordings.picture("WEBP"), "image/jpeg")).mime == "image/jpeg"
    assert shown(await fit(recordings.picture("WEBP"), "image/jpeg")).size == (120, 80)


async def test_large_pictures_are_made_smaller_until_they_fit() -> None:
    photo = recordings.picture("JPEG", size=(4200, 3200), quality=98, exif=recordings.placed())
    assert len(photo) > CAPS["image"]
    made = await fit(photo, "image/jpeg")
    assert len(made.content) <= CAPS["image"]
    width, height = shown(made).size
    assert 1500 < width < height


@pytest.mark.parametrize(
    ("content", "mime"),
    [
        (recordings.wav(), "audio/wav"),
        (recordings.recorded("webm", sound="libopus"), "audio/webm"),
        (recordings.recorded("webm", sound="libopus"), "video/webm"),  # how storage names a recorded voice
        (recordings.recorded("webm", sound="libopus"), "audio/ogg"),  # how some versions of Chatwoot name it
        (recordings.recorded("flac", sound="flac"), "audio/flac"),
        (recordings.recorded("ogg", sound="vorbis"), "audio/ogg"),
        (recordings.recorded("mp4", sound="libopus"), "audio/mp4"),
    ],
)
async def test_sound_becomes_a_voice_message(content: bytes, mime: str) -> None:
    made = await fit(content, mime)
    assert (made.mime, made.filename) == ("audio/ogg", "from Rosa.ogg")
    heard = played(made)
    assert (heard["codecs"], heard["channels"]) == (["opus"], 1)
    assert 0.9 < heard["seconds"] < 1.2
    assert media_body("1", made.mime) == {"type": "audio", "audio": {"id": "1", "voice": True}}


@pytest.mark.parametrize(
    ("form", "film", "sound", "mime"),
    [
        ("webm", "libvpx", "libopus", "video/webm"),
        ("mov", "libx265", "aac", "video/quicktime"),
        ("mov", "libx264", "aac", "video/quicktime"),
        ("mp4", "libx265", "aac", "video/mp4"),
        ("avi", "mpeg4", "mp3", "video/x-msvideo"),
    ],
)
async def test_film_becomes_mp4(form: str, film: str, sound: str, mime: str) -> None:
    made = await fit(recordings.recorded(form, film=film, sound=sound), mime)
    assert made.mime == "video/mp4"
    seen = played(made)
    assert seen["codecs"] == ["h264", "aac"]
    assert seen["picture"].size == (160, 120)
    assert 0.9 < seen["seconds"] < 1.2


async def test_a_film_is_turned_as_the_phone_was_held_and_made_smaller() -> None:
    film = recordings.turned(recordings.recorded("mov", film="libx265", size=(1920, 1080), frames=5))
    seen = played(await fit(film, "video/quicktime"))
    assert seen["picture"].size == (720, 1280)
    red, _, blue = seen["picture"].getpixel((700, 640))
    assert red > 200 > blue


async def test_a_moving_gif_becomes_a_film() -> None:
    made = await fit(recordings.moving_gif(), "image/gif")
    assert made.mime == "video/mp4"
    assert played(made)["picture"].size == (100, 74)


@pytest.mark.parametrize(
    ("content", "mime"),
    [
        (recordings.picture("WEBP")[:400], "image/webp"),
        (b"no picture", "image/webp"),
        (b"", "image/gif"),
        (recordings.recorded("webm", sound="libopus")[:150], "audio/webm"),
        (b"no sound", "audio/wav"),
        (recordings.recorded("mov", film="libx264")[:500], "video/quicktime"),
    ],
)
async def test_a_damaged_file_is_refused_with_what_would_be_taken(content: bytes, mime: str) -> None:
    with pytest.raises(
        Rejected, match=r"is damaged or of an unknown kind\. WhatsApp takes pictures \(JPEG, PNG\) up to"
    ):
        await fit(content, mime)


async def test_a_scan_of_several_pages_is_not_cut_down_to_its_first() -> None:
    page = Image.new("L", (50, 70))
    with pytest.raises(Rejected, match="several pages; WhatsApp takes scans as PDF"):
        await fit(recordings.written(page, "TIFF", save_all=True, append_images=[page]), "image/tiff")


@pytest.mark.parametrize(("form", "more"), [("GIF", {}), ("TIFF", {"compression": "tiff_adobe_deflate"})])
async def test_a_picture_that_would_unfold_to_gigabytes_is_refused(form: str, more: dict[str, str]) -> None:
    bomb = recordings.written(Image.new("L", (20_000, 20_000)), form, **more)
    assert len(bomb) < 2_000_000
    with pytest.raises(MediaTooLarge, match="too large to be converted"):
        await fit(bomb, f"image/{form.lower()}")


async def test_what_takes_too_long_is_given_up() -> None:
    with pytest.raises(MediaTooLarge, match="too long to be converted"):
        await fit(recordings.wav(600), "audio/wav", MediaConverter(seconds=0.05))


async def test_one_file_at_a_time_and_the_others_come_later() -> None:
    converter = MediaConverter(seconds=20, slot_seconds=0.05)
    long = asyncio.create_task(fit(recordings.wav(120), "audio/wav", converter))
    await asyncio.sleep(0)
    with pytest.raises(Retry, match="being converted"):
        await fit(recordings.wav(), "audio/wav", converter)
    assert (await long).mime == "audio/ogg"


def test_who_never_converts_loads_no_libraries() -> None:
    code = "import app.engine.lanes, sys; print(sorted({'av', 'PIL', 'pi_heif'} & set(sys.modules)))"
    made = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert made.stdout.strip() == "[]"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
@pytest.mark.parametrize(
    ("tool", "form", "content", "mime"),
    [
        ("picture", "HEIF", recordings.HEIC, b"image/jpeg"),
        ("picture", "GIF", recordings.moving_gif(), b"video/mp4"),
        ("stream", "matroska", recordings.recorded("webm", film="libvpx", sound="libopus"), b"video/mp4"),
        ("stream", "mov", recordings.turned(recordings.recorded("mov", film="libx265")), b"video/mp4"),
    ],
)
def test_limits_that_do_not_hold_for_root_leave_enough_to_work(
    tool: str, form: str, content: bytes, mime: bytes
) -> None:
    code = (
        "import os; from app.channels import media_child, media_picture, media_stream;"
        "os.setuid(65534); media_child.main()"
    )
    arguments = [sys.executable, "-c", code, tool, form, str(CAPS["video"])]
    made = subprocess.run(arguments, cwd=ROOT, input=content, capture_output=True, check=True)
    assert made.stdout.partition(b"\n")[0] == mime
