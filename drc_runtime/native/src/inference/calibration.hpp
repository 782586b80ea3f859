// Measures before a run how many Langevin steps fit into the time of a frame, as drc_runtime/inference/calibration.py does.
#pragma once

#include <drc/drc.h>

#include "inference/extractor.hpp"

namespace drc::detail {

// image: the first frame, whose size decides what preprocessing and reading the mask cost. rate: frames a second.
drc_calibration calibrate(drc_extractor &extractor, const drc_image &image, double rate);

}  // namespace drc::detail
