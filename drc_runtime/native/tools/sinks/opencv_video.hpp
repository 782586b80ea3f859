// The overlay as a video of constant frame rate.
#pragma once

#include <filesystem>
#include <memory>

#include "frames.hpp"

namespace live {

bool is_video_name(const std::filesystem::path &path);  // one that OpenCV can write here: .mp4 or .avi

// hold: repeats a frame until the next one is due, for live sources, which drop frames. The video would run too fast without.
std::unique_ptr<Sink> open_video_sink(const std::filesystem::path &path, double rate, bool hold);

}  // namespace live
