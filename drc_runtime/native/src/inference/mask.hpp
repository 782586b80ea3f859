// From the maps of a posterior sample to the foreground probability of each pixel of the image, as drc_runtime/inference/mask.py
// computes it.
#pragma once

#include <cstdint>
#include <vector>

#include <opencv2/core.hpp>

#include "bundle/manifest.hpp"
#include "engines/onnxruntime.hpp"
#include "preprocess.hpp"

namespace drc::detail {

// The likelihoods' log-odds of a pixel p are background * d(p, b) - foreground * d(p, f) + constant, where d sums the channels'
// absolute differences, or their squares for a Gaussian likelihood.
struct Evidence {
    bool squared;
    float background, foreground, constant;
};

// Scales log-odds up along the image's edges with a guided filter (He, Sun and Tang, 2010).
class GuidedFilter {
public:
    // log_odds: float32, first clipped to [-largest, largest]. image: at twice their resolution, 8 bits, 3 channels.
    // The result has the size of `image` and is valid until the next call.
    const cv::Mat &follow_edges(const cv::Mat &log_odds, const cv::Mat &image, bool bgr, float largest);

private:
    cv::Mat grey8_, grey_, clipped_, plane_, grey_mean_, plane_mean_, slope_, offset_, mean_, variance_;
};

enum class Mask { responsibility, mixture };

class MaskReader {
public:
    MaskReader(const Manifest &manifest, Mask mask);

    // maps: of a sample, whose first row is read. image: the preprocessed image; `bgr` is the order of its channels.
    // probability: 8 bits at the image's own size. Returns the number of pixels with 128 or more.
    std::int64_t read(const Buffers &maps, const Preprocessor &image, bool bgr, cv::Mat &probability);

private:
    // Writes the log-odds at the network's resolution into log_odds_.
    void read_log_odds(const Buffers &maps, const Preprocessor &image, bool bgr);

    Mask mask_;
    bool needs_responsibility_;
    cv::Mat sigmoid_;  // a table
    Evidence evidence_;
    GuidedFilter filter_;
    cv::Mat log_odds_, scaled_, index_, foreground_, background_;
};

}  // namespace drc::detail
