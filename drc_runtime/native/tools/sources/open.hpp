#pragma once

#include <memory>
#include <string>

#include "frames.hpp"

namespace live {

// Opens an image, a folder of images, a video, a camera (webcam:1) or a stream (rtsp:// or http://).
std::unique_ptr<Source> open_source(const std::string &spec);

}  // namespace live
