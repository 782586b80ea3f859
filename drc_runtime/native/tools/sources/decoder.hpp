// What the sources that OpenCV decodes have in common.
#pragma once

#include <string>

namespace live {

// The name of a video's frame, which its mask gets: 00042.
std::string frame_name(long index);

// The frame rate that a container or a camera states, or 25 where it is not plausible.
double plausible_rate(double stated);

}  // namespace live
