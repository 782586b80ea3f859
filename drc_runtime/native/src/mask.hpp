// The maps of a posterior sample -> the foreground's probability for each pixel of the image itself.
#pragma once

#include <cstdint>

#include <opencv2/core.hpp>

#include "edges.hpp"
#include "engine.hpp"
#include "manifest.hpp"
#include "preprocess.hpp"

namespace drc::detail {

// The log-odds of a pixel are background * d(p, b) - foreground * d(p, f) + constant. d sums the channels' differences, or
// their squares where the likelihood is Gaussian.
struct Evidence {
    bool squared;
    float background, foreground, constant;
};

class MaskReader {
public:
    explicit MaskReader(const Manifest &manifest);

    // image: has scaled the frame, of which `bgr` tells the order of the channels.
    // probability: 8 bits at the frame's own size. With an image it is the responsibility (Eq. 7), without one (NULL) the
    // mixture weight. Returns how many pixels have 128 or more.
    std::int64_t read(const Buffers &maps, const Preprocessor *image, bool bgr, cv::Mat &probability);

private:
    cv::Mat sigmoid_;  // a table
    Evidence evidence_;
    EdgeFilter edges_;
    cv::Mat logit_, log_odds_, index_, foreground_, background_;
};

}  // namespace drc::detail
