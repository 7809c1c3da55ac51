"""Who gets in and who may write: each check of the page's security, asked in this process."""

import re
from contextlib import contextmanager

import pytest
from reviewed import desk_of, make_clusters
from starlette.testclient import TestClient

from sslecho.errors import InputError
from sslecho.review.app import make_app
from sslecho.review.guard import MOST_BYTES, Sessions
from sslecho.review.server import hosts_of, listen

HOST = "127.0.0.1:8765"
ORIGIN = f"http://{HOST}"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_clusters(tmp_path_factory.mktemp("guard"))


@pytest.fixture
def desk(run, tmp_path):
    with desk_of(run, tmp_path / "review") as desk:
        yield desk


@contextmanager
def client_of(desk, **sessions_how):
    sessions = Sessions(**sessions_how)
    app = make_app(desk, sessions=sessions, hosts=[HOST, "localhost:8765"])
    with TestClient(app, base_url=ORIGIN, follow_redirects=False) as client:
        yield client, sessions


@pytest.fixture
def entered(desk):
    """A browser that has shown the token, and the CSRF token of its pages."""
    with client_of(desk) as (client, sessions):
        assert client.get(f"/?token={sessions.token}").status_code == 200
        csrf = re.search(r'name="csrf" content="([^"]+)"', client.get("/").text)[1]
        yield client, csrf


def write(client, csrf, said=None, **headers):
    sent = {"Origin": ORIGIN, "X-CSRF-Token": csrf, "Content-Type": "application/json", **headers}
    sent = {name: value for name, value in sent.items() if value is not None}
    return client.post("/do", json=said or {"do": "name", "group": 0, "name": "disk"}, headers=sent)


PRIVATE = [
    "/",
    "/group/0",
    "/item/0",
    "/audit",
    "/history",
    "/small/0.jpg",
    "/frame/0.png",
    "/clip/0.json",
    "/labels.csv",
]


@pytest.mark.parametrize("path", PRIVATE)
def test_nothing_is_shown_without_the_cookie(desk, path):
    with client_of(desk) as (client, _):
        answer = client.get(path)
        assert answer.status_code == 403
        assert "disk" not in answer.text
        assert "cookie" not in str(answer.headers).lower()
        assert client.get(path, headers={"Cookie": "sslecho-review=guessed"}).status_code == 403


def test_the_token_works_once_and_becomes_a_cookie_that_scripts_cant_read(desk):
    announced = []
    with client_of(desk, on_new_token=announced.append) as (client, sessions):
        token = sessions.token
        assert client.get("/?token=wrong").status_code == 403
        assert client.get("/?token=ä").status_code == 403
        cookie = client.get(f"/?token={token}").headers["set-cookie"]
        assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/"))
        assert token not in cookie
        assert client.get("/").status_code == 200
        client.cookies.clear()
        assert client.get(f"/?token={token}").status_code == 403
        assert announced == [sessions.token]
        assert client.get(f"/?token={announced[0]}").status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example:8765", "127.0.0.1", "127.0.0.1:8766", "127.0.0.1:8765.evil.example", ""]
)
def test_another_host_is_refused_even_with_the_cookie(entered, host):
    """DNS rebinding: a foreign name that leads to this machine is still a foreign name."""
    client, csrf = entered
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    for path in ("/", "/static/review.js"):
        assert client.get(path, headers={"Host": host, "Cookie": cookie}).status_code == 421
    assert write(client, csrf, Host=host, Origin=f"http://{host}").status_code == 421


def test_localhost_is_as_good_a_name(entered):
    client, _ = entered
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    assert client.get("/", headers={"Host": "localhost:8765", "Cookie": cookie}).status_code == 200


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "https://127.0.0.1:8765", "http://localhost:8765"]
)
def test_writes_of_another_origin_are_refused(entered, desk, origin):
    client, csrf = entered
    assert write(client, csrf, Origin=origin).status_code == 403
    assert desk.log.last is None


@pytest.mark.parametrize("csrf", [None, "", "guessed"])
def test_writes_without_the_pages_token_are_refused(entered, desk, csrf):
    client, _ = entered
    assert write(client, csrf).status_code == 403
    assert desk.log.last is None


def test_a_token_of_another_session_is_refused(entered, desk):
    client, _ = entered
    sessions = Sessions()
    assert write(client, sessions.csrf_of(sessions.enter(sessions.token))).status_code == 403
    assert desk.log.last is None


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Length": str(MOST_BYTES + 1)}, 413),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_what_only_another_site_would_send_is_refused(entered, headers, status):
    client, csrf = entered
    assert write(client, csrf, **headers).status_code == status


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_refused_and_no_other_origin_is_allowed(entered, method):
    client, _ = entered
    answer = client.request(method, "/do", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_reading_changes_nothing(entered, desk):
    client, csrf = entered
    assert client.get("/do?do=name&group=0&name=x", headers={"X-CSRF-Token": csrf}).status_code == 405
    assert desk.log.last is None


@pytest.mark.parametrize("path", ["/", "/item/0", "/small/0.jpg", "/labels.csv", "/static/review.js", "/nowhere"])
def test_every_answer_forbids_what_the_page_has_no_need_of(entered, path):
    client, _ = entered
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert ("no-store" in headers["cache-control"]) == (not path.startswith("/static"))


def test_pages_have_no_script_or_style_of_their_own(entered):
    client, _ = entered
    for path in ("/", "/group/0", "/item/0", "/audit", "/history"):
        text = client.get(path).text
        assert re.findall(r"<script[^>]*>", text) == ['<script src="/static/review.js" defer>']
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|https?://", text)


@pytest.mark.parametrize(
    "path", ["/static/../board.py", "/static/%2e%2e/board.py", "/static//etc/passwd", "/small/..%2f0.jpg"]
)
def test_paths_lead_out_of_nothing(entered, path):
    client, _ = entered
    answer = client.get(path)
    assert answer.status_code in (403, 404)
    assert "import" not in answer.text
    assert "root:" not in answer.text


@pytest.mark.parametrize(
    "label", ["<img src=x onerror=alert(1)>", '"><script>alert(1)</script>', "{{ csrf }}", "' onfocus='x"]
)
def test_labels_are_text_wherever_they_are_shown(entered, label):
    client, csrf = entered
    assert write(client, csrf, {"do": "name", "group": 0, "name": label}).status_code == 200
    assert write(client, csrf, {"do": "label", "items": [2], "name": label}).status_code == 200
    for path in ("/", "/group/0", "/item/2", "/history"):
        text = client.get(path).text
        assert "<img src=x" not in text
        assert "<script>alert" not in text
        assert "' onfocus='" not in text
        assert text.count(csrf) == 1


def test_only_this_machine_is_served_unless_more_is_said():
    assert hosts_of("127.0.0.1", 80, ()) == ["127.0.0.1:80", "localhost:80", "[::1]:80"]
    assert hosts_of("10.0.0.5", 80, ()) == ["10.0.0.5:80"]
    assert hosts_of("0.0.0.0", 80, ("ward.local",)) == ["ward.local:80"]
    with pytest.raises(InputError, match=r"--host 0\.0\.0\.0 serves on every address .* --allow-host"):
        hosts_of("0.0.0.0", 80, ())


def test_a_port_that_is_taken_is_named():
    message = r"--port \d+ can't be served on .*name another --port"
    with listen("127.0.0.1", 0) as taken, pytest.raises(InputError, match=message):
        listen("127.0.0.1", taken.getsockname()[1])
