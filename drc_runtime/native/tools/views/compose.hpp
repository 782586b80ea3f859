// Image and foreground probability -> what a person sees. All images are 8 bits BGR.
#pragma once

#include <opencv2/core.hpp>

namespace live {

// The foreground lifted out: the rest is dim and without colour, and a thin bright line runs along the edge.
cv::Mat overlay(const cv::Mat &image, const cv::Mat &probability);

// The image with the probability as its transparency: BGRA, colours not premultiplied.
cv::Mat cutout(const cv::Mat &image, const cv::Mat &probability);

// 255 where the probability is one half or more, else 0.
cv::Mat threshold(const cv::Mat &probability);

}  // namespace live
