#include "edges.hpp"

#include <algorithm>

#include <opencv2/imgproc.hpp>

namespace drc::detail {
namespace {

// drc_runtime/edges.py says what these are.
constexpr int radius = 2;
constexpr float texture = 65.0f;

void mean(const cv::Mat &plane, cv::Mat &result) { cv::boxFilter(plane, result, -1, cv::Size(2 * radius + 1, 2 * radius + 1)); }

}  // namespace

const cv::Mat &EdgeFilter::follow(const cv::Mat &log_odds, const cv::Mat &image, bool bgr, float largest) {
    cv::cvtColor(image, grey8_, bgr ? cv::COLOR_BGR2GRAY : cv::COLOR_RGB2GRAY);
    grey8_.convertTo(grey_, CV_32F);
    limited_.create(log_odds.size(), CV_32F);
    std::transform(log_odds.begin<float>(), log_odds.end<float>(), limited_.begin<float>(),
                   [largest](float value) { return std::min(std::max(value, -largest), largest); });
    cv::resize(limited_, plane_, image.size(), 0, 0, cv::INTER_LINEAR);
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
            slopes[x] = (slopes[x] - greys[x] * planes[x]) / (squares[x] - greys[x] * greys[x] + texture);
            offsets[x] = planes[x] - slopes[x] * greys[x];
        }
    }
    mean(slope_, mean_);
    mean(offset_, plane_mean_);
    cv::multiply(mean_, grey_, plane_);
    cv::add(plane_, plane_mean_, plane_);
    return plane_;
}

}  // namespace drc::detail
