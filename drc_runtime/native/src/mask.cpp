#include "mask.hpp"

#include <algorithm>
#include <cmath>

#include <opencv2/imgproc.hpp>

#include "preprocess.hpp"

namespace drc::detail {
namespace {

// Beyond this an 8-bit probability does not change any more.
constexpr double largest_log_odds = 8.0;

// Eq. 7 is evaluated at this many times the network's resolution (READING in drc_runtime/extractor.py says why).
constexpr int reading = 2;

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

// Replaces one row of log-odds by the nearest of the table's 256 entries, ties to even; what is not a number becomes 0.
void to_index(float *log_odds, int columns, std::uint8_t *index) {
    constexpr float scale = static_cast<float>(127.5 / largest_log_odds);
    // A sum this large has no digits behind the point, so that the addition itself rounds.
    constexpr float rounder = 12582912.0f;
    for (int x = 0; x < columns; ++x) {
        const float place = log_odds[x] * scale + 127.5f;
        const float above = place > 0.0f ? place : 0.0f;
        log_odds[x] = ((above < 255.0f ? above : 255.0f) + rounder) - rounder;
    }
    for (int x = 0; x < columns; ++x) index[x] = static_cast<std::uint8_t>(static_cast<std::int32_t>(log_odds[x]));
}

Evidence weigh(double sigma, double spread) {
    const double scale = 1 / (127.5 * 2 * sigma * sigma);  // 127.5 grey levels are 1 in the network's range
    const double constant = -3 * 2 * std::log(spread);     // of the densities, for three channels
    return {static_cast<float>(scale), static_cast<float>(scale / (spread * spread)), static_cast<float>(constant)};
}

}  // namespace

MaskReader::MaskReader(int height, int width, double sigma, double spread)
    : evidence_(weigh(sigma, spread)),
      scaler_(reading * height, reading * width),
      logit_(height, width, CV_32F),
      foreground_(height, width, CV_8UC3),
      background_(height, width, CV_8UC3) {
    // A table, because an exponential for each pixel of a camera's frame would cost more than a step.
    for (std::size_t i = 0; i < sigmoid_.size(); ++i) {
        const double log_odds = -largest_log_odds + static_cast<double>(i) * (2 * largest_log_odds / 255);
        sigmoid_[i] = static_cast<std::uint8_t>(std::nearbyint(255 / (1 + std::exp(-log_odds))));
    }
}

std::int64_t MaskReader::read(const Buffers &maps, const cv::Mat &picture, bool bgr, bool evidence, cv::Mat &probability) {
    const auto size = scaler_.size();
    std::transform(maps.mask.begin(), maps.mask.begin() + static_cast<std::ptrdiff_t>(logit_.total()), logit_.begin<float>(), logit);
    cv::resize(logit_, read_, size, 0, 0, cv::INTER_LINEAR);
    if (evidence) {
        const cv::Mat &scaled = scaler_.scale(picture);
        to_picture(maps.foreground.data(), bgr, foreground_);
        to_picture(maps.background.data(), bgr, background_);
        cv::resize(foreground_, foreground_scaled_, size, 0, 0, cv::INTER_LINEAR);
        cv::resize(background_, background_scaled_, size, 0, 0, cv::INTER_LINEAR);
        distances_.resize(3 * static_cast<std::size_t>(size.width));
        for (int row = 0; row < size.height; ++row)
            add_evidence(scaled.ptr(row), foreground_scaled_.ptr(row), background_scaled_.ptr(row), evidence_, size.width,
                         distances_.data(), read_.ptr<float>(row));
    }
    cv::resize(read_, log_odds_, picture.size(), 0, 0, cv::INTER_LINEAR);
    std::int64_t foreground_pixels = 0;
    for (int row = 0; row < picture.rows; ++row) {
        auto *result = probability.ptr(row);
        to_index(log_odds_.ptr<float>(row), picture.cols, result);
        for (int x = 0; x < picture.cols; ++x) result[x] = sigmoid_[result[x]];
        int sum = 0;
        for (int x = 0; x < picture.cols; ++x) sum += result[x] >> 7;
        foreground_pixels += sum;
    }
    return foreground_pixels;
}

}  // namespace drc::detail
