// Pictures of a camera's state: float32, in grey levels, red first, at the network's size, without gaps between rows.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <opencv2/core.hpp>

namespace drc::detail {

using Picture = cv::Mat_<cv::Vec3f>;
using Plane = cv::Mat_<float>;
using Where = cv::Mat_<std::uint8_t>;  // 0 or 1

// The sum of a pixel's channels, and of their absolute values.
inline float over_channels(const cv::Vec3f &pixel) { return pixel[0] + pixel[1] + pixel[2]; }
inline float distance(const cv::Vec3f &one, const cv::Vec3f &other) {
    return std::abs(one[0] - other[0]) + std::abs(one[1] - other[1]) + std::abs(one[2] - other[2]);
}

inline float clip_grey(float value) { return std::min(std::max(value, 0.0f), 255.0f); }

Picture to_grey(const Picture &picture);  // without its colours
Plane grey_plane(const Picture &picture);

// A picture moved by x and y pixels; its edge goes on outwards.
cv::Mat shifted(const cv::Mat &picture, double x, double y);

// Of all numbers of a picture, in double precision.
double mean(const Picture &picture);
double deviation(const Picture &picture);

// Calls `function(index)` for each pixel.
template <typename Function>
void each_pixel(const cv::Mat &like, Function function) {
    const int count = static_cast<int>(like.total());
    for (int i = 0; i < count; ++i) function(i);
}

}  // namespace drc::detail
