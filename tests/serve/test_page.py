"""The page, driven by a real Chromium: whole walks of a user, refusals, keyboard, axe, a phone."""

import re
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi", reason="pip install 'speech2face[serve]'")
pytest.importorskip("playwright", reason="pip install playwright")
import uvicorn
from playwright import sync_api as playwright

from speech2face.jobs.animate import Speech2Face
from speech2face.serve.app import build
from speech2face.serve.limits import Limits
from speech2face.serve.server import Address, listener_of
from speech2face.serve.service import Service
from speech2face.serve.store import Store

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

expect = playwright.expect
expect.set_options(timeout=60_000)  # no test is about how fast it is
Open = Callable[..., playwright.Page]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, engine: Speech2Face) -> Iterator[str]:
    """Serve at a free port of this machine."""
    store = Store(tmp_path_factory.mktemp("store"))
    listener = listener_of(Address(host="127.0.0.1", port=0, token=None))
    app = build(Service(store, engine, Limits(megabytes=2)))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    server.should_exit = True
    thread.join()
    listener.close()
    store.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as started:
        flags = ["--no-sandbox", "--use-fake-ui-for-media-stream"]
        flags += ["--use-fake-device-for-media-stream"]  # it beeps
        running = started.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield running
        running.close()


@pytest.fixture
def page(browser: playwright.Browser, address: str) -> Iterator[Open]:
    """Return what opens the page in a session of its own; whatever it complains of fails."""
    faults: list[str] = []
    contexts: list[playwright.BrowserContext] = []

    def start(width: int = 1280, scheme: str = "light", *, agreed: bool = True) -> playwright.Page:
        context = browser.new_context(
            viewport={"width": width, "height": 844}, color_scheme=scheme, accept_downloads=True
        )  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(120_000)
        if agreed:
            context.add_init_script("localStorage.setItem('speech2face.consent', 'yes')")
        opened = context.new_page()
        opened.on("pageerror", lambda error: faults.append(str(error)))
        opened.on(
            "websocket", lambda made: None if "127.0.0.1" in made.url else faults.append(made.url)
        )
        opened.on(
            "request", lambda asked: None if asked.url.startswith((address, "blob:", "data:"))
            else faults.append(asked.url),
        )  # fmt: skip
        opened.goto(address)
        opened.wait_for_selector("html[data-ready]")
        return opened

    yield start
    for context in contexts:
        context.close()
    assert faults == []


def bring(page: playwright.Page, portrait: Path, speech: Path) -> None:
    page.set_input_files("#file-portrait", portrait)
    page.wait_for_selector(".face", state="attached")
    page.set_input_files("#file-audio", speech)


def test_from_two_files_to_a_video(page: Open, portrait: Path, speech: Path, tmp_path: Path):
    here = page(agreed=False)
    bring(here, portrait, speech)

    here.click("#preview")  # before anybody has agreed
    expect(here.locator("#alert")).to_contain_text("agrees")
    here.check("#agree")
    here.locator("input[value=happy]").check(force=True)
    here.locator("#set-liveliness").fill("0.5")
    here.click("#preview")

    expect(here.locator("#result")).to_be_visible()
    expect(here.locator("#command")).to_have_text(re.compile(
        "^speech2face animate person.png speech_0.8.wav --emotion happy --liveliness 0.5 "
        "--preview 75 -o person_speech_0.8.mp4"
    ))  # fmt: skip
    size = "() => { const v = document.getElementById('video'); return [v.videoWidth, v.error] }"
    here.evaluate("""() => new Promise((done) => {
        const video = document.getElementById('video');
        if (video.readyState >= 2) done(); else video.addEventListener('loadeddata', () => done());
    })""")
    assert here.evaluate(size) == [360, None]
    with here.expect_download() as saving:
        here.click("#download")
    saving.value.save_as(tmp_path / "got.mp4")
    assert saving.value.suggested_filename == "person_speech_0_8.mp4"
    assert (tmp_path / "got.mp4").read_bytes()[4:8] == b"ftyp"

    here.reload()  # the session's results are still there
    here.click("#shelf button")
    expect(here.locator("#result")).to_be_visible()
    here.click("#remove")
    expect(here.locator("#gallery")).to_be_hidden()


def test_what_cannot_be_used_is_said_in_the_page(
    page: Open, portrait: Path, speech: Path, tmp_path: Path
) -> None:
    here = page()
    wall, words, large = tmp_path / "wall.png", tmp_path / "words.wav", tmp_path / "large.wav"
    cv2.imwrite(str(wall), np.full((200, 200, 3), 90, np.uint8))
    words.write_text("no sound at all")
    large.write_bytes(bytes(3_000_000))

    here.click("#make")
    expect(here.locator("#alert")).to_have_text("Please add first: Portrait, Voice.")
    here.set_input_files("#file-portrait", wall)
    expect(here.locator("#alert")).to_contain_text("no face was found")
    here.set_input_files("#file-audio", large)
    expect(here.locator("#alert")).to_have_text("large.wav has 3 MB; at most 2 MB are taken.")
    bring(here, portrait, words)
    here.click("#make")
    expect(here.locator("#alert")).to_contain_text("holds no sound")
    here.set_input_files("#file-audio", speech)
    expect(here.locator("#alert")).to_be_hidden()


