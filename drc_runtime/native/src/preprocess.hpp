// Image -> network tensor, as drc_runtime/preprocess.py does it.
#pragma once

#include <opencv2/core.hpp>

#include "area.hpp"

namespace drc::detail {

// Scales one image after another to one size; the buffers in between are kept.
class Scaler {
public:
    Scaler(int height, int width) : size_(width, height) {}

    // image: 8-bit, 3 channels, of any size and aspect ratio. The result lives until the next call.
    const cv::Mat &scale(const cv::Mat &image);

    cv::Size size() const { return size_; }

private:
    cv::Size size_;
    cv::Mat shrunk_, scaled_;
};

// One image at the two sizes that are needed of it: the network's, and twice that, where the mask's outline is found.
class Preprocessor {
public:
    static constexpr int reading = 2;  // SCALE in drc_runtime/edges.py

    Preprocessor(int height, int width);

    // image: 8-bit, 3 channels, of any size and aspect ratio; its pixels must stay until the results have been read.
    void scale(const cv::Mat &image);

    // 3 x height x width in [-1, 1], red first; `bgr` tells the order of the image's channels.
    void to_tensor(bool bgr, float *tensor) const;

    const cv::Mat &for_network() const { return *for_network_; }
    const cv::Mat &for_reading() const { return *for_reading_; }

private:
    AreaScaler area_;
    Scaler network_, twice_;  // for images that are not much larger
    cv::Mat image_, network_buffer_, reading_buffer_;
    const cv::Mat *for_network_, *for_reading_;
};

// 3 x height x width in [-1, 1], red first, to 8 bits; values outside are clipped.
void to_image(const float *tensor, bool bgr, cv::Mat &image);

}  // namespace drc::detail
