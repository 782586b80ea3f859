"""The page over real HTTP: access, the live view, the settings, and many viewers."""

import http.client
import json
import os
import re
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.errors import MissingDependencyError, OutputError
from drc_runtime.packages import install_command
from drc_runtime.sinks.web import connection
from drc_runtime.sinks.web.app import content_policy
from drc_runtime.sinks.web.live_view import MOST_VIEWERS, encode_jpeg
from drc_runtime.sinks.web.server import PageServer
from drc_runtime.views.controls import Controls
from drc_runtime.views.views import Views, view_names

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

TOKEN = "correct-horse"


def until(condition, seconds: float = 10.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


def read_image(stream) -> np.ndarray:
    """The next image of a Motion JPEG stream."""
    while not (line := stream.readline()).startswith(b"Content-Length"):
        assert line, "the stream has ended"
    length = int(line.split(b":")[1])
    stream.readline()
    return cv2.imdecode(np.frombuffer(stream.read(length), np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize("path", ["/", "/live.mjpg", "/frame.jpg", "/api/state", "/icon.svg", "/nothing"])
def test_without_the_right_token_every_path_answers_401(start, path: str) -> None:
    run = start(token=TOKEN)
    for headers in ({}, {"Cookie": f"drc_token_{run.server.port}=wrong-horse"}, {"Authorization": "Bearer wrong"}):
        answer = run.ask("GET", path, headers=headers)
        assert answer.status == 401 and b"needs its token" in answer.read()
    assert run.ask("GET", f"{path}?token=wrong").status == 401
    assert run.ask("POST", "/api/settings", {"steps": 9}).status == 401
    assert run.controls.settings.steps is None


def test_the_token_in_the_address_becomes_a_cookie(start) -> None:
    run = start(token=TOKEN)
    answer = run.ask("GET", f"/?token={TOKEN}")
    assert (answer.status, answer.getheader("Location")) == (303, "./")
    cookie = answer.getheader("Set-Cookie") or ""
    assert "HttpOnly" in cookie and "samesite=lax" in cookie.lower()
    assert run.ask("GET", "/", headers={"Cookie": cookie.split(";")[0]}).status == 200
    assert run.ask("GET", "/api/state", headers={"Authorization": f"Bearer {TOKEN}"}).status == 200
    assert "Secure" not in cookie  # over plain HTTP the browser would not send it back
    answer = run.ask("GET", f"/?token={TOKEN}", headers={"X-Forwarded-Proto": "https"})  # a proxy on this machine
    assert "Secure" in (answer.getheader("Set-Cookie") or "")
    assert TOKEN not in run.server.url  # the user has it, and a terminal may be seen by others


def test_a_random_token_is_part_of_the_printed_address(start) -> None:
    run = start("0.0.0.0:0")
    assert run.ask("GET", "/").status == 401
    assert run.ask("GET", "/?" + run.server.url.split("?")[1]).status == 303


def test_a_foreign_host_name_is_refused_without_a_token(start) -> None:
    run = start()
    for host in ("evil.example", f"evil.example:{run.server.port}"):
        answer = run.ask("GET", "/api/state", headers={"Host": host})
        assert answer.status == 403 and b"127.0.0.1" in answer.read()
    assert run.ask("GET", "/", headers={"Host": "localhost:1234"}).status == 200


def test_every_answer_forbids_embedding_and_the_page_has_a_strict_policy(start) -> None:
    run = start()
    answer = run.ask("GET", "/")
    assert answer.getheader("X-Frame-Options") == "DENY"
    assert answer.getheader("Cross-Origin-Resource-Policy") == "same-origin"
    policy = answer.getheader("Content-Security-Policy") or ""
    assert policy == content_policy(answer.read().decode())
    assert "default-src 'none'" in policy and "unsafe" not in policy and policy.count("sha256-") == 2


def test_settings_are_changed_all_or_none_and_only_as_json(start) -> None:
    run = start()
    answer = run.ask("POST", "/api/settings", {"steps": 7, "threshold": 0.25, "view": "mask", "paused": True})
    assert answer.status == 200
    assert json.loads(answer.read())["settings"] == {"steps": 7, "threshold": 0.25, "view": "mask", "paused": True}
    before = run.controls.settings
    for wrong in (
        {"steps": 0},
        {"steps": 5, "threshold": 2},
        {"steps": True},
        {"view": "nothing"},
        {"view": 5},
        {"speed": 1},
        [],
        b"{",
        b"\xff",
        b"[" * 4000,
        {"threshold": float("nan")},
    ):
        answer = run.ask("POST", "/api/settings", wrong)
        assert answer.status == 400 and json.loads(answer.read())["error"], wrong
    assert run.ask("POST", "/api/settings", b" " * 5000).status == 413
    form = {"Content-Type": "text/plain"}
    assert run.ask("POST", "/api/settings", b'{"steps": 9}', form).status == 415
    assert run.controls.settings == before
    assert run.ask("GET", "/api/settings").status == 405


def test_the_figures_are_those_of_the_run(start) -> None:
    run = start()
    for _ in range(5):
        run.feed()
        time.sleep(0.02)
    figures = json.loads(run.ask("GET", "/api/state").read())["figures"]
    assert (figures["frames"], figures["steps"], figures["dropped"], figures["reconnects"]) == (5, 3, 4, 2)
    assert 30 <= figures["age_p50"] <= figures["age_p95"] and figures["fps"] > 0
    assert figures["memory"] is None or figures["memory"] > 10_000_000
    assert figures["state"] == "live" and figures["viewers"] == 0


def test_the_live_view_follows_the_controls_even_while_no_frame_comes(start) -> None:
    run = start()
    run.feed()
    stream = run.ask("GET", "/live.mjpg")
    assert stream.getheader("Content-Type") == "multipart/x-mixed-replace; boundary=frame"
    first = read_image(stream)
    assert first.shape == (120, 160, 3) and first[60, 20].min() > 150 and first[5, 5].max() < 60
    run.controls.change(view="green")
    assert read_image(stream)[5, 100, 1] > 150
    run.controls.change(threshold=0.99, view="mask")  # the probability is 0.9
    until(lambda: read_image(stream).max() < 30)
    stream.close()


def test_nothing_is_composed_while_nobody_watches_and_once_for_all_who_do(start) -> None:
    run = start()
    for _ in range(20):
        run.feed()
    time.sleep(0.3)
    assert run.composed == 0
    streams = [run.ask("GET", "/live.mjpg") for _ in range(6)]
    for stream in streams:
        read_image(stream)
    until(lambda: run.live.viewers == 6)
    time.sleep(0.2)
    before = run.composed
    for _ in range(5):
        run.feed()
        images = [read_image(stream) for stream in streams]
        assert all((image == images[0]).all() for image in images)
    assert run.composed == before + 5
    for stream in streams:
        stream.close()
    run.feed()
    until(lambda: run.live.viewers == 0)


def test_a_viewer_that_does_not_read_holds_nobody_back(start, fed) -> None:
    run = start()
    stuck = run.ask("GET", "/live.mjpg")
    fed(run)
    other = run.ask("GET", "/live.mjpg")
    for _ in range(30):
        read_image(other)  # waits for an image: if the stuck viewer blocked the server, none would come
    until(lambda: run.frames > 50)
    stuck.close()
    other.close()


def test_there_is_a_limit_to_the_viewers(start) -> None:
    run = start()
    run.feed()
    streams = []
    for _ in range(MOST_VIEWERS):
        streams.append(run.ask("GET", "/live.mjpg"))
        read_image(streams[-1])
    assert run.ask("GET", "/live.mjpg").status == 503
    for stream in streams:
        stream.close()


def test_the_limit_holds_for_viewers_who_come_together(start) -> None:
    """All ask before the first of them gets an image."""
    run = start()
    asked = [http.client.HTTPConnection("127.0.0.1", run.server.port, timeout=10) for _ in range(MOST_VIEWERS + 14)]
    for viewer in asked:
        viewer.request("GET", "/live.mjpg")
    statuses = [viewer.getresponse().status for viewer in asked]
    assert sorted(statuses) == [200] * MOST_VIEWERS + [503] * 14
    assert run.live.viewers == MOST_VIEWERS
    assert run.ask("GET", "/frame.jpg").status == 503, "a single image is looked at by somebody as well"
    for viewer in asked:
        viewer.close()
    run.feed()
    until(lambda: run.live.viewers == 0)


def silent(run, count: int, sent: bytes = b"") -> list[socket.socket]:
    """Connections that never send a whole request."""
    connections = [socket.create_connection(("127.0.0.1", run.server.port), timeout=10) for _ in range(count)]
    for it in connections:
        it.sendall(sent)
    return connections


def test_silent_connections_keep_nobody_out(start) -> None:
    run = start()
    held = silent(run, 2 * connection.MOST_CONNECTIONS)
    assert run.ask("GET", "/api/state").status == 200
    for it in held:
        it.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
        b"POST /api/settings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
        b"GET /icon.svg HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /",
    ],
    ids=["nothing", "half a header", "half a body", "half of the second request"],
)
def test_a_request_has_to_come_within_its_time(start, monkeypatch, sent: bytes) -> None:
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.3)
    run = start()
    [held] = silent(run, 1, sent)
    with held, suppress(ConnectionResetError):
        while held.recv(4096):  # ends when the server closes
            pass


