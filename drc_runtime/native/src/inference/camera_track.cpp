#include "inference/camera_track.hpp"

#include <algorithm>
#include <cstddef>

namespace drc::detail {
namespace {

constexpr float grey_levels = 127.5f;  // in a unit of the network's range

// Fills the further rows of a batch with the first one.
void repeat_row(std::vector<float> &tensor, std::size_t row) {
    for (std::size_t start = row; start < tensor.size(); start += row)
        std::copy_n(tensor.begin(), row, tensor.begin() + static_cast<std::ptrdiff_t>(start));
}

}  // namespace

CameraTrack::CameraTrack(PosteriorStep &step, const Manifest &manifest, const Adaptation &adaptation)
    : step_(step),
      adaptation_(adaptation),
      image_(static_cast<int>(manifest.height), static_cast<int>(manifest.width)),
      responsibility_(image_.size()) {}

void CameraTrack::give(double seconds) {
    Buffers &buffers = step_.buffers();
    const std::size_t plane = image_.total();
    each_pixel(image_, [&](int i) {
        for (int channel = 0; channel < 3; ++channel)
            image_(i)[channel] =
                (buffers.image[static_cast<std::size_t>(channel) * plane + static_cast<std::size_t>(i)] + 1.0f) * grey_levels;
    });
    if (!camera_) camera_.emplace(image_, adaptation_);
    camera_->look(image_, seconds);
    const Picture &lit = camera_->lit();
    const Plane &scale = camera_->background().scale();
    each_pixel(lit, [&](int i) {
        const auto index = static_cast<std::size_t>(i);
        for (int channel = 0; channel < 3; ++channel)
            buffers.given_background[static_cast<std::size_t>(channel) * plane + index] = lit(i)[channel] / grey_levels - 1.0f;
        buffers.given_scale[index] = scale(i) / grey_levels;
    });
    repeat_row(buffers.given_background, 3 * plane);
    repeat_row(buffers.given_scale, plane);
}

void CameraTrack::learn(double seconds) {
    const std::vector<float> &found = step_.buffers().responsibility;
    std::copy_n(found.begin(), responsibility_.total(), responsibility_.begin());
    camera_->learn(responsibility_, seconds);
}

std::string CameraTrack::take_notice() {
    if (!camera_ || camera_->watch().notices.empty()) return "";
    std::string line = std::move(camera_->watch().notices.front());
    camera_->watch().notices.pop_front();
    return line;
}

}  // namespace drc::detail
