// Images, folders of images and videos on disk.
#pragma once

#include <filesystem>
#include <memory>

#include "frames.hpp"

namespace live {

std::unique_ptr<Source> open_images(const std::filesystem::path &path);  // one image or a folder
std::unique_ptr<Source> open_video(const std::filesystem::path &path);

}  // namespace live