def test_one_of_several_faces_is_chosen_on_the_picture(
    page: Open, portrait: Path, speech: Path, tmp_path: Path
) -> None:
    here = page()
    one = cv2.imread(str(portrait))
    cv2.imwrite(str(tmp_path / "two.jpg"), np.concatenate([one, one], 1))

    bring(here, tmp_path / "two.jpg", speech)
    expect(here.locator(".face")).to_have_count(2)
    here.locator(".face").nth(1).focus()
    here.keyboard.press("Enter")
    expect(here.locator(".face").nth(1)).to_have_attribute("aria-pressed", "true")
    here.click("#preview")

    expect(here.locator("#command")).to_contain_text("--face-select 2")


def test_a_job_is_cancelled(page: Open, portrait: Path, speech: Path) -> None:
    here = page()
    bring(here, portrait, speech)

    here.evaluate("""() => new Promise((done) => {
        const watch = new MutationObserver(() => {
            if (document.getElementById('doing').textContent.startsWith('Sending')) return;
            watch.disconnect();
            document.getElementById('cancel').click();
            done();
        });
        watch.observe(document.getElementById('doing'), { childList: true });
        document.getElementById('make').click();
    })""")

    expect(here.locator("#said")).to_have_text("Cancelled.")
    expect(here.locator("#actions")).to_be_visible()
    expect(here.locator("#result")).to_be_hidden()


def test_it_is_used_without_a_mouse(page: Open) -> None:
    here = page()

    here.keyboard.press("Tab")
    here.keyboard.press("Tab")
    here.keyboard.press("ArrowRight")
    expect(here.locator("#tab-dub")).to_be_focused()
    expect(here.locator("#title")).to_have_text("Dub a video")
    here.keyboard.press("ArrowLeft")
    here.locator("input[value=neutral]").focus()
    here.keyboard.press("ArrowRight")
    expect(here.locator("input[value=happy]")).to_be_checked()
    here.locator("#set-liveliness").focus()
    here.keyboard.press("ArrowLeft")
    expect(here.locator("output").nth(1)).to_have_text("0.95")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_everybody_can_use_it(page: Open, width: int, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    here = page(width, scheme, agreed=False)

    for tab in ("animate", "dub", "reenact", "live"):
        here.click(f"#tab-{tab}")
        here.click("summary")
        found = axe.run(here)
        assert found.violations_count == 0, found.generate_report()
        here.click("summary")
        assert here.evaluate("document.documentElement.scrollWidth") <= width


def test_the_example_is_one_click_away(page: Open) -> None:
    here = page()

    here.click("#example")

    expect(here.locator("#about-portrait")).to_have_text("portrait.png")
    expect(here.locator("#about-audio")).to_have_text("speech.wav")
    expect(here.locator("#example")).to_be_hidden()


def test_the_portrait_follows_the_settings_at_once(page: Open, portrait: Path) -> None:
    here = page()
    here.set_input_files("#file-portrait", portrait)
    here.wait_for_selector(".face", state="attached")
    expect(here.locator("#picture")).to_have_attribute("src", re.compile("^data:"))

    here.locator("input[value=surprised]").check(force=True)
    expect(here.locator("#picture")).to_have_attribute("src", re.compile("^blob:"))
    here.click("#reset")
    expect(here.locator("#picture")).to_have_attribute("src", re.compile("^data:"))


def test_a_portrait_says_what_the_microphone_hears(page: Open, portrait: Path) -> None:
    here = page()
    here.click("#tab-live")
    here.set_input_files("#file-portrait", portrait)
    here.wait_for_selector(".face", state="attached")

    here.click("#make")
    live = here.locator("#live")
    expect(live).to_have_attribute("data-frame", re.compile(r"^([2-9]\d|\d{3,})$"))
    shown = "document.getElementById('live').toDataURL()"
    before = here.evaluate(shown)
    here.locator("input[value=surprised]").check(force=True)
    expect(live).to_have_attribute("data-frame", re.compile(r"^([6-9]\d|\d{3,})$"))

    assert here.evaluate(shown) != before
    assert here.evaluate("document.getElementById('live').width") == 256
    here.click("#cancel")
    expect(here.locator("#live")).to_be_hidden()
    expect(here.locator("#portrait")).to_be_visible()
