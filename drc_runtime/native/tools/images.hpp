// Image files, read by the rules of drc_runtime/images.py.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <opencv2/core.hpp>

namespace live {

// Whether the file name has the suffix of an image.
bool is_image_name(const std::filesystem::path &path);

// The images of a folder, without subfolders and hidden files, in natural order: frame2 before frame10.
std::vector<std::filesystem::path> list_images(const std::filesystem::path &folder);

// 8-bit BGR; applies the EXIF rotation, scales 16 bits to 8, drops alpha, and refuses truncated files.
cv::Mat read_image(const std::filesystem::path &path);

}  // namespace live
