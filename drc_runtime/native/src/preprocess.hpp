// Picture -> network tensor, as drc_runtime/preprocess.py does it, to the last bit.
#pragma once

#include <opencv2/core.hpp>

namespace drc::detail {

// Scales one picture after another to one size; the buffers in between are kept.
class Scaler {
public:
    Scaler(int height, int width) : size_(width, height) {}

    // picture: 8-bit, 3 channels, of any size and aspect ratio. The result lives until the next call.
    const cv::Mat &scale(const cv::Mat &picture);

    cv::Size size() const { return size_; }

private:
    cv::Size size_;
    cv::Mat shrunk_, scaled_;
};

// Scales to the network's size and range.
class Preprocessor {
public:
    Preprocessor(int height, int width) : scaler_(height, width) {}

    // picture: 8-bit, 3 channels, of any size and aspect ratio; `bgr` tells their order.
    // tensor: 3 x height x width in [-1, 1], red first.
    void to_tensor(const cv::Mat &picture, bool bgr, float *tensor);

private:
    Scaler scaler_;
};

// 3 x height x width in [-1, 1], red first, to 8 bits; values outside are clipped.
void to_picture(const float *tensor, bool bgr, cv::Mat &picture);

}  // namespace drc::detail
