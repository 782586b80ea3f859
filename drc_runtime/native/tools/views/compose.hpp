// Views of an image and its foreground probability. All images are 8-bit BGR.
#pragma once

#include <opencv2/core.hpp>

namespace live {

// The foreground as it is, the background dark and grey, and a thin bright line along the mask's edge.
cv::Mat overlay(const cv::Mat &image, const cv::Mat &probability);

// The image with the probability as alpha: BGRA, not premultiplied.
cv::Mat cutout(const cv::Mat &image, const cv::Mat &probability);

// 255 where the probability is one half or more, else 0.
cv::Mat threshold(const cv::Mat &probability);

}  // namespace live
