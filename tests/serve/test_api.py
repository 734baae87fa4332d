"""Jobs over HTTP: what is made, what is refused and how, and what outlives the process."""

import io
import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from conftest import Probed
from PIL import Image

pytest.importorskip("fastapi", reason="pip install 'speech2face[serve]'")
pytest.importorskip("httpx2", reason="pip install httpx2")

from serving import LIMITS, QUICK, Drawing, Files, Serving, sent

from speech2face.errors import InputError, OutputError, WeightsError
from speech2face.jobs.animate import Speech2Face
from speech2face.serve.limits import Limits
from speech2face.serve.store import Store
from speech2face.serve.tasks import TASKS, file_settings

Serve = Callable[..., Serving]


@pytest.fixture
def drawing() -> Drawing:
    return Drawing()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Return what starts a service on one and the same store; all of them end with the test."""
    with ExitStack() as stack:

        def start(engine: Speech2Face, limits: Limits = LIMITS) -> Serving:
            serving = Serving(tmp_path / "store", engine, limits)
            stack.callback(serving.stop)
            return serving

        yield start


@pytest.fixture
def form(portrait: Path, speech: Path) -> Files:
    return sent(portrait, speech)


def test_a_form_becomes_a_video(
    serve: Serve, engine: Speech2Face, form: Files, tmp_path: Path, probe: Callable[[Path], Probed]
) -> None:
    serving = serve(engine)
    client = serving.client

    *_, last = serving.states(serving.post(form, **QUICK, emotion="happy:0.5"))

    assert last["state"] == "done", last
    video = client.get(last["result"])
    (tmp_path / "got.mp4").write_bytes(video.content)
    assert video.headers["content-type"] == "video/mp4"
    assert probe(tmp_path / "got.mp4").frames == 2
    assert client.get(last["result"], headers={"Range": "bytes=0-9"}).status_code == 206
    assert client.get(last["sidecar"]).json()["settings"]["emotion"] == "happy:0.5"
    assert last["command"] == (
        "speech2face animate me.png talk.wav --emotion happy:0.5 --blink off --size 64 --crop "
        "--preview 2 -o me_talk.mp4"
    )
    # The client's files are gone with the end of the job.
    assert serving.files() == ["result.json", "result.mp4"]


def test_a_job_tells_how_far_it_is_and_is_removed_on_request(
    serve: Serve, form: Files, drawing: Drawing
) -> None:
    serving = serve(drawing)
    client = serving.client
    first, second = serving.post(form), serving.post(form)
    drawing.begun.acquire()
    assert client.get(f"/v1/jobs/{second}").json()["ahead"] == 1
    assert client.get(f"/v1/jobs/{first}").json()["state"] == "running"
    assert client.get(f"/v1/jobs/{first}/result").status_code == 409

    drawing.free.release(2)
    assert serving.states(first)[-1]["state"] == "done"
    drawing.begun.acquire()
    assert client.delete(f"/v1/jobs/{second}").status_code == 204  # between two of its frames
    assert client.delete(f"/v1/jobs/{first}").status_code == 204
    serving.states(second)
    serving.stop()

    assert serving.files() == []


def test_what_was_accepted_is_made_after_a_restart(
    serve: Serve, form: Files, drawing: Drawing
) -> None:
    serving = serve(drawing)
    keys = [serving.post(form) for _ in range(3)]
    drawing.begun.acquire()
    serving.stop()  # in the middle of the first job

    drawing.free.release(6)
    again = serve(drawing)

    assert [again.states(key)[-1]["state"] for key in keys] == ["done"] * 3


def test_a_job_that_takes_the_process_with_it_is_given_up(tmp_path: Path) -> None:
    store = Store(tmp_path)
    key = store.add(store.open_folder(), "animate", {}, {}, {}).key
    for _ in range(2):
        assert store.take() is not None
        store.close()  # as a kill does: nothing is said of the job
        store = Store(tmp_path)

    record = store.find(key)
    store.close()

    assert record is not None
    assert record.error is not None
    assert (record.state, record.error["message"]) == (
        "failed", "the service ended while it made this",
    )  # fmt: skip


def test_one_store_is_one_service_s(tmp_path: Path) -> None:
    store = Store(tmp_path)

    with pytest.raises(OutputError, match="is another service using it"):
        Store(tmp_path)

    store.close()
    Store(tmp_path).close()


def test_what_was_never_accepted_is_removed_at_the_next_start(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = store.open_folder()
    (folder / "portrait").write_bytes(b"a face")
    store.close()

    Store(tmp_path).close()

    assert not folder.exists()


def test_results_are_removed_after_their_time(serve: Serve, form: Files, drawing: Drawing) -> None:
    serving = serve(drawing)
    drawing.free.release(2)
    key = serving.post(form)
    serving.states(key)

    serving.store.sweep(-1.0)

    assert serving.client.get(f"/v1/jobs/{key}").status_code == 404
    assert serving.files() == []


@pytest.mark.parametrize(
    ("fault", "code", "error"),
    [
        (InputError("no such thing"), 422, "InputError"),
        (WeightsError("damaged"), 503, "WeightsError"),
        (ZeroDivisionError("ours"), 500, "Bug"),
    ],
)
def test_a_job_that_fails_says_why(
    serve: Serve, form: Files, drawing: Drawing, fault: Exception, code: int, error: str
) -> None:
    serving = serve(drawing)
    drawing.fault = fault
    drawing.free.release(2)

    *_, last = serving.states(serving.post(form))

    assert last["state"] == "failed"
    assert (last["error"]["code"], last["error"]["error"]) == (code, error)
    assert serving.files() == []


def test_a_picture_without_a_face_fails_in_one_line(
    serve: Serve, engine: Speech2Face, form: Files
) -> None:
    serving = serve(engine)
    file = io.BytesIO()
    Image.new("RGB", (200, 200), "teal").save(file, "PNG")
    form["portrait"] = ("wall.png", file.getvalue())

    *_, last = serving.states(serving.post(form, **QUICK))
    looked = serving.client.post("/v1/faces", files={"portrait": form["portrait"]})

    assert last["error"]["error"] == "NoFaceError"
    assert looked.status_code == 422
    assert looked.json()["message"] == last["error"]["message"]
    assert "no face was found" in last["error"]["message"]


def test_the_faces_of_a_picture_are_shown(serve: Serve, engine: Speech2Face, form: Files) -> None:
    serving = serve(engine)

    seen = serving.client.post("/v1/faces", files={"portrait": form["portrait"]}).json()

    ((left, top, right, bottom),) = seen["faces"]
    assert 0 < left < 0.5 < right < 1
    assert 0 < top < bottom < 1
    assert (seen["width"], seen["height"]) == (360, 360)
    assert seen["picture"].startswith("data:image/jpeg;base64,")
    assert serving.files() == []


def wav(seconds: float) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(round(seconds * 8000)), 8000, format="WAV")
    return file.getvalue()


@pytest.mark.parametrize(
    ("change", "words", "code", "says"),
    [
        ({"audio": None}, {}, 422, "lacks the file audio"),
        ({"audio": ("a.wav", b"")}, {}, 422, "empty"),
        ({"audio": ("a.wav", b"just words, no sound")}, {}, 415, "audio"),
        ({"portrait": ("a.png", b"<html>no picture</html>")}, {}, 415, "portrait"),
        ({"audio": ("a.wav", wav(21))}, {}, 422, "at most 20 s"),
        ({"more": ("a.wav", b"x")}, {}, 422, "unknown file 'more'"),
        ({}, {"emotion": "hungry"}, 422, "'hungry' in 'hungry' is unknown"),
        ({}, {"size": "huge"}, 422, "whole number"),
        ({}, {"colour": "red"}, 422, "unknown setting 'colour'"),
        ({}, {"generator": "none"}, 422, "no generator named 'none'"),
        ({}, {"audio": "a word"}, 422, "'audio' twice"),
        ({}, {"emotion": "happy" * 2000}, 400, ""),
    ],
)
def test_a_form_that_cannot_be_used_is_refused_in_one_line(
    serve: Serve, drawing: Drawing, form: Files, change: dict[str, Any], words: dict[str, str],
    code: int, says: str,
) -> None:  # fmt: skip
    serving = serve(drawing)
    files = {role: file for role, file in {**form, **change}.items() if file is not None}

    answer = serving.client.post("/v1/animate", files=files, data=words)

    assert answer.status_code == code, answer.text
    assert answer.json()["code"] == code
    assert says in answer.json()["message"]
    assert "\n" not in answer.json()["message"]
    assert str(serving.store.folder) not in answer.text
    assert serving.files() == []


def test_what_is_too_large_is_refused(serve: Serve, drawing: Drawing, form: Files) -> None:
    serving = serve(drawing)
    client = serving.client
    too_large = {**form, "audio": ("a.wav", bytes(LIMITS.megabytes * 1_000_000))}
    file = io.BytesIO()
    Image.new("1", (5000, 5000)).save(file, "PNG")
    too_wide = {**form, "portrait": ("a.png", file.getvalue())}

    def pieces() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\n\r\n'
        for _ in range(LIMITS.megabytes + 1):
            yield bytes(1_000_000)

    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    answers = [
        client.post("/v1/animate", files=too_large),
        client.post("/v1/animate", content=pieces(), headers=kind),  # says no length
        client.post("/v1/animate", files=too_wide),
    ]

    assert [answer.status_code for answer in answers] == [413] * 3
    assert serving.files() == []


def test_what_is_no_form_is_refused(serve: Serve, drawing: Drawing) -> None:
    client = serve(drawing).client
    torn = {"Content-Type": "multipart/form-data; boundary=x"}

    assert client.post("/v1/animate", json={}).status_code == 415
    assert client.post("/v1/animate").status_code == 415
    for body in (b"", b"--x", b"--x\r\nhello", b"\x00" * 100):
        assert client.post("/v1/animate", content=body, headers=torn).status_code in {400, 422}
    no_boundary = {"Content-Type": "multipart/form-data"}
    assert client.post("/v1/animate", content=b"x", headers=no_boundary).status_code == 400


def test_a_full_queue_and_a_full_store_say_so(serve: Serve, drawing: Drawing, form: Files) -> None:
    serving = serve(drawing, Limits(waiting=2, megabytes=4))
    for _ in range(2):
        serving.post(form)

    full = serving.client.post("/v1/animate", files=form)

    assert (full.status_code, full.headers["retry-after"]) == (503, "30")
    assert full.json()["error"] == "Full"


def test_more_uploads_at_once_than_are_read_say_so(
    serve: Serve, drawing: Drawing, form: Files
) -> None:
    serving = serve(drawing, Limits(uploads=1, listeners=1))

    with serving.service.reading(), serving.service.listening():
        busy = serving.client.post("/v1/animate", files=form)
        drawing.free.release(2)

    assert busy.status_code == 429
    key = serving.post(form)
    with serving.service.listening():
        assert serving.client.get(f"/v1/jobs/{key}/events").status_code == 429
    assert serving.states(key)[-1]["state"] == "done"


@pytest.mark.parametrize("task", sorted(TASKS))
def test_no_word_of_a_client_names_a_file_of_this_machine(
    serve: Serve, drawing: Drawing, form: Files, tmp_path: Path, task: str
) -> None:
    serving = serve(drawing)
    secret = tmp_path / "secret"
    secret.write_text("pose = 'x'")
    files = {role: form.get(role, form["portrait"]) for role in TASKS[task].files}

    named = file_settings(TASKS[task].settings)
    assert {"timeline", "speech2landmarks"} & named.keys()
    for name in {*named, "output", "audio", "generator"} - {*files}:
        word = f"facevid2vid:{secret}" if name == "generator" else str(secret)
        answer = serving.client.post(f"/v1/{task}", files=files, data={name: word})
        assert answer.status_code in {415, 422}, name
        assert "pose = 'x'" not in answer.text
    timeline = ("t.toml", f"pose = '{secret}'\n".encode())
    answer = serving.client.post("/v1/animate", files={**form, "timeline": timeline})
    assert answer.status_code == 422
    assert serving.files() == []


def test_what_a_client_calls_its_files_decides_nothing(
    serve: Serve, drawing: Drawing, form: Files
) -> None:
    serving = serve(drawing)
    names = (
        "../../../etc/passwd", "..\\..\\boot.ini", "/etc/passwd", "a\x00.png", "-rf", "",
        "a" * 5000, "con", "a\r\nX: y", "\u202egnp.exe", "$(id).png", "a';id;'.png",
    )  # fmt: skip

    for name in names:
        named = {**form, "portrait": (name, form["portrait"][1])}
        answer = serving.client.post("/v1/animate", files=named)

        if answer.status_code == 202:
            assert serving.files() == ["audio", "portrait"]
            words = shlex.split(answer.json()["command"])
            assert words[:2] == ["speech2face", "animate"]
            assert words[3:] == ["talk.wav", "-o", f"{Path(words[2]).stem}_talk.mp4"]
            assert not words[2].startswith("-")
            assert len(words[2]) <= 102
            serving.client.delete(f"/v1/jobs/{answer.json()['id']}")
            serving.states(answer.json()["id"])
        else:  # the form itself is not well formed
            assert answer.status_code in {400, 422}
        assert serving.files() == []


def test_no_key_leads_anywhere_else(serve: Serve, drawing: Drawing) -> None:
    client = serve(drawing).client
    keys = (
        "..", "../../etc/passwd", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "..%5c..", "%00", "a" * 22,
        "' or 1=1 --", "jobs.sqlite3", "..%2fjobs.sqlite3", "a" * 5000,
    )  # fmt: skip

    for key in keys:
        for end in ("", "/result", "/sidecar", "/events"):
            address = f"/v1/jobs/{key}{end}"
            for answer in (client.get(address), client.delete(address)):
                assert answer.status_code in {404, 405}, address
                assert answer.json()["code"] == answer.status_code


def test_dub_and_reenact_are_checked_like_animate(
    serve: Serve, drawing: Drawing, form: Files
) -> None:
    client = serve(drawing).client
    words = ("w.mp4", b"no video")

    dub = client.post("/v1/dub", files={"video": words, "audio": form["audio"]})
    reenact = client.post("/v1/reenact", files={"portrait": form["portrait"], "driving": words})

    assert (dub.status_code, reenact.status_code) == (415, 415)


def test_the_interface_describes_itself(serve: Serve, drawing: Drawing) -> None:
    client = serve(drawing).client

    described = client.get("/openapi.json").json()["paths"]
    about = client.get("/v1/about").json()

    form = described["/v1/animate"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert {"portrait", "audio", "emotion", "timeline"} <= form["schema"]["properties"].keys()
    assert about["tasks"]["dub"]["files"] == ["video", "audio"]
    assert about["tasks"]["animate"]["settings"]["liveliness"]["default"] == 1.0
    assert "timeline" not in about["tasks"]["animate"]["settings"]
    assert "warp" in about["generators"]


def test_several_people_of_one_picture_can_be_dubbed(
    serve: Serve, drawing: Drawing, form: Files
) -> None:
    serving = serve(drawing)
    files = {
        "video": form["portrait"],
        "audio": form["audio"],
        "faces": ("w.toml", b"1 = [[0, 1]]"),
    }

    answer = serving.client.post("/v1/dub", files=files)

    assert answer.status_code in {202, 422}, answer.text


def test_a_portrait_shows_its_emotion_and_gaze_at_once(
    serve: Serve, engine: Speech2Face, form: Files
) -> None:
    client = serve(engine).client
    seen = client.post("/v1/faces", files={"portrait": form["portrait"]}).json()

    def look(**words: str) -> np.ndarray:
        answer = client.get(seen["look"], params=words)
        assert answer.status_code == 200, answer.text
        return np.asarray(Image.open(io.BytesIO(answer.content)), np.float32)

    plain, happy, left = look(), look(emotion="happy"), look(gaze="-20,0")
    portrait = Image.open(io.BytesIO(form["portrait"][1])).convert("RGB")

    assert plain.shape == (360, 360, 3)
    assert np.abs(plain - np.asarray(portrait)).mean() < 2
    mouth, eyes = np.s_[200:290, 110:250], np.s_[120:200, 110:250]
    assert np.abs(happy - plain)[mouth].mean() > 3
    assert np.abs(left - plain)[eyes].mean() > 2 * np.abs(left - plain)[mouth].mean()
    assert client.get(seen["look"], params={"emotion": "hungry"}).status_code == 422
    assert client.get(seen["look"], params={"pose": "/etc/passwd"}).status_code == 422
    assert client.get("/v1/looks/nothing").status_code == 404
