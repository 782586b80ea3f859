#include "inference/mask.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <opencv2/imgproc.hpp>

namespace drc::detail {
namespace {

constexpr double largest_log_odds = 8.0;  // beyond this the 8-bit probability stays the same
constexpr int filter_radius = 2;          // FILTER_RADIUS and
constexpr float filter_texture = 65.0f;   // FILTER_TEXTURE in drc_runtime/inference/mask.py

void mean(const cv::Mat &plane, cv::Mat &result) {
    constexpr int window = 2 * filter_radius + 1;
    cv::boxFilter(plane, result, -1, cv::Size(window, window));
}

// In float32 throughout, as numpy computes it.
float logit(float probability) {
    const float clipped = std::min(std::max(probability, 1e-6f), 1.0f - 1e-6f);
    return std::log(clipped / (1.0f - clipped));
}

// Adds the likelihoods' log-odds of one row.
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
    // normalising constants of the two densities, for three channels
    const double constant = -3 * (manifest.gaussian ? 1 : 2) * std::log(spread);
    return {manifest.gaussian, static_cast<float>(scale), static_cast<float>(scale / (spread * spread)), static_cast<float>(constant)};
}

}  // namespace

const cv::Mat &GuidedFilter::follow_edges(const cv::Mat &log_odds, const cv::Mat &image, bool bgr, float largest) {
    cv::cvtColor(image, grey8_, bgr ? cv::COLOR_BGR2GRAY : cv::COLOR_RGB2GRAY);
    grey8_.convertTo(grey_, CV_32F);
    clipped_.create(log_odds.size(), CV_32F);
    std::transform(log_odds.begin<float>(), log_odds.end<float>(), clipped_.begin<float>(),
                   [largest](float value) { return std::min(std::max(value, -largest), largest); });
    cv::resize(clipped_, plane_, image.size(), 0, 0, cv::INTER_LINEAR);
    mean(grey_, grey_mean_);
    mean(plane_, plane_mean_);
    cv::multiply(grey_, plane_, mean_);
    mean(mean_, slope_);
    cv::multiply(grey_, grey_, mean_);
    mean(mean_, variance_);
    offset_.create(slope_.size(), CV_32F);
    for (int row = 0; row < slope_.rows; ++row) {
        const auto *greys = grey_mean_.ptr<float>(row), *planes = plane_mean_.ptr<float>(row), *squares = variance_.ptr<float>(row);
        auto *slopes = slope_.ptr<float>(row), *offsets = offset_.ptr<float>(row);
        for (int x = 0; x < slope_.cols; ++x) {
            slopes[x] = (slopes[x] - greys[x] * planes[x]) / (squares[x] - greys[x] * greys[x] + filter_texture);
            offsets[x] = planes[x] - slopes[x] * greys[x];
        }
    }
    mean(slope_, mean_);
    mean(offset_, plane_mean_);
    cv::multiply(mean_, grey_, plane_);
    cv::add(plane_, plane_mean_, plane_);
    return plane_;
}

MaskReader::MaskReader(const Manifest &manifest, Mask mask)
    : mask_(mask),
      needs_responsibility_(manifest.needs_responsibility()),
      sigmoid_(1, 256, CV_8U),
      evidence_(weigh(manifest)),
      log_odds_(static_cast<int>(manifest.height), static_cast<int>(manifest.width), CV_32F),
      foreground_(log_odds_.size(), CV_8UC3),
      background_(log_odds_.size(), CV_8UC3) {
    // A table, because an exponential for each pixel of a camera's frame would cost more than a step.
    for (int i = 0; i < 256; ++i) {
        const double log_odds = -largest_log_odds + i * (2 * largest_log_odds / 255);
        sigmoid_.at<std::uint8_t>(i) = static_cast<std::uint8_t>(std::nearbyint(255 / (1 + std::exp(-log_odds))));
    }
}

void MaskReader::read_log_odds(const Buffers &maps, const Preprocessor &image, bool bgr) {
    const bool from_graph = mask_ == Mask::responsibility && needs_responsibility_;
    const std::vector<float> &map = from_graph ? maps.responsibility : maps.mask;
    std::transform(map.begin(), map.begin() + static_cast<std::ptrdiff_t>(log_odds_.total()), log_odds_.begin<float>(), logit);
    if (mask_ == Mask::mixture || from_graph) return;
    to_image(maps.foreground.data(), bgr, foreground_);
    to_image(maps.background.data(), bgr, background_);
    const auto add = evidence_.squared ? add_evidence<true> : add_evidence<false>;
    for (int row = 0; row < log_odds_.rows; ++row)
        add(image.for_network().ptr(row), foreground_.ptr(row), background_.ptr(row), evidence_, log_odds_.cols,
            log_odds_.ptr<float>(row));
}

std::int64_t MaskReader::read(const Buffers &maps, const Preprocessor &image, bool bgr, cv::Mat &probability) {
    read_log_odds(maps, image, bgr);
    const cv::Mat *outlined = &log_odds_;
    if (mask_ == Mask::responsibility)
        outlined = &filter_.follow_edges(log_odds_, image.for_filter(), bgr, static_cast<float>(largest_log_odds));
    cv::resize(*outlined, scaled_, probability.size(), 0, 0, cv::INTER_LINEAR);
    scaled_.convertTo(index_, CV_8U, 127.5 / largest_log_odds, 127.5);  // rounds to the nearest entry of the table
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
