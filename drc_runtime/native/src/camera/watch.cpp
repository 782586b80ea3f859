#include "camera/watch.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace drc::detail {
namespace {

// As in drc_runtime/camera/watch.py, which says why.
constexpr double confirm_seconds = 0.2, moved = 0.3, explained = 0.8, same_shift = 0.3;
constexpr int look_every = 3;
constexpr double covered_texture = 0.5, covered_likeness = 0.3, grey_chroma = 2, colour_chroma = 6, dark_texture = 1.5;
constexpr double jump = 20, jump_seconds = 1, frozen_seconds = 1;

// The correlation of two pictures.
double likeness(const Picture &first, const Picture &second) {
    const double a = mean(first), b = mean(second);
    const double product = first.dot(second) / (3.0 * static_cast<double>(first.total())) - a * b;
    return product / std::max(deviation(first) * deviation(second), 1e-6);
}

double chroma(const Picture &picture) {
    const Picture grey = to_grey(picture);
    double sum = 0;
    each_pixel(picture, [&](int i) { sum += static_cast<double>(distance(picture(i), grey(i)) / 3); });
    return sum / static_cast<double>(picture.total());
}

bool are_equal(const Picture &one, const Picture &other) {
    return std::equal(one.begin(), one.end(), other.begin(), [](const cv::Vec3f &a, const cv::Vec3f &b) { return a == b; });
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const std::size_t half = values.size() / 2;
    return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace

bool CameraWatch::look(const Picture &image, const Picture &lit, const Plane &sure, OnlineBackground &background, double seconds) {
    if (background.starting()) return false;
    const double texture = deviation(image), known = deviation(background.image());
    dark_ = texture < dark_texture && known > 2 * dark_texture ? dark_ + seconds : 0;
    const bool covered = texture < covered_texture * known && likeness(image, background.image()) < covered_likeness;
    covered_ = covered ? covered_ + seconds : 0;
    const bool dark = dark_ >= confirm_seconds, hidden = covered_ >= confirm_seconds;
    tell(told_dark_, dark, "the camera shows nothing: no signal, or no light", "the camera shows a picture again");
    tell(told_covered_, hidden && !dark, "the camera is covered", "the camera is free again");
    adapts_ = !(dark_ > 0 || covered_ > 0);
    const bool without = chroma(image) < grey_chroma && chroma(background.image()) > colour_chroma && texture > dark_texture;
    colourless_ = without ? colourless_ + seconds : 0;
    const bool changed = grey_ != without;
    grey_ = without;
    tell(told_grey_, colourless_ >= confirm_seconds, "the camera shows no colour: compared in grey", "colour is back");
    frozen_ = !last_.empty() && are_equal(image, last_) ? frozen_ + seconds : 0;
    image.copyTo(last_);
    tell(told_frozen_, frozen_ >= frozen_seconds, "the camera sends the same picture again and again", "it moves again");
    ++frames_;
    if (!adapts_ || frames_ % look_every != 0) return changed;
    return follow_shift(image, lit, sure, background, look_every * seconds) || changed;
}

void CameraWatch::light(double gain, double offset, double seconds) {
    const double level = 128 * gain + offset;
    if (!level_) level_ = level;
    tell(told_light_, std::abs(level - *level_) > jump, "the light has changed", "");
    *level_ += std::min(seconds / jump_seconds, 1.0) * (level - *level_);
}

bool CameraWatch::follow_shift(const Picture &image, const Picture &lit, const Plane &sure, OnlineBackground &background,
                               double seconds) {
    const auto forget = [this] {
        shifts_.clear();
        shifted_ = 0;
    };
    const Shift found = find_shift(lit, image, sure);
    if (std::max(std::abs(found.x), std::abs(found.y)) < moved || found.left > explained) return forget(), false;
    if (!shifts_.empty() &&
        std::max(std::abs(found.x - shifts_.back().x), std::abs(found.y - shifts_.back().y)) > same_shift)
        forget();
    shifts_.push_back(found);
    shifted_ += seconds;
    if (shifted_ < confirm_seconds) return false;
    std::vector<double> across, down;
    for (const Shift &it : shifts_) {
        across.push_back(it.x);
        down.push_back(it.y);
    }
    const double x = median(across), y = median(down);
    background.move(x, y);
    forget();
    char line[100];
    std::snprintf(line, sizeof line, "the camera has moved by %.1f %% of the picture; its background follows",
                  100 * std::hypot(x, y) / image.cols);
    notices.emplace_back(line);
    return true;
}

void CameraWatch::tell(bool &told, bool now, const char *begins, const char *ends) {
    if (now != told && *(now ? begins : ends) != '\0') notices.emplace_back(now ? begins : ends);
    told = now;
}

}  // namespace drc::detail
