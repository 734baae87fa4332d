"""Who may talk to the service: our own page and programs, by our own names, with the token."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="pip install 'speech2face[serve]'")
pytest.importorskip("httpx2", reason="pip install httpx2")

from serving import Drawing, Serving
from starlette.testclient import TestClient

from speech2face.errors import InputError
from speech2face.serve.server import Address, address

TOKEN = "correct-horse-battery-staple"  # noqa: S105 - a test's
Client = Callable[..., TestClient]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with ExitStack() as stack:

        def start(**named: object) -> TestClient:
            serving = Serving(tmp_path / "store", Drawing(), **named)  # type: ignore[arg-type]
            stack.callback(serving.stop)
            return serving.client

        yield start


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("127.0.0.1:8890", 200),
        ("localhost:8890", 200),
        ("[::1]:8890", 200),
        ("192.168.1.7", 200),  # nobody can point a number at another machine
        ("studio.lan", 200),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("", 403),
        ("evil.example:127.0.0.1", 403),
    ],
)
def test_a_name_that_is_not_ours_is_refused(client: Client, host: str, code: int) -> None:
    answer = client(hosts=["studio.lan"]).get("/", headers={"Host": host})

    assert answer.status_code == code


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_site_cannot_drive_it(client: Client, headers: dict[str, str]) -> None:
    here = client()
    own = {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}

    for method, path in (("POST", "/v1/animate"), ("GET", "/v1/about"), ("DELETE", "/v1/jobs/x")):
        refused = here.request(method, path, headers=headers)
        assert refused.status_code == 403
        assert "another site" in refused.json()["message"]
        assert here.request(method, path, headers=own).status_code != 403


def test_beyond_this_machine_everything_needs_the_token(client: Client) -> None:
    here = client(token=TOKEN)

    for path in ("/", "/v1/about", "/openapi.json", "/examples/portrait.png", "/nothing"):
        assert here.get(path).status_code == 401
    for wrong in ("Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xe9"):
        headers = {"Authorization": wrong.encode("latin-1")}
        assert here.get("/v1/about", headers=headers).status_code == 401
    assert here.get("/?token=wrong").status_code == 401
    right = {"Authorization": f"Bearer {TOKEN}"}
    assert here.get("/v1/about", headers=right).status_code == 200


def test_a_token_in_the_address_becomes_a_cookie(client: Client) -> None:
    here = client(token=TOKEN)

    led = here.get(f"/page?token={TOKEN}&a=1", follow_redirects=False)

    assert (led.status_code, led.headers["location"]) == (303, "/")
    assert {"httponly", "samesite=strict"} <= {
        part.strip().lower() for part in led.headers["set-cookie"].split(";")
    }
    assert here.get("/").status_code == 200  # with the cookie


def test_every_answer_is_hardened(client: Client) -> None:
    here = client()

    for answer in (here.get("/"), here.get("/nothing"), here.get("/", headers={"Host": "evil"})):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_page_loads_nothing_from_elsewhere(client: Client) -> None:
    here = client()
    page = {path: here.get(path) for path in ("/", "/style.css", "/page.js", "/texts.json")}

    assert {answer.status_code for answer in page.values()} == {200}
    for path, answer in page.items():
        text = answer.text.replace("http://www.w3.org/", "")
        assert "http://" not in text, path
        assert "https://" not in text, path
        assert "//cdn" not in text


def test_only_this_machine_is_listened_to_unless_a_token_guards() -> None:
    with pytest.raises(InputError, match="expected a token"):
        Address(host="0.0.0.0", port=0, token=None)  # noqa: S104
    with pytest.raises(InputError, match="expected 16 or more"):
        Address(host="127.0.0.1", port=0, token="short")  # noqa: S106

    made = address("0.0.0.0", 8890, None, ())  # noqa: S104

    assert made.token is not None
    assert len(made.token) >= 32
    assert address("127.0.0.1", 8890, None, ()).url == "http://127.0.0.1:8890/"
    assert made.url.endswith(f":8890/?token={made.token}")