def test_a_viewer_may_watch_for_longer_than_a_request_may_take(start, monkeypatch, fed) -> None:
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.2)
    run = start()
    fed(run)
    stream = run.ask("GET", "/live.mjpg")
    began = time.monotonic()
    while time.monotonic() < began + 1:
        read_image(stream)
    stream.close()


def test_a_name_that_is_no_text_is_shown_and_chosen(start, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"wall-\xff.png")
    cv2.imwrite(str(tmp_path / "wall.png"), np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "wall.png").rename(path)
    names = view_names(str(path))
    run = start()
    run.controls.views = names
    answer = run.ask("GET", "/api/state")
    assert answer.status == 200
    found = json.loads(answer.read())
    assert found["views"][0] == found["settings"]["view"] == "wall-\ufffd.png"
    assert run.ask("POST", "/api/settings", {"view": "mask"}).status == 200
    assert run.ask("POST", "/api/settings", {"view": found["views"][0]}).status == 200
    with Views(str(path), Controls(views=names)) as views:
        assert views.started is not None


def test_a_single_image_for_other_programs(start) -> None:
    run = start()
    run.feed()
    answer = run.ask("GET", "/frame.jpg")
    data = answer.read()
    assert answer.getheader("Content-Type") == "image/jpeg"
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (120, 160, 3)
    until(lambda: run.live.viewers == 0)


def test_closing_ends_the_streams_and_frees_the_port(start) -> None:
    run = start()
    run.feed()
    stream = run.ask("GET", "/live.mjpg")
    read_image(stream)
    threads = {thread.name for thread in threading.enumerate()}
    assert {"drc-page", "drc-page-server"} <= threads
    run.server.close()
    stream.close()
    assert not {"drc-page", "drc-page-server"} & {thread.name for thread in threading.enumerate()}
    PageServer(str(run.server.port)).close()


def test_a_large_image_is_sent_smaller() -> None:
    data = encode_jpeg(np.zeros((1080, 1920, 3), np.uint8))
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (720, 1280, 3)


def test_a_port_in_use_and_missing_packages_are_errors(start, monkeypatch) -> None:
    run = start()
    with pytest.raises(OutputError, match="choose another host or port"):
        PageServer(str(run.server.port))
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(MissingDependencyError, match=re.escape(install_command("web"))):
        PageServer("0")
