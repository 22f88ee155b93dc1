"""Sound and film as WhatsApp takes them: Opus in Ogg, which is a voice message there, or H.264 with AAC in MP4.

Runs only in the converting process (see media_child). One thread: the other cores belong to whoever answers webhooks.
"""

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final, cast

import av
import av.error
import av.subtitles.stream  # loaded when a file is first opened, when no file of ours can be any more
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from app.channels.media_recognise import NotConverted, Reason

_SPEECH_BITS: Final = 24_000  # of voice messages; 512 KB, up to which phones show a play button, hold 170 seconds
_SOUND_BITS: Final = 96_000
_MOST_SECONDS: Final = 600.0  # of film; beyond, 16 MB look bad and converting takes too long
_MOST_FRAMES_PER_SECOND: Final = 30
_SHORT_SIDE: Final = 720
_LONG_SIDE: Final = 1280
_MOST_PIXELS: Final = 4096 * 2304
_TICKS: Final = 90_000
_DAMAGED_PACKETS: Final = 20  # a recording may begin or end in the middle of something


def convert(form: str, content: bytes, cap: int) -> tuple[str, bytes]:
    """The type and content of what `form` (FFmpeg's name of a format) holds. Raises NotConverted."""
    try:
        # One format: others may read lists of further files.
        with av.open(io.BytesIO(content), "r", format=form) as source:
            film = next(
                (each for each in source.streams.video if not each.disposition & each.disposition.attached_pic), None
            )
            mime, made = ("video/mp4", _film(source, film, cap)) if film else ("audio/ogg", _speech(source))
    except NotConverted:
        raise
    except MemoryError:
        raise NotConverted(Reason.HUGE) from None
    except Exception:  # noqa: BLE001 decoders of broken files raise whatever they like
        raise NotConverted(Reason.DAMAGED) from None
    if len(made) > cap:
        raise NotConverted(Reason.LONG)
    return mime, made


def _decoded(source: InputContainer, *streams: Any) -> Iterator[AudioFrame | VideoFrame]:
    """What can be played; some damaged packets are left out."""
    damaged = 0
    for packet in source.demux(*streams):
        try:
            yield from cast("list[AudioFrame | VideoFrame]", packet.decode())
        except av.error.InvalidDataError:
            damaged += 1
            if damaged > _DAMAGED_PACKETS:
                raise


def _speech(source: InputContainer) -> bytes:
    if not source.streams.audio:
        raise NotConverted(Reason.DAMAGED)
    made = io.BytesIO()
    with av.open(made, "w", format="ogg") as target:
        voice = _Voice(target, "libopus", _SPEECH_BITS, "mono", {"application": "voip"})
        for frame in _decoded(source, source.streams.audio[0]):
            voice.take(cast("AudioFrame", frame))
        voice.end()
    if not voice.heard:
        raise NotConverted(Reason.DAMAGED)
    return made.getvalue()


class _Voice:
    """A track of sound that is encoded anew."""

    def __init__(
        self, target: OutputContainer, codec: str, bits: int, layout: str, options: dict[str, str] | None = None
    ) -> None:
        self._target = target
        self._stream = cast("AudioStream", target.add_stream(codec, rate=48_000, layout=layout, options=options or {}))
        self._stream.bit_rate = bits
        form = "fltp" if codec == "aac" else "s16"
        self._resampler = AudioResampler(format=form, layout=layout, rate=48_000)
        self.heard = 0

    def take(self, frame: AudioFrame | None) -> None:
        for part in self._resampler.resample(frame):
            # Counted anew from 0: recordings begin at any time, and gaps are not told.
            part.pts, part.time_base = self.heard, Fraction(1, 48_000)
            self.heard += part.samples
            self._target.mux(self._stream.encode(part))

    def end(self) -> None:
        if self.heard:
            self.take(None)
            self._target.mux(self._stream.encode(None))


def _film(source: InputContainer, film: VideoStream, cap: int) -> bytes:
    sound = source.streams.audio[0] if source.streams.audio else None
    if film.codec_context.width * film.codec_context.height > _MOST_PIXELS:
        raise NotConverted(Reason.HUGE)
    seconds = (source.duration or 0) / av.time_base
    if seconds > _MOST_SECONDS:
        raise NotConverted(Reason.LONG)
    if made := _repacked(source, film, sound, cap):
        return made
    return _encoded(source, film, sound, cap)


def _repacked(source: InputContainer, film: VideoStream, sound: AudioStream | None, cap: int) -> bytes | None:
    """The same pictures in another container, where only that is in the way: takes no time and loses nothing."""
    plays = film.codec_context.name == "h264" and film.codec_context.pix_fmt == "yuv420p"
    if not plays or (sound and sound.codec_context.name != "aac") or source.size > cap:
        return None
    made = io.BytesIO()
    with av.open(made, "w", format="mp4") as target:
        copies: dict[int, Any] = {film.index: target.add_stream_from_template(film)}
        if sound:
            copies[sound.index] = target.add_stream_from_template(sound)
        for packet in source.demux(*[each for each in (film, sound) if each]):
            if packet.dts is not None:
                packet.stream = copies[packet.stream.index]
                target.mux(packet)
    source.seek(0)
    return made.getvalue() if len(made.getvalue()) <= cap else None


