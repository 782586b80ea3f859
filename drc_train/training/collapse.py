"""Detects collapsed masks during training: the trivial extractor of section 3.4, the usual failure at small scale."""

from torch import Tensor

NULL_SHARE = 0.01
"""Below this mean foreground share the foreground is a null region; above 1 minus this the background is."""
EQUAL_SPREAD = 0.005
"""Mean absolute deviation of the masks from their mean, in [0, 0.5], below which they do not depend on the image."""


def collapse(masks: Tensor) -> str | None:
    """What is wrong with a batch of masks and which settings to change; None if nothing is.

    Args:
        masks: pi_f ``(B, 1, H, W)`` in [0, 1], B > 1.
    """
    share = float(masks.mean())
    if share < NULL_SHARE:
        return (
            f"collapsed: the background explains everything (foreground share {share:.3f}); "
            "raise model.foreground_bias or model.foreground_centre, lower train.share_weight or model.latent.reassignment"
        )
    if share > 1 - NULL_SHARE:
        return (
            f"collapsed: the foreground explains everything (foreground share {share:.3f}); "
            "lower model.foreground_bias or model.latent.foreground, raise train.share_weight"
        )
    if float((masks - masks.mean(0)).abs().mean()) < EQUAL_SPREAD:
        return "collapsed: every image has the same mask; lower train.share_weight or use more varied images"
    return None
