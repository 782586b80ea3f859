"""Colour codes that readers and writers of videos share. They are those of ITU-T H.273, which FFmpeg uses too."""

BT709, BT601 = 1, 6
LIMITED_RANGE, FULL_RANGE = 1, 2
SWSCALE_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
"""Code of a colour matrix -> the code that swscale has for it; swscale computes no others."""


def matrix_by_size(height: int, width: int) -> int:
    """The colour matrix that players assume for a video that states none: BT.709 for HD, else BT.601."""
    return BT709 if height >= 720 or width >= 1280 else BT601


def known_matrix(stated: int | None, height: int, width: int) -> int:
    """The stated colour matrix, or the one that is assumed where none is stated or swscale cannot compute it."""
    return stated if stated in SWSCALE_MATRICES and stated is not None else matrix_by_size(height, width)
