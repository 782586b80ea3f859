// Masks and cut-outs as PNG files.
#pragma once

#include <filesystem>
#include <memory>

#include "frames.hpp"

namespace live {

// One mask a frame, named after it; `soft` keeps the probabilities, else 0 and 255.
std::unique_ptr<Sink> open_masks(const std::filesystem::path &folder, bool soft);

// The image with the probability as alpha: to `path` itself if it ends in .png, else into the folder `path`.
std::unique_ptr<Sink> open_cutouts(const std::filesystem::path &path);

}  // namespace live
