#include "inference/calibration.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "errors.hpp"

namespace drc::detail {
namespace {

constexpr double share = 0.6;     // of a frame's time; capturing, drawing and encoding need the rest of the same cores
constexpr int few = 1, many = 7;  // steps of a short and of a long extraction
constexpr double fastest_rate = 1000;
constexpr std::size_t rounds = 5;  // how often each is timed

double median_milliseconds(drc_extractor &extractor, const drc_image &image, int steps, std::vector<std::uint8_t> &mask) {
    std::array<float, rounds> found{};
    for (float &round : found)
        round = extractor.trial(image, steps, mask.data(), static_cast<std::size_t>(image.width)).milliseconds;
    std::sort(found.begin(), found.end());
    return static_cast<double>(found[rounds / 2]);
}

}  // namespace

drc_calibration calibrate(drc_extractor &extractor, const drc_image &image, double rate) {
    if (!(rate > 0 && rate <= fastest_rate))
        refuse_usage("no steps can be chosen for " + std::to_string(rate) + " frames a second: give a rate above 0, up to 1000");
    std::vector<std::uint8_t> mask(static_cast<std::size_t>(std::max(image.width, 0)) *
                                   static_cast<std::size_t>(std::max(image.height, 0)));
    const double short_frame = median_milliseconds(extractor, image, few, mask);
    const double long_frame = median_milliseconds(extractor, image, many, mask);
    const double step = std::max((long_frame - short_frame) / (many - few), 1e-3);
    const double rest = std::max(short_frame - few * step, 0.0);
    const double fitting = std::max((1000 * share / rate - rest) / step, 1.0);
    const int budget = static_cast<int>(std::min(fitting, 1e6));
    return {std::min(budget, extractor.manifest().track_steps), budget, static_cast<float>(step), static_cast<float>(rest)};
}

}  // namespace drc::detail
