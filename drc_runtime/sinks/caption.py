"""Draws lines of text into the upper left corner of an image."""

from collections.abc import Sequence

import cv2

from drc_runtime.images import Image

FONT = cv2.FONT_HERSHEY_SIMPLEX
SMALLEST, LARGEST = 0.4, 1.0


def draw_caption(image: Image, lines: Sequence[str]) -> None:
    """Draws ``lines`` into ``image``, ``(H, W, 3)`` uint8, on a darkened rectangle.

    Text that does not fit is cut off. Characters outside ASCII become question marks: OpenCV's font lacks them.
    """
    height, width = image.shape[:2]
    scale = min(max(height / 720 * 0.6, SMALLEST), LARGEST)
    thickness = 1 if scale < 0.8 else 2
    texts = [line.encode("ascii", "replace").decode() for line in lines]
    sizes = [cv2.getTextSize(text, FONT, scale, thickness)[0] for text in texts]
    if not sizes:
        return
    margin = round(12 * scale)
    step = max(size[1] for size in sizes) + margin
    right = min(width, max(size[0] for size in sizes) + 2 * margin)
    bottom = min(height, step * len(texts) + margin)
    image[:bottom, :right] = image[:bottom, :right] // 3
    for number, text in enumerate(texts, 1):
        cv2.putText(image, text, (margin, number * step), FONT, scale, (255, 255, 255), thickness, cv2.LINE_AA)
