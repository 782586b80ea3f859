#include "inference/golden.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <limits>
#include <vector>

#include "errors.hpp"
#include "inference/noise.hpp"

namespace drc::detail {
namespace {

constexpr std::size_t most_values = 16;
constexpr float scale = 0.1f;  // of each pixel, where the background is an input
constexpr double smallest_norm = 1e-9;

using Values = std::vector<double>;

Values spread(const std::vector<float> &values) {
    const std::size_t count = std::min(values.size(), most_values);
    Values found;
    for (std::size_t i = 0; i < count; ++i)
        found.push_back(values[i * (values.size() - 1) / std::max<std::size_t>(count - 1, 1)]);
    return found;
}

Values minus(const Values &one, const Values &other) {
    Values difference(one);
    for (std::size_t i = 0; i < std::min(one.size(), other.size()); ++i) difference[i] -= other[i];
    return difference;
}

double norm(const Values &values) {
    double sum = 0;
    for (double value : values) sum += value * value;
    return std::sqrt(sum);
}

double relative(const Values &found, const Values &expected) {
    const double error = norm(minus(found, expected));
    if (found.size() != expected.size() || !std::isfinite(error)) return std::numeric_limits<double>::infinity();
    return error / std::max(norm(expected), smallest_norm);
}

void draw(NormalNoise &noise, std::vector<float> &values) { noise.draw(values.data(), values.size()); }

void draw_picture(NormalNoise &noise, std::vector<float> &values) {
    draw(noise, values);
    for (float &value : values) value = std::clamp(value / 2, -1.0f, 1.0f);
}

double error_of(PosteriorStep &step, const GoldenStep &expected) {
    Buffers &buffers = step.buffers();
    NormalNoise noise(static_cast<std::uint64_t>(expected.seed));
    draw(noise, buffers.z);
    draw(noise, buffers.noise);
    draw_picture(noise, buffers.image);
    if (!buffers.given_background.empty()) {
        draw_picture(noise, buffers.given_background);
        std::fill(buffers.given_scale.begin(), buffers.given_scale.end(), scale);
    }
    const Values z = spread(buffers.z);
    step.run(true);
    const double value = buffers.log_posterior.front();
    return std::max({relative(minus(spread(buffers.z_next), z), minus(expected.z_next, z)),
                     relative(spread(buffers.mask), expected.mask), relative({value}, {expected.log_posterior})});
}

std::string shown(const char *format, double value) {
    char text[32];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

}  // namespace

double golden_error(PosteriorStep &step, const Manifest &manifest) {
    if (!manifest.golden) return 0;
    // one after the other: an engine that computes on the inputs of its first run fails the second
    const double first = error_of(step, manifest.golden->first), second = error_of(step, manifest.golden->second);
    std::vector<float> &noise = step.buffers().noise;
    std::fill(noise.begin(), noise.end(), 0.0f);  // chains have none
    return std::max(first, second);
}

void check_golden(PosteriorStep &step, const Manifest &manifest, const std::string &provider) {
    const double error = golden_error(step, manifest);
    if (!manifest.golden || error <= manifest.golden->tolerance) return;
    fail_engine("the provider " + provider + " does not compute what the model '" + manifest.name + "' does: a known step is off by " +
                shown("%.1e", error) + " where " + shown("%.0e", manifest.golden->tolerance) + " is allowed; choose CPU");
}

}  // namespace drc::detail
