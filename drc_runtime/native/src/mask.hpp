// The maps of a posterior sample -> the foreground's probability for each pixel of the picture itself.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <opencv2/core.hpp>

#include "engine.hpp"
#include "preprocess.hpp"

namespace drc::detail {

// The log-odds of a pixel are background * |p - b| - foreground * |p - f| + constant, over the sums of three channels.
struct Evidence {
    float background, foreground, constant;
};

class MaskReader {
public:
    // height, width: the network's picture; sigma: of the background's Laplace likelihood; spread: the foreground's over it.
    MaskReader(int height, int width, double sigma, double spread);

    // picture: the frame at the resolution of the reading, of which `bgr` tells the order of the channels.
    // probability: 8 bits at the frame's own size. With a picture it is the responsibility (Eq. 7), without one (NULL) the
    // mixture weight. Returns how many pixels have 128 or more.
    std::int64_t read(const Buffers &maps, const cv::Mat *picture, bool bgr, cv::Mat &probability);

private:
    cv::Mat sigmoid_;  // a table
    Evidence evidence_;
    std::vector<std::uint32_t> distances_;  // of one row
    cv::Size size_;                         // of the reading
    cv::Mat logit_, read_, log_odds_, index_, foreground_, background_, foreground_scaled_, background_scaled_;
};

}  // namespace drc::detail
