"""Tables 1 to 4 of the paper as rows: what is learned, what is measured, and the paper's figures (section 4)."""

from typing import NamedTuple


class DataSet(NamedTuple):
    """A data set of the paper, where ``drc reproduce`` looks for it and how it gets there."""

    title: str
    preset: str
    recipe: str
    """The command that prepares it, for the protocol in the place of PROTOCOL (docs/paper.md says where the download is from);
    empty where it is drawn. How dogs and cars were cropped was not released."""
    drawn: int = 0
    """Images to learn from that drc draws itself; 0 where the set is a folder."""
    limit: int | None = None
    """Images that the paper measures on; None for all."""


def _converted(name: str, folder: str, options: str) -> str:
    return f"drc data convert {name} DOWNLOAD DIR/{folder} {options}".rstrip()


SETS = {
    "birds": DataSet("Birds", "birds", _converted("cub", "birds", "--split all --protocol PROTOCOL")),
    "dogs": DataSet("Dogs", "dogs", _converted("dogs", "dogs", "--truth MASKS --split all --protocol paper")),
    "cars": DataSet("Cars", "cars", _converted("cars", "cars", "--truth MASKS --split all")),
    "clevr6": DataSet(
        "CLEVR6", "clevr6", _converted("clevr6", "clevr6", "--split all --protocol PROTOCOL"), limit=1000
    ),
    "tm-dsprites": DataSet("TM-dSprites", "tm-dsprites", "", drawn=20000, limit=1000),
    "birds-split": DataSet("Birds", "birds", _converted("cub", "birds-split", "--split table3 --protocol PROTOCOL")),
    "dogs-split": DataSet("Dogs", "dogs", _converted("dogs", "dogs-split", "--truth MASKS --protocol paper")),
    "cars-split": DataSet("Cars", "cars", _converted("cars", "cars-split", "--truth MASKS")),
}
"""By the name of their folder. Those that end in ``-split`` have ``train`` and ``test``."""


class Figures(NamedTuple):
    """What the paper reports of masks, in percent."""

    iou: float
    dice: float


class Row(NamedTuple):
    """One figure of a table of the paper."""

    title: str
    measured: str
    """A name in ``SETS``, with ``/train`` or ``/test`` where it is split."""
    paper: Figures | None
    """None where the paper has no figure: the masks meant nothing."""
    learned: str | None
    """A name in ``SETS``; None for GrabCut, which learns nothing."""
    ablation: str = "full"
    """A name in ``ablation_plan.ROWS``: what is left out."""


GRABCUT = "GrabCut"
_SPLIT = ("birds-split", "dogs-split", "cars-split")

_TABLE_1 = {
    "birds": (Figures(56.4, 70.9), Figures(30.2, 42.7)),
    "dogs": (Figures(71.7, 83.2), Figures(58.3, 70.9)),
    "cars": (Figures(72.4, 83.7), Figures(61.3, 73.1)),
    "clevr6": (Figures(84.7, 91.5), Figures(19.0, 30.5)),
    "tm-dsprites": (Figures(78.8, 87.5), Figures(61.9, 71.0)),
}
"""This method's figures and GrabCut's."""
_TABLE_2 = (
    ("amortised inference", "amortised", None),
    ("without pixel re-assignment", "no-reassignment", Figures(21.8, 35.3)),
    ("without pseudo label", "no-pseudo-label", Figures(48.7, 64.2)),
    ("without total variation", "no-total-variation", Figures(53.0, 68.1)),
    ("without orthogonal regularisation", "no-orthogonal", Figures(54.3, 69.2)),
    ("short-run chain", "short-run", Figures(52.5, 67.7)),
    ("full model", "full", Figures(56.4, 70.9)),
)
_TABLE_3 = {
    "birds-split/train": (Figures(54.8, 69.5), Figures(30.2, 42.7)),
    "birds-split/test": (Figures(54.6, 69.4), Figures(30.3, 42.8)),
    "dogs-split/train": (Figures(71.6, 83.2), Figures(58.3, 70.8)),
    "dogs-split/test": (Figures(72.3, 83.6), Figures(57.9, 70.5)),
    "cars-split/train": (Figures(71.9, 83.3), Figures(60.9, 72.7)),
    "cars-split/test": (Figures(70.8, 82.5), Figures(61.6, 73.5)),
}
_TABLE_4 = {
    "birds-split": (("birds-split", 54.6, 69.4), ("dogs-split", 41.3, 57.4), ("cars-split", 39.2, 55.3)),
    "dogs-split": (("dogs-split", 72.3, 83.6), ("cars-split", 67.8, 80.4), ("birds-split", 53.6, 69.1)),
    "cars-split": (("cars-split", 70.8, 82.5), ("dogs-split", 68.6, 81.0), ("birds-split", 45.1, 61.7)),
}


def _grabcut(measured: str, paper: Figures) -> Row:
    return Row(f"{GRABCUT} on {describe(measured)}", measured, paper, None)


def describe(measured: str) -> str:
    """A set or a part of it, such as ``Birds, test``."""
    name, _, part = measured.partition("/")
    return SETS[name].title + (f", {part}" if part else "")


TABLES: dict[str, tuple[Row, ...]] = {
    "table1": (
        *(Row(SETS[name].title, name, paper, name) for name, (paper, _) in _TABLE_1.items()),
        *(_grabcut(name, paper) for name, (_, paper) in _TABLE_1.items()),
    ),
    "table2": tuple(Row(f"Birds, {title}", "birds", paper, "birds", name) for title, name, paper in _TABLE_2),
    "table3": (
        *(Row(describe(part), part, paper, part.partition("/")[0]) for part, (paper, _) in _TABLE_3.items()),
        *(_grabcut(part, paper) for part, (_, paper) in _TABLE_3.items()),
    ),
    "table4": (
        *(
            Row(
                f"{SETS[seen].title} by the model of {SETS[learned].title}", f"{seen}/test", Figures(iou, dice), learned
            )
            for seen, others in _TABLE_4.items()
            for learned, iou, dice in others
        ),
        *(_grabcut(f"{name}/test", _TABLE_3[f"{name}/test"][1]) for name in _SPLIT),
    ),
}
"""Of each table the rows of this method and of GrabCut; the paper's other methods are not part of this project."""
