"""A headless Chromium, driven over its DevTools protocol through two pipes, without further packages."""

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ANSWER_SECONDS = 30.0


def camera_of(video: Path | None) -> list[str]:
    """The options by which a browser takes a Motion-JPEG file as its camera, and asks nobody; else it has none."""
    if video is None:
        return []
    file = f"--use-file-for-fake-video-capture={video}"
    return ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", file]


class Browser:
    """One page of a browser; ends with the ``with`` block.

    Attributes:
        complaints: what the page's console said in earnest, refusals by its Content-Security-Policy included.
    """

    def __init__(self, profile: Path, *, dark: bool = False, camera: Path | None = None) -> None:
        assert CHROMIUM is not None
        # Chromium reads commands from file descriptor 3 and answers on 4.
        commands_read, self._commands = os.pipe()
        self._answers, answers_write = os.pipe()

        arguments = [
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
            *camera_of(camera),
            *("--remote-debugging-pipe", f"--user-data-dir={profile}", "--disable-extensions", "about:blank"),
        ]
        command = 'exec 3<&"$0" 4>&"$1"; shift; exec "$@"'
        shell = ["bash", "-c", command, str(commands_read), str(answers_write), CHROMIUM, *arguments]
        self._process = subprocess.Popen(
            shell, pass_fds=(commands_read, answers_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(commands_read)
        os.close(answers_write)
        os.set_blocking(self._answers, False)
        self._number, self._buffer = 0, b""
        self.complaints: list[str] = []
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")
        self.ask(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}],
        )

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._commands)
        os.close(self._answers)

    def ask(self, method: str, **parameters: Any) -> Any:
        """Sends a command to the page and returns the answer."""
        return self._ask(method, self._session, **parameters)

    def open(self, url: str, *, width: int = 1280, height: int = 900, phone: bool = False) -> None:
        """Shows a page; a live image never ends loading, so that only the document is waited for."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone},
        )
        self.ask("Page.navigate", url=url)
        self.wait("document.readyState !== 'loading' && location.href !== 'about:blank'")

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float = 20.0) -> None:
        """Until an expression is true."""
        until = time.monotonic() + seconds
        while not self.run(condition):
            assert time.monotonic() < until, f"never: {condition}; the page says: {self.run('document.body.innerText')}"
            time.sleep(0.05)

    def key(self, key: str, code: int) -> None:
        """Presses a key, as a keyboard does."""
        pressed = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        text = {"text": " "} if key == " " else {}
        self.ask("Input.dispatchKeyEvent", type="keyDown", **pressed, **text)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **pressed)

    def hide(self) -> None:
        """Shows another tab in front of the page."""
        self._front = self._ask("Target.createTarget", None, url="about:blank")["targetId"]
        self.wait("document.hidden")

    def show(self) -> None:
        """Closes the tab that ``hide`` opened."""
        self._ask("Target.closeTarget", None, targetId=self._front)
        self.wait("!document.hidden")

    def screenshot(self) -> bytes:
        """What is to be seen, as PNG."""
        return base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"])

    def _ask(self, method: str, session: str | None = None, **parameters: Any) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < until:
            answer = self._receive()
            if answer is None:
                time.sleep(0.005)
            elif answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            else:
                self._note(answer)
        raise TimeoutError(method)

    def _receive(self) -> Any:
        while b"\0" not in self._buffer:
            try:
                chunk = os.read(self._answers, 1 << 20)
            except BlockingIOError:
                return None
            assert chunk, "the browser has ended"
            self._buffer += chunk
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    def _note(self, event: Any) -> None:
        if event.get("method") == "Log.entryAdded" and event["params"]["entry"]["level"] in ("error", "warning"):
            self.complaints.append(event["params"]["entry"]["text"])
        if event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(event["params"]["exceptionDetails"]))
