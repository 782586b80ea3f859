"""What stands on stderr during a run: live lines on a terminal, a line now and then elsewhere."""

import io
import threading
import time
from contextlib import redirect_stderr

import pytest

from drc_runtime import activity
from drc_runtime.cli.progress import PLAIN_EVERY, reporting
from drc_runtime.pipeline.learn_state import LearnState


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return Terminal()


def test_a_file_gets_a_line_for_each_phase_and_then_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with reporting() as callbacks:
        assert callbacks.learning is not None and callbacks.notice is not None
        for phase, later in (("preparing", 0), ("learning", 0), ("learning", PLAIN_EVERY - 1), ("learning", 1)):
            now += later
            callbacks.learning(LearnState(phase, now, 200))
        callbacks.notice("source \x1b[31m lost")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines[:3]] == ["drc: preparing", "drc: learning", "drc: learning"]
    assert lines[2] == f"drc: {LearnState('learning', 130, 200)}"
    assert len(lines) == 4 and lines[3] == "drc: source �[31m lost"


def test_a_file_gets_the_frames_done(monkeypatch: pytest.MonkeyPatch) -> None:
    written = threading.Event()

    class File(io.StringIO):
        def write(self, text: str) -> int:
            count = super().write(text)
            if "3 of 10" in self.getvalue():
                written.set()
            return count

    monkeypatch.setattr(activity, "FIRST_AFTER", 0.0)
    file = File()
    with redirect_stderr(file), reporting() as callbacks:
        assert callbacks.progress is not None
        callbacks.progress(3, 10)
        assert written.wait(60)
    assert file.getvalue() == "drc: frames: 3 of 10\n"


def test_a_terminal_gets_a_progress_bar(terminal: Terminal) -> None:
    with redirect_stderr(terminal), reporting() as callbacks:
        assert callbacks.progress is not None
        assert terminal.getvalue() == ""  # nothing before the first frame
        for done in range(1, 11):
            callbacks.progress(done, 10)
    shown = terminal.getvalue()
    assert "10/10" in shown and "100%" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is back


def test_a_terminal_s_learning_line_ends_when_frames_come(terminal: Terminal) -> None:
    with redirect_stderr(terminal), reporting() as callbacks:
        assert callbacks.progress is not None and callbacks.learning is not None
        callbacks.learning(LearnState("recording", 3, 500))
        callbacks.learning(LearnState("learning", 30, 60, ", [bold]"))
        callbacks.progress(1, None)
        before = len(terminal.getvalue())
        callbacks.progress(2, None)
    shown = terminal.getvalue()
    assert "drc: learning, 0:30 min left, [bold]" in shown  # text, not markup
    assert "learning" not in shown[before:]


def test_a_notice_stays_above_the_live_lines(terminal: Terminal) -> None:
    line = "source \x1b[31m lost " + "x" * 150
    with redirect_stderr(terminal), reporting() as callbacks:
        assert callbacks.progress is not None and callbacks.notice is not None
        callbacks.progress(1, 2)
        callbacks.notice(line)
        callbacks.progress(2, 2)
    shown = terminal.getvalue()
    assert f"drc: {line.replace(chr(27), '�')}\n" in shown  # whole, on a line of its own
    assert shown.index("lost") < shown.rindex("2/2")


def test_live_lines_end_with_an_error(terminal: Terminal) -> None:
    with redirect_stderr(terminal), pytest.raises(RuntimeError), reporting() as callbacks:
        assert callbacks.learning is not None
        callbacks.learning(LearnState("learning", 30, 60))
        raise RuntimeError
    shown = terminal.getvalue()
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
