"""The student: a network that takes an image to the foreground's log-odds in one pass, without a chain.

It is no part of the paper. It learns from the masks that several methods without labels give the same images
(``drc_train.distillation``), never from a label itself.
"""

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from drc_train.model.networks import LATENT_SLOPE

SIZE = 128
"""Height and width of its image and of its map, whatever the size of the run's own networks."""
WIDTHS = (16, 32, 64, 80, 96)
"""Channels at a half, a quarter, ... of the image's size. The last maps see the whole image."""


class Student(nn.Module):
    """A U-Net (Ronneberger et al., 2015) whose skips are added instead of concatenated: half a million weights."""

    def __init__(self, normalised: bool = False) -> None:
        """``normalised``: with batch normalisation, to learn; ``fused`` takes it out again."""
        super().__init__()
        pairs = list(zip(WIDTHS[:-1], WIDTHS[1:], strict=True))
        self.stem = _layer(3, WIDTHS[0], 4, 2, normalised)
        self.down = nn.ModuleList(
            nn.Sequential(_layer(few, many, 3, 2, normalised), _layer(many, many, 3, 1, normalised))
            for few, many in pairs
        )
        self.wider = nn.ModuleList(nn.ConvTranspose2d(many, few, 2, 2) for few, many in reversed(pairs))
        self.up = nn.ModuleList(_layer(few, few, 3, 1, normalised) for few, _ in reversed(pairs))
        self.head = nn.ConvTranspose2d(WIDTHS[0], 1, 4, 2, 1)

    def forward(self, image: Tensor) -> Tensor:
        """``(B, 3, SIZE, SIZE)`` in [-1, 1] to log-odds ``(B, 1, SIZE, SIZE)``."""
        maps = [self.stem(image)]
        for down in self.down:
            maps.append(down(maps[-1]))
        found = maps.pop()
        for wider, up in zip(self.wider, self.up, strict=True):
            found = up(wider(found) + maps.pop())
        return self.head(found)  # type: ignore[no-any-return]

    def fused(self) -> "Student":
        """The same function without normalisation, whose moving averages become part of the convolutions: for inference."""
        plain, modules = Student(), dict(self.eval().named_modules())
        for name, module in plain.named_modules():
            own = modules[name]
            if isinstance(module, nn.Conv2d):
                own = fuse_conv_bn_eval(own, modules[f"{name.rpartition('.')[0]}.1"])
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                module.load_state_dict(own.state_dict())
        return plain.eval()


def _layer(inputs: int, outputs: int, kernel: int, stride: int, normalised: bool) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, 1, bias=not normalised)
    normal = nn.BatchNorm2d(outputs) if normalised else nn.Identity()
    return nn.Sequential(convolution, normal, nn.LeakyReLU(LATENT_SLOPE))
