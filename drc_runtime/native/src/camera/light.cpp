#include "camera/light.hpp"

#include <algorithm>
#include <cmath>

namespace drc::detail {
namespace {

// As in drc_runtime/camera/light.py, which says why.
constexpr int every = 4, rounds = 2, search_rounds = 6;
constexpr double jump = 8, fewest = 0.2, lead = 0.1;
constexpr float prior = 100, noise = 4, most = 60, clipped = 4, least_gain = 0.25f;

cv::Vec3f median(const std::vector<cv::Vec3f> &pixels) {
    cv::Vec3f result;
    std::vector<float> values(pixels.size());
    for (int channel = 0; channel < 3; ++channel) {
        std::transform(pixels.begin(), pixels.end(), values.begin(), [&](const cv::Vec3f &it) { return it[channel]; });
        std::sort(values.begin(), values.end());
        const std::size_t half = values.size() / 2;
        result[channel] = values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
    }
    return result;
}

}  // namespace

Picture Light::on(const Picture &background) const {
    Picture lit(background.size());
    each_pixel(lit, [&](int i) {
        for (int channel = 0; channel < 3; ++channel)
            lit(i)[channel] = clip_grey(gain()[channel] * background(i)[channel] + offset()[channel]);
    });
    return lit;
}

void Light::fit(const Picture &image, const Picture &background, const Plane &sure) {
    x_.clear();
    y_.clear();
    weight_.clear();
    open_.clear();
    double sum = 0;
    for (int row = 0; row < image.rows; row += every) {
        for (int column = 0; column < image.cols; column += every) {
            const cv::Vec3f &y = image(row, column);
            x_.push_back(background(row, column));
            y_.push_back(y);
            sum += static_cast<double>(sure(row, column));
            weight_.push_back(cv::Vec3f::all(sure(row, column)));
            open_.emplace_back();
            // what the camera clips says nothing of the light
            for (int channel = 0; channel < 3; ++channel)
                open_.back()[channel] = y[channel] > clipped && y[channel] < 255 - clipped ? 1.0f : 0.0f;
        }
    }
    const bool enough = !(sum / static_cast<double>(weight_.size()) < fewest);
    for (std::size_t i = 0; i < weight_.size(); ++i)
        for (int channel = 0; channel < 3; ++channel)
            weight_[i][channel] = (enough ? weight_[i][channel] : 1.0f) * open_[i][channel] + 1e-6f;
    Fit found = regress(weight_, fit_, rounds);
    if (found.residual > jump) {
        for (cv::Vec3f &it : open_) it += cv::Vec3f::all(1e-6f);
        const cv::Vec3f above = median(y_), below = median(x_);
        Fit start{{}, {0, 0, 0}, 0};
        for (int channel = 0; channel < 3; ++channel) start.gain[channel] = above[channel] / std::max(below[channel], 1.0f);
        const Fit other = regress(open_, start, search_rounds), again = regress(open_, fit_, search_rounds);
        found = other.residual < again.residual - lead ? other : again;
    }
    fit_ = found;
}

Light::Fit Light::regress(const std::vector<cv::Vec3f> &weight, Fit fit, int count) const {
    double residual = 0, total = 0;
    for (int channel = 0; channel < 3; ++channel) {
        float gain = fit.gain[channel], offset = fit.offset[channel];
        for (int round = 0; round < count; ++round) {
            float sum = 0, sum_x = 0, sum_y = 0, sum_xy = 0, sum_xx = 0;  // in numpy's order, so that the bits are its own
            for (std::size_t i = 0; i < x_.size(); ++i) {
                const float x = x_[i][channel], y = y_[i][channel];
                const float q = weight[i][channel] / std::max(std::abs(y - gain * x - offset), noise), qx = q * x;
                sum += q;
                sum_x += qx;
                sum_y += q * y;
                sum_xy += qx * y;
                sum_xx += qx * x;
            }
            const float mean_x = sum_x / sum, mean_y = sum_y / sum;
            const float covariance = sum_xy / sum - mean_x * mean_y, variance = sum_xx / sum - mean_x * mean_x;
            gain = std::min(std::max((covariance + prior) / (variance + prior), least_gain), 1 / least_gain);
            offset = mean_y - gain * mean_x;
        }
        fit.gain[channel] = gain;
        fit.offset[channel] = offset;
        for (std::size_t i = 0; i < x_.size(); ++i) {
            const float apart = std::abs(y_[i][channel] - gain * x_[i][channel] - offset);
            residual += static_cast<double>(std::min(apart, most) * weight[i][channel]);
            total += static_cast<double>(weight[i][channel]);
        }
    }
    fit.residual = residual / total;
    return fit;
}

}  // namespace drc::detail
