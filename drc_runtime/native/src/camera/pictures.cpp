#include "camera/pictures.hpp"

#include <algorithm>
#include <cmath>

namespace drc::detail {

// These are written out, with the bits that drc_runtime/camera/pictures.py computes: OpenCV's depend on its version (cv::warpAffine
// of OpenCV 4 rounds to 1/32 of a pixel) and on the processor, and a chain of few steps a frame lets a difference grow.

Plane grey_plane(const Picture &picture) {
    Plane grey(picture.size());
    each_pixel(picture, [&](int i) {
        const cv::Vec3f &pixel = picture(i);
        grey(i) = 0.299f * pixel[0] + 0.587f * pixel[1] + 0.114f * pixel[2];
    });
    return grey;
}

Picture to_grey(const Picture &picture) {
    const Plane grey = grey_plane(picture);
    Picture result(picture.size());
    each_pixel(picture, [&](int i) { result(i) = cv::Vec3f::all(grey(i)); });
    return result;
}

cv::Mat shifted(const cv::Mat &picture, double x, double y) {
    const int channels = picture.channels(), left = static_cast<int>(std::floor(-x)), up = static_cast<int>(std::floor(-y));
    const auto across = static_cast<float>(-x - left), down = static_cast<float>(-y - up);
    cv::Mat result(picture.size(), picture.type());
    for (int row = 0; row < picture.rows; ++row) {
        const float *above = picture.ptr<float>(std::clamp(row + up, 0, picture.rows - 1));
        const float *below = picture.ptr<float>(std::clamp(row + up + 1, 0, picture.rows - 1));
        auto *to = result.ptr<float>(row);
        for (int column = 0; column < picture.cols; ++column) {
            const int first = channels * std::clamp(column + left, 0, picture.cols - 1);
            const int second = channels * std::clamp(column + left + 1, 0, picture.cols - 1);
            for (int channel = 0; channel < channels; ++channel) {
                const float top = above[first + channel] + across * (above[second + channel] - above[first + channel]);
                const float bottom = below[first + channel] + across * (below[second + channel] - below[first + channel]);
                *to++ = top + down * (bottom - top);
            }
        }
    }
    return result;
}

double mean(const Picture &picture) {
    const cv::Scalar sums = cv::sum(picture);
    return (sums[0] + sums[1] + sums[2]) / (3.0 * static_cast<double>(picture.total()));
}

double deviation(const Picture &picture) {
    cv::Scalar means, deviations;
    cv::meanStdDev(picture.reshape(1), means, deviations);
    return deviations[0];
}

}  // namespace drc::detail
