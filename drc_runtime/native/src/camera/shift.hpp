// How far a camera has moved: the least squares of Lucas and Kanade (1981) over the whole picture, robust, as
// drc_runtime/camera/shift.py finds it.
#pragma once

#include "camera/pictures.hpp"

namespace drc::detail {

struct Shift {
    double x, y;  // pixels to the right and down, by which the frame shows the background
    double left;  // the share of the residual that is left with them
};

// background: under the frame's light. sure: how sure a pixel is background.
Shift find_shift(const Picture &background, const Picture &image, const Plane &sure);

}  // namespace drc::detail
