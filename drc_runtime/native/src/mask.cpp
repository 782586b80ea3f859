#include "mask.hpp"

#include <algorithm>
#include <cmath>

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

std::uint32_t distance(std::uint8_t one, std::uint8_t other) {
    return static_cast<std::uint32_t>(static_cast<std::uint8_t>(std::max(one, other) - std::min(one, other)));
}

// The loops below are apart and free of calls, so that compilers turn them into vector instructions.

// Adds what the likelihoods say of one row. Both sums over the channels share a word: one strided pass instead of two.
void add_evidence(const std::uint8_t *picture, const std::uint8_t *foreground, const std::uint8_t *background,
                  const Evidence &evidence, int columns, std::uint32_t *distances, float *log_odds) {
    for (int i = 0; i < 3 * columns; ++i)
        distances[i] = distance(picture[i], background[i]) | distance(picture[i], foreground[i]) << 16;
    for (int x = 0; x < columns; ++x) distances[x] = distances[3 * x] + distances[3 * x + 1] + distances[3 * x + 2];
    for (int x = 0; x < columns; ++x) {
        const auto to_background = static_cast<float>(static_cast<std::int32_t>(distances[x] & 0xFFFF));
        const auto to_foreground = static_cast<float>(static_cast<std::int32_t>(distances[x] >> 16));
        log_odds[x] += to_background * evidence.background - to_foreground * evidence.foreground + evidence.constant;
    }
}

Evidence weigh(double sigma, double spread) {
    const double scale = 1 / (127.5 * 2 * sigma * sigma);  // 127.5 grey levels are 1 in the network's range
    const double constant = -3 * 2 * std::log(spread);     // of the densities, for three channels
    return {static_cast<float>(scale), static_cast<float>(scale / (spread * spread)), static_cast<float>(constant)};
}

}  // namespace

MaskReader::MaskReader(int height, int width, double sigma, double spread)
    : sigmoid_(1, 256, CV_8U),
      evidence_(weigh(sigma, spread)),
      size_(Preprocessor::reading * width, Preprocessor::reading * height),
      logit_(height, width, CV_32F),
      foreground_(height, width, CV_8UC3),
      background_(height, width, CV_8UC3) {
    // A table, because an exponential for each pixel of a camera's frame would cost more than a step.
    for (int i = 0; i < 256; ++i) {
        const double log_odds = -largest_log_odds + i * (2 * largest_log_odds / 255);
        sigmoid_.at<std::uint8_t>(i) = static_cast<std::uint8_t>(std::nearbyint(255 / (1 + std::exp(-log_odds))));
    }
    distances_.resize(3 * static_cast<std::size_t>(size_.width));
}

std::int64_t MaskReader::read(const Buffers &maps, const cv::Mat *picture, bool bgr, cv::Mat &probability) {
    std::transform(maps.mask.begin(), maps.mask.begin() + static_cast<std::ptrdiff_t>(logit_.total()), logit_.begin<float>(), logit);
    cv::resize(logit_, read_, size_, 0, 0, cv::INTER_LINEAR);
    if (picture != nullptr) {
        to_picture(maps.foreground.data(), bgr, foreground_);
        to_picture(maps.background.data(), bgr, background_);
        cv::resize(foreground_, foreground_scaled_, size_, 0, 0, cv::INTER_LINEAR);
        cv::resize(background_, background_scaled_, size_, 0, 0, cv::INTER_LINEAR);
        for (int row = 0; row < size_.height; ++row)
            add_evidence(picture->ptr(row), foreground_scaled_.ptr(row), background_scaled_.ptr(row), evidence_, size_.width,
                         distances_.data(), read_.ptr<float>(row));
    }
    cv::resize(read_, log_odds_, probability.size(), 0, 0, cv::INTER_LINEAR);
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