def _encoded(source: InputContainer, film: VideoStream, sound: AudioStream | None, cap: int) -> bytes:
    film.thread_count = 1
    made = io.BytesIO()
    with av.open(made, "w", format="mp4") as target:
        pictures = _Pictures(target, film, _bits(source, cap))
        voice = _Voice(target, "aac", _SOUND_BITS, "stereo") if sound else None
        for frame in _decoded(source, *[each for each in (film, sound) if each]):
            if isinstance(frame, VideoFrame):
                pictures.take(frame)
            elif voice:
                voice.take(frame)
        pictures.end()
        if voice:
            voice.end()
    if not pictures.shown:
        raise NotConverted(Reason.DAMAGED)
    return made.getvalue()


def _bits(source: InputContainer, cap: int) -> int:
    """Bits a second that fit; browsers write recordings without their length, which then is taken as long."""
    seconds = (source.duration or 0) / av.time_base or _MOST_SECONDS / 4
    return max(100_000, min(2_000_000, int(cap * 8 * 0.9 / seconds) - _SOUND_BITS))


class _Pictures:
    """The track of pictures that is encoded anew: even sides, upright, at most 720p and 30 a second."""

    def __init__(self, target: OutputContainer, film: VideoStream, bits: int) -> None:
        self._target = target
        # Phones with Android show neither the High profile nor B-frames (Meta, supported media types).
        options = {"preset": "superfast", "crf": "26", "profile": "main", "bf": "0", "threads": "1"}
        options |= {"maxrate": str(bits), "bufsize": str(2 * bits)}
        self._stream = target.add_stream("libx264", rate=30, options=options)
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = Fraction(1, _TICKS)
        self._base = film.time_base or Fraction(1, _TICKS)
        self._first: Fraction | None = None
        self._turn: _Turn | None = None
        self._reformatter = VideoReformatter()
        self._size = (0, 0)
        self.shown = 0
        self._last = Fraction(-1)

    def take(self, frame: VideoFrame) -> None:
        at = self._time(frame)
        if at - self._last < Fraction(1, _MOST_FRAMES_PER_SECOND + 1):
            return
        if at > _MOST_SECONDS:  # a recording that does not say how long it is
            raise NotConverted(Reason.LONG)
        self._last = at
        if not self.shown:
            self._begin(frame)
        small = self._reformatter.reformat(frame, *self._size, format="yuv420p", threads=1)
        if self._turn:
            small = self._turn.turned(small)
        small.pts, small.time_base = int(at * _TICKS), Fraction(1, _TICKS)
        small.pict_type = 0  # else every key frame of the source becomes one here
        self._target.mux(self._stream.encode(small))
        self.shown += 1

    def _begin(self, frame: VideoFrame) -> None:
        scale = min(1.0, _SHORT_SIDE / min(frame.width, frame.height), _LONG_SIDE / max(frame.width, frame.height))
        width, height = (max(2, int(side * scale) // 2 * 2) for side in (frame.width, frame.height))
        self._size = (width, height)
        degrees = round(frame.rotation / 90) * 90 % 360
        if degrees:
            self._turn = _Turn(degrees, width, height)
        upright = (height, width) if degrees in {90, 270} else (width, height)
        self._stream.width, self._stream.height = upright

    def _time(self, frame: VideoFrame) -> Fraction:
        base = frame.time_base or self._base
        if frame.pts is None:
            return self._last + Fraction(1, _MOST_FRAMES_PER_SECOND)
        at = frame.pts * base
        if self._first is None:
            self._first = at
        return at - self._first

    def end(self) -> None:
        if self.shown:
            self._target.mux(self._stream.encode(None))


class _Turn:
    """Turns pictures; phones film sideways and write down how to hold it. `degrees` counter-clockwise."""

    _STEPS: Final = {90: ["2"], 180: ["1", "1"], 270: ["1"]}  # transpose: 1 = clockwise, 2 = counter-clockwise

    def __init__(self, degrees: int, width: int, height: int) -> None:
        self._graph = Graph()
        nodes: list[Any] = [
            self._graph.add_buffer(
                width=width, height=height, format=VideoFormat("yuv420p"), time_base=Fraction(1, _TICKS)
            )
        ]
        nodes += [self._graph.add("transpose", step) for step in self._STEPS[degrees]]
        nodes.append(self._graph.add("buffersink"))
        self._graph.link_nodes(*nodes).configure()

    def turned(self, picture: VideoFrame) -> VideoFrame:
        self._graph.push(picture)
        return cast("VideoFrame", self._graph.pull())
