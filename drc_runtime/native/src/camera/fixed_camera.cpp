#include "camera/fixed_camera.hpp"

namespace drc::detail {

FixedCamera::FixedCamera(const Picture &first, const Adaptation &adaptation)
    : background_(first), ghosts_(adaptation.absorb), what_(adaptation.what), sure_(first.size(), 1.0f) {}

void FixedCamera::look(const Picture &image, double seconds) {
    image.copyTo(image_);
    if (what_ == DRC_ADAPT_NOTHING && !background_.starting()) {
        background_.image().copyTo(lit_);
        return;
    }
    light_up(image_);
    if (watch_.look(image_, lit_, sure_, background_, seconds)) light_up(image_);
    if (!background_.starting()) {
        const cv::Vec3f &gain = light_.gain(), &offset = light_.offset();
        watch_.light(static_cast<double>(over_channels(gain) / 3), static_cast<double>(over_channels(offset) / 3), seconds);
    }
}

void FixedCamera::light_up(const Picture &image) {
    const Picture known = watch_.grey() ? to_grey(background_.image()) : background_.image();
    light_.fit(image, known, sure_);
    lit_ = light_.on(known);
}

void FixedCamera::learn(const Plane &responsibility, double seconds) {
    each_pixel(sure_, [&](int i) { sure_(i) = 1 - responsibility(i); });
    if (what_ != DRC_ADAPT_ALL && !background_.starting()) return;
    if (!watch_.adapts() || watch_.grey()) return;
    background_.update(image_, lit_, responsibility, seconds);
    ghosts_.replace(background_, image_, lit_, responsibility, seconds);
}

}  // namespace drc::detail
