"""Whether a finished video plays where people play it: its streams, and a real browser.

The browser is a Chromium without a window. It loads a page from a server on this machine, plays the
video without sound and reports what its decoder did.
"""

import json
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue

from av.video.stream import VideoStream

from speech2face.errors import MediaError
from speech2face.media.inputs import open_input
from speech2face.media.libav import demuxed
from speech2face.media.video.container import lengths
from speech2face.media.video.video import probe_video

_PAGE = """<!doctype html><video id="v" muted playsinline src="video.mp4"></video><script>
const v = document.getElementById("v");
const tell = (event) => {
  const q = v.getVideoPlaybackQuality();
  fetch("/told", {method: "POST", body: JSON.stringify({
    event, error: v.error ? v.error.message : "", width: v.videoWidth, height: v.videoHeight,
    duration: v.duration || 0, position: v.currentTime, frames: q.totalVideoFrames,
    sound: v.webkitAudioDecodedByteCount || 0,
  })});
};
v.onended = () => tell("ended");
v.onerror = () => tell("error");
v.play().catch((e) => tell("refused: " + e));
</script>"""

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@dataclass(frozen=True, kw_only=True)
class Played:
    """What a browser did with a video."""

    event: str
    """"ended" when it played to its end."""
    error: str
    width: int
    height: int
    duration: float
    """Seconds."""
    position: float
    """Seconds played."""
    frames: int
    """Pictures decoded."""
    sound: int
    """Bytes of sound decoded."""


def find_browser() -> Path | None:
    """Find a Chromium; None where there is none."""
    found = (shutil.which(name) for name in _BROWSERS)
    return next((Path(path) for path in found if path), None)


def play(video: Path, browser: Path, *, timeout: float = 60) -> Played:
    """Play a video to its end in a browser without a window.

    Args:
        video: An MP4.
        browser: A Chromium's executable.
        timeout: Seconds after which the browser is stopped.

    Raises:
        MediaError: The browser told nothing in time.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        site = Path(folder) / "site"
        site.mkdir()
        (site / "index.html").write_text(_PAGE, encoding="utf-8")
        shutil.copyfile(video, site / "video.mp4")
        with _served(site) as (address, told), _opened(browser, address, Path(folder)):
            try:
                answer = told.get(timeout=timeout)
            except Empty as error:
                msg = f"{browser} told nothing about {video} in {timeout:g} s; try a longer time"
                raise MediaError(msg) from error
    # JavaScript knows one kind of number: 3.0 s arrives as 3.
    for name in ("duration", "position"):
        answer[name] = float(answer[name])
    return Played(**answer)


@dataclass(frozen=True, kw_only=True)
class Streams:
    """What is in a finished video."""

    words: str
    """Codecs and pixel format as ffmpeg names them, for instance "h264 yuv420p aac"."""
    gap: float
    """How much longer the picture lasts than the sound, in frames."""


def streams_of(video: Path) -> Streams:
    """Name a video's streams and compare their lengths by their packets.

    Raises:
        MediaError: The file cannot be read, or a stream is missing.
    """  # noqa: DOC502 lengths raises it
    with demuxed(open_input(video, "video")) as container:
        words = []
        for stream in container.streams:
            words += [stream.codec_context.codec.canonical_name] if stream.codec_context else []
            if isinstance(stream, VideoStream):
                words.append(str(stream.pix_fmt))
    reader = probe_video(video)
    picture, sound = lengths(video, Fraction(1, 1000))
    return Streams(words=" ".join(words), gap=float((picture - sound) * reader.fps))


@contextmanager
def _served(site: Path) -> Iterator[tuple[str, Queue[dict]]]:
    """Serve a folder on a free port of this machine and collect what its page posts."""
    told: Queue[dict] = Queue()
    handler = partial(_Handler, told, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/index.html", told
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def _opened(browser: Path, address: str, folder: Path) -> Iterator[None]:
    command = [
        str(browser), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required",
        f"--user-data-dir={folder / 'profile'}", address,
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class _Handler(SimpleHTTPRequestHandler):
    """Serve files; put what is posted into a queue."""

    def __init__(self, told: Queue[dict], *args: object, directory: str) -> None:
        self._told = told
        super().__init__(*args, directory=directory)  # pyright: ignore[reportArgumentType]

    def do_POST(self) -> None:
        """Take the page's report."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._told.put(json.loads(body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base
        """Say nothing: the result is what counts."""
