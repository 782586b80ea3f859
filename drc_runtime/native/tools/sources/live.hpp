// Cameras and network streams. Only the latest frame matters; a lost source is opened again until the run ends.
#pragma once

#include <memory>
#include <string>

#include "frames.hpp"

namespace live {

std::unique_ptr<Source> open_camera(int number);
std::unique_ptr<Source> open_stream(const std::string &address);

}  // namespace live
