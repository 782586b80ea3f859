"""What a long command shows of its progress, on a terminal and elsewhere."""

import io
import threading

import pytest
from rich.console import Console

from drc_runtime import activity
from drc_runtime.activity import Activity


class Lines(io.StringIO):
    """A stream whose lines can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Condition()

    def flush(self) -> None:
        with self.written:
            self.written.notify_all()

    def wait_for(self, text: str) -> None:
        with self.written:
            assert self.written.wait_for(lambda: text in self.getvalue(), 60), self.getvalue()


def plain(out: io.StringIO) -> Console:
    return Console(file=out, force_terminal=False, width=40)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "FIRST_AFTER", 0.0)


def test_each_phase_is_a_plain_line(soon: None) -> None:
    out = Lines()
    with Activity(plain(out)) as report:
        report("exporting")
        out.wait_for("drc: exporting\n")
        report("measuring", 3, 10)
        out.wait_for("drc: measuring: 3 of 10\n")
        report("reading", 7)
        out.wait_for("drc: reading: 7\n")
    assert "\x1b" not in out.getvalue()


def test_one_phase_is_not_repeated_at_once(soon: None) -> None:
    out = Lines()
    with Activity(plain(out)) as report:
        report("measuring", 1, 10)
        out.wait_for("1 of 10")
        for done in range(2, 10):
            report("measuring", done, 10)
        report("building: tactics 1")
        out.wait_for("tactics 1")
        report("building: tactics 2")
        report("done")
        out.wait_for("done")
    assert out.getvalue().splitlines() == ["drc: measuring: 1 of 10", "drc: building: tactics 1", "drc: done"]


def test_one_phase_is_repeated_now_and_then(soon: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "PLAIN_EVERY", 0.01)
    out = Lines()
    with Activity(plain(out)) as report:
        report("measuring", 1)
        out.wait_for("measuring: 1\n")
        report("measuring", 2)
        out.wait_for("measuring: 2\n")


def test_what_ends_soon_is_silent() -> None:
    out = Lines()
    with Activity(plain(out)) as report:
        report("measuring", 1)
    assert out.getvalue() == ""


@pytest.mark.parametrize("failing", [True, False])
def test_a_terminal_has_one_line_that_disappears(failing: bool) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80)

    def work() -> None:
        with Activity(console) as report:
            report("measuring [bold]", 3, 10)
            report("measuring [bold]", 4, 10)
            if failing:
                raise ValueError

    if failing:
        with pytest.raises(ValueError):
            work()
    else:
        work()
    shown = out.getvalue()
    assert "measuring [bold]: 4 of 10" in shown
    assert shown.rstrip().endswith("\x1b[2K"), "the line is erased at the end"


def test_a_quiet_console_starts_no_thread() -> None:
    before = threading.active_count()
    with Activity(Console(quiet=True)) as report:
        report("measuring")
        assert threading.active_count() == before
