// Image to network tensor and back, as in drc_runtime/preprocess.py.
#pragma once

#include <opencv2/core.hpp>

#include "area.hpp"

namespace drc::detail {

// Scales images to one size and reuses its buffers.
class Scaler {
public:
    Scaler(int height, int width) : size_(width, height) {}

    // image: 8 bits, 3 channels, any size and aspect ratio. The result is valid until the next call.
    const cv::Mat &scale(const cv::Mat &image);

    cv::Size size() const { return size_; }

private:
    cv::Size size_;
    cv::Mat shrunk_, scaled_;
};

// One image at two sizes: the network's, and twice that for the guided filter of the mask.
class Preprocessor {
public:
    static constexpr int filter_scale = 2;  // FILTER_SCALE in drc_runtime/inference/mask.py

    Preprocessor(int height, int width);

    // image: 8 bits, 3 channels, any size and aspect ratio; its pixels must stay valid while the results are in use.
    void scale(const cv::Mat &image);

    // Writes 3 x height x width in [-1, 1], red first; `bgr` is the order of the image's channels.
    void to_tensor(bool bgr, float *tensor) const;

    const cv::Mat &for_network() const { return *for_network_; }
    const cv::Mat &for_filter() const { return *for_filter_; }

private:
    AreaScaler area_;
    Scaler network_, twice_;  // where AreaScaler does not suit
    cv::Mat image_, network_buffer_, filter_buffer_;
    const cv::Mat *for_network_, *for_filter_;
};

// 3 x height x width in [-1, 1], red first, to 8 bits; values out of range are clipped.
void to_image(const float *tensor, bool bgr, cv::Mat &image);

}  // namespace drc::detail
