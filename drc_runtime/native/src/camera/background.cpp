#include "camera/background.hpp"

#include <algorithm>

namespace drc::detail {
namespace {

constexpr double memory = 8;  // seconds: the longest time constant of background and scale
constexpr float start_scale = 8, most_scale = 24;
constexpr float follow = 0.1f;  // how far the other state moves to each frame that shows it

}  // namespace

OnlineBackground::OnlineBackground(const Picture &first)
    : image_(first.clone()),
      scale_(first.size(), start_scale),
      states_{first.clone(), Plane(first.size(), 0.0f), Plane(first.size(), 0.0f)},
      first_{first.clone()} {}

void OnlineBackground::update(const Picture &image, const Picture &lit, const Plane &responsibility, double seconds) {
    ++frames_;
    seconds_ += seconds;
    if (age_ < (1 << 30)) ++age_;
    Picture change;
    cv::subtract(image, lit, change);
    vote(change, responsibility, static_cast<float>(seconds));
    if (starting()) {
        first_.push_back(image.clone());
        take_median();
        return;
    }
    first_.clear();
    const auto rate = static_cast<float>(std::min(std::max(1.0 / age_, seconds / memory), 1.0));
    each_pixel(image, [&](int i) {
        const float weight = (1 - responsibility(i)) * rate;
        const cv::Vec3f &by = change(i);
        for (int channel = 0; channel < 3; ++channel) image_(i)[channel] += weight * by[channel];
        const float deviation = std::min(distance(by, {}) / 3.0f, most_scale);
        scale_(i) += weight * (deviation - scale_(i));
    });
}

void OnlineBackground::take_median() {
    const std::size_t count = first_.size(), half = count / 2;
    values_.resize(count);
    each_pixel(image_, [&](int i) {
        for (int channel = 0; channel < 3; ++channel) {
            for (std::size_t k = 0; k < count; ++k) values_[k] = first_[k](i)[channel];
            const auto middle = values_.begin() + static_cast<std::ptrdiff_t>(half);
            std::nth_element(values_.begin(), middle, values_.end());
            // of an even count the mean of the two in the middle, as numpy computes it
            image_(i)[channel] = count % 2 == 1 ? *middle : (*std::max_element(values_.begin(), middle) + *middle) / 2;
        }
    });
}

void OnlineBackground::move(double x, double y) {
    image_ = shifted(image_, x, y);
    scale_ = shifted(scale_, x, y);
    states_.other = shifted(states_.other, x, y);
    states_.other_seconds = shifted(states_.other_seconds, x, y);
    states_.background_seconds = shifted(states_.background_seconds, x, y);
    hurry();
}

void OnlineBackground::replace(const Where &where, const Picture &colour) {
    each_pixel(where, [&](int i) {
        if (!where(i)) return;
        image_(i) = colour(i);
        scale_(i) = start_scale;
        states_.background_seconds(i) = states_.other_seconds(i);
        states_.other_seconds(i) = 0;
    });
}

void OnlineBackground::vote(const Picture &change, const Plane &responsibility, float seconds) {
    each_pixel(change, [&](int i) {
        if (!(responsibility(i) > 0.5f)) {
            states_.background_seconds(i) += seconds;
            return;
        }
        const cv::Vec3f colour = image_(i) + change(i), difference = colour - states_.other(i);
        float &votes = states_.other_seconds(i);
        if (distance(difference, {}) < same_colour) {
            votes += seconds;
            for (int channel = 0; channel < 3; ++channel) states_.other(i)[channel] += follow * difference[channel];
            return;
        }
        votes -= seconds;
        if (votes > 0) return;
        states_.other(i) = colour;
        votes = seconds;
    });
}

}  // namespace drc::detail
