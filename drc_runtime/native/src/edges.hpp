// Log-odds at the network's resolution -> twice that, along the frame's own edges, as drc_runtime/edges.py does it.
#pragma once

#include <opencv2/core.hpp>

namespace drc::detail {

// A guided filter (He, Sun and Tang, 2010); the buffers are kept from one frame to the next.
class EdgeFilter {
public:
    // log_odds: float32, cut beyond `largest` first; image: the frame at twice their resolution, 8 bits, 3 channels.
    // The result has the image's size and lives until the next call.
    const cv::Mat &follow(const cv::Mat &log_odds, const cv::Mat &image, bool bgr, float largest);

private:
    cv::Mat grey8_, grey_, limited_, plane_, grey_mean_, plane_mean_, slope_, offset_, mean_, variance_;
};

}  // namespace drc::detail
