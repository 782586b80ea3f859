"""The terminal dashboard of ``drc train --watch``: every figure now, lately and over the whole run."""

from rich.console import Group
from rich.panel import Panel
from rich.table import Table

BARS = "▁▂▃▄▅▆▇█"
COLUMNS = 48
"""Points of a figure's history: when there are twice as many, neighbours are joined."""
MESSAGES = 5


class History:
    """A figure over the run in a fixed number of means, coarser as the run gets longer."""

    def __init__(self) -> None:
        self.last = 0.0
        self._means: list[float] = []
        self._each, self._sum, self._count = 1, 0.0, 0

    def add(self, value: float) -> None:
        """The figure of one more iteration."""
        self.last = value
        self._sum, self._count = self._sum + value, self._count + 1
        if self._count < self._each:
            return
        self._means.append(self._sum / self._count)
        self._sum, self._count = 0.0, 0
        if len(self._means) == 2 * COLUMNS:
            self._means = [(a + b) / 2 for a, b in zip(self._means[::2], self._means[1::2], strict=True)]
            self._each *= 2

    @property
    def bars(self) -> str:
        """The history as a line of block characters between its own lowest and highest mean."""
        means = [mean for mean in self._means[-COLUMNS:] if abs(mean) < float("inf")]
        if not means:
            return ""
        low, span = min(means), (max(means) - min(means)) or 1.0
        return "".join(BARS[int((mean - low) / span * (len(BARS) - 1))] for mean in means)


class Dashboard:
    """Collects what happens and draws it."""

    def __init__(self) -> None:
        self._histories: dict[str, History] = {}
        self._messages: list[str] = []

    def note(self, figures: dict[str, float]) -> None:
        """The figures of one iteration."""
        for name, value in figures.items():
            self._histories.setdefault(name, History()).add(value)

    def say(self, message: str) -> None:
        """A line that stays until newer ones push it out."""
        self._messages = [*self._messages, message][-MESSAGES:]

    def draw(self, iteration: int, pace: float, remaining: str) -> Panel:
        """``pace``: iterations a second; ``remaining``: the time left, as it is to be read."""
        table = Table("figure", "now", "history", box=None, pad_edge=False, expand=True)
        for name, history in self._histories.items():
            table.add_row(name.replace("_", " "), f"{history.last:.4g}", history.bars)
        title = f"iteration {iteration}, {pace:.2f} a second, {remaining} left"
        return Panel(Group(table, *self._messages), title=title, title_align="left")
