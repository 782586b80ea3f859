"""``drc run --learn`` on a live source: learns beside the run, which takes over what was learned between two frames."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from drc_runtime.errors import DRCError
from drc_runtime.frames import Frame, Source
from drc_runtime.pipeline.learn import learn
from drc_runtime.pipeline.learn_child import Child
from drc_runtime.pipeline.learn_state import DONE, LearnCallback, LearnState
from drc_runtime.pipeline.learned import load_background
from drc_runtime.pipeline.model_choice import ModelChoice
from drc_runtime.pipeline.options import Notice
from drc_runtime.preprocess import to_tensor

if TYPE_CHECKING:
    from drc_runtime.engines.protocol import Array
    from drc_runtime.inference.extraction import Extraction
    from drc_runtime.inference.extractor import Extractor
    from drc_runtime.pipeline.frame_extractor import FrameExtractor

RECENT, RECENT_GAP = 6, 1.0
"""Frames by which two models are compared, and the seconds between them."""
WAITING = 2
"""Frames that may wait for the recording; more are left out of it."""
STOP_SECONDS = 60.0
"""The child gets this long to save its checkpoint when the run ends."""


@dataclass(frozen=True)
class Handover:
    """What a run takes over between two frames."""

    background: "Array | None" = None
    """(h, w, 3) in grey levels, without what stands in it."""
    extractor: "Extractor | None" = None
    """With the learned model."""
    z: "Array | None" = None
    """A latent of the learned model for the latest frame."""


class LiveLearning:
    """Records, learns and compares in a thread of its own, beside the loop that shows masks.

    Args:
        source: whose frames ``see`` gets.
        choice: the model that runs now, and the folder that gets the new one.
        seconds: for recording, learning and export.
        load: loads a model; called in the thread.
        report: called with the progress, from the thread.
        notice: called with a line of text when something was decided.

    Attributes:
        learned: the new bundle, once it has been taken over.
    """

    def __init__(
        self,
        source: Source,
        choice: ModelChoice,
        seconds: float,
        load: "Callable[[Path], Extractor]",
        report: LearnCallback,
        notice: Notice,
    ) -> None:
        assert choice.folder is not None, "check_learning lets no source pass that has no name"
        self.learned: Path | None = None
        self._source, self._folder, self._seconds = source, choice.folder, seconds
        self._bundle, self._load, self._report, self._notice = choice.bundle, load, report, notice
        self._old: Extractor | None = None
        self._frames: queue.Queue[Frame | None] = queue.Queue(WAITING)
        self._ready: queue.SimpleQueue[Handover] = queue.SimpleQueue()
        self._recent: deque[Frame] = deque(maxlen=RECENT)
        self._recording = True
        self._stopped = threading.Event()
        self._child = Child()
        self._thread = threading.Thread(target=self._run, name="drc-learn", daemon=True)

    def __enter__(self) -> "LiveLearning":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends learning: the child saves its checkpoint, and a later ``--learn`` continues it."""
        self._stopped.set()
        self._child.interrupt()
        self._thread.join(STOP_SECONDS)

    def see(self, frame: Frame) -> None:
        """Looks at a frame before it is extracted; never waits."""
        if self._recording:
            try:
                self._frames.put_nowait(frame)
            except queue.Full:
                pass
        if not self._recent or frame.seconds - self._recent[-1].seconds >= RECENT_GAP:
            self._recent.append(frame)

    def beside(self, extractor: "FrameExtractor") -> "Callable[[Frame], Extraction | None]":
        """``extractor.extract`` with a look at each frame before, and with what is learned."""

        def extract(frame: Frame) -> "Extraction | None":
            self.see(frame)
            handover = self.take()
            if handover is not None and handover.background is not None:
                extractor.know(handover.background)
            if handover is not None and handover.extractor is not None and handover.z is not None:
                extractor.go_on_with(handover.extractor, handover.z)
            return extractor.extract(frame)

        return extract

    def take(self) -> Handover | None:
        """What is ready to be taken over before the next frame."""
        try:
            return self._ready.get_nowait()
        except queue.Empty:
            return None

    def _run(self) -> None:
        try:
            bundle = learn(
                self._source,
                self._recorded(),
                self._folder,
                self._seconds,
                report=self._progress,
                notice=self._notice,
                child=self._child,
            )
            self._compare(bundle)
        except DRCError as error:
            if self._stopped.is_set():
                self._notice(f"learning stopped; what was recorded and learned is kept in {self._folder}")
            else:
                self._notice(f"not learned: {error}")
        finally:
            self._recording = False
            self._report(LearnState(DONE, 0, 0, str(self.learned or "")))

    def _recorded(self) -> Iterator[Frame]:
        while not self._stopped.is_set():
            try:
                frame = self._frames.get(timeout=0.2)
            except queue.Empty:
                continue
            if frame is not None:
                yield frame

    def _progress(self, state: LearnState) -> None:
        if state.phase == "learning" and self._recording:
            self._recording = False
            self._old = self._load(self._bundle)
            self._ready.put(Handover(load_background(self._folder, self._old.manifest.image_size)))
        self._report(state)

    def _compare(self, bundle: Path) -> None:
        """Takes the new model over if it explains the latest frames better than the running one."""
        from drc_runtime.inference.explanation import explain

        new, old = self._load(bundle), self._old or self._load(self._bundle)
        background = load_background(self._folder, new.manifest.image_size)
        assert background is not None, "the child writes it before it learns"
        frames = [to_tensor(frame.image, new.manifest.image_size) for frame in list(self._recent)]
        if not frames:
            return
        ours, theirs = explain(new, frames, background), explain(old, frames, background)
        figures = (
            f"log-posterior a pixel {ours.log_posterior:.3f}, {old.manifest.name} {theirs.log_posterior:.3f}, "
            f"{new.manifest.training.get('iterations', '?')} iterations"
        )
        if ours.log_posterior <= theirs.log_posterior:
            self._notice(
                f"the learned model explains the latest frames no better ({figures}): {old.manifest.name} goes on"
            )
            return
        self._ready.put(Handover(None, new, ours.z))
        self.learned = bundle
        self._notice(f"the learned model takes over: it explains the latest frames better ({figures})")
