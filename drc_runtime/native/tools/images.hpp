// Images on the disk, read by the rules of drc_runtime/preprocess.py.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <opencv2/core.hpp>

namespace live {

// Whether the file's name ends as an image's does.
bool is_image_name(const std::filesystem::path &path);

// The images of a folder (not of its subfolders, not hidden) in natural order: frame2 before frame10.
std::vector<std::filesystem::path> list_images(const std::filesystem::path &folder);

// 8 bits BGR: EXIF rotation applied, 16 bits scaled to 8, alpha dropped; what is cut short is refused.
cv::Mat read_image(const std::filesystem::path &path);

}  // namespace live
