#include "mask.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <opencv2/imgproc.hpp>

#include "preprocess.hpp"

namespace drc::detail {
namespace {

// Beyond this an 8-bit probability does not change any more.
constexpr double largest_log_odds = 8.0;

// In float32 throughout, as numpy computes it.
float logit(float mask) {
    const float clipped = std::min(std::max(mask, 1e-6f), 1.0f - 1e-6f);
    return std::log(clipped / (1.0f - clipped));
}

// Adds what the likelihoods say of one row.
template <bool squared>
void add_evidence(const std::uint8_t *image, const std::uint8_t *foreground, const std::uint8_t *background,
                  const Evidence &evidence, int columns, float *log_odds) {
    const auto distance = [](int one, int other) { return squared ? (one - other) * (one - other) : std::abs(one - other); };
    for (int x = 0; x < columns; ++x, image += 3, foreground += 3, background += 3) {
        int to_background = 0, to_foreground = 0;
        for (int channel = 0; channel < 3; ++channel) {
            to_background += distance(image[channel], background[channel]);
            to_foreground += distance(image[channel], foreground[channel]);
        }
        log_odds[x] += static_cast<float>(to_background) * evidence.background -
                       static_cast<float>(to_foreground) * evidence.foreground + evidence.constant;
    }
}

Evidence weigh(const Manifest &manifest) {
    // 127.5 grey levels are 1 in the network's range
    const double unit = manifest.gaussian ? 127.5 * 127.5 : 127.5;
    const double scale = 1 / (unit * 2 * manifest.sigma * manifest.sigma), spread = manifest.foreground_spread;
    const double constant = -3 * (manifest.gaussian ? 1 : 2) * std::log(spread);  // of the densities, for three channels
    return {manifest.gaussian, static_cast<float>(scale), static_cast<float>(scale / (spread * spread)), static_cast<float>(constant)};
}

}  // namespace

MaskReader::MaskReader(const Manifest &manifest)
    : sigmoid_(1, 256, CV_8U),
      evidence_(weigh(manifest)),
      logit_(static_cast<int>(manifest.height), static_cast<int>(manifest.width), CV_32F),
      foreground_(logit_.size(), CV_8UC3),
      background_(logit_.size(), CV_8UC3) {
    // A table, because an exponential for each pixel of a camera's frame would cost more than a step.
    for (int i = 0; i < 256; ++i) {
        const double log_odds = -largest_log_odds + i * (2 * largest_log_odds / 255);
        sigmoid_.at<std::uint8_t>(i) = static_cast<std::uint8_t>(std::nearbyint(255 / (1 + std::exp(-log_odds))));
    }
}

std::int64_t MaskReader::read(const Buffers &maps, const Preprocessor *image, bool bgr, cv::Mat &probability) {
    std::transform(maps.mask.begin(), maps.mask.begin() + static_cast<std::ptrdiff_t>(logit_.total()), logit_.begin<float>(), logit);
    const cv::Mat *read = &logit_;
    if (image != nullptr) {
        to_image(maps.foreground.data(), bgr, foreground_);
        to_image(maps.background.data(), bgr, background_);
        const auto add = evidence_.squared ? add_evidence<true> : add_evidence<false>;
        for (int row = 0; row < logit_.rows; ++row)
            add(image->for_network().ptr(row), foreground_.ptr(row), background_.ptr(row), evidence_, logit_.cols, logit_.ptr<float>(row));
        read = &edges_.follow(logit_, image->for_reading(), bgr, static_cast<float>(largest_log_odds));
    }
    cv::resize(*read, log_odds_, probability.size(), 0, 0, cv::INTER_LINEAR);
    log_odds_.convertTo(index_, CV_8U, 127.5 / largest_log_odds, 127.5);  // to the nearest entry of the table
    cv::LUT(index_, sigmoid_, probability);
    std::int64_t foreground_pixels = 0;
    for (int row = 0; row < probability.rows; ++row) {
        const std::uint8_t *values = probability.ptr(row);
        int sum = 0;
        for (int x = 0; x < probability.cols; ++x) sum += values[x] >> 7;
        foreground_pixels += sum;
    }
    return foreground_pixels;
}

}  // namespace drc::detail
