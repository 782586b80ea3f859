#include "inference/langevin.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "errors.hpp"

namespace drc::detail {
namespace {

// The responsibility is empty where the step does not fetch it.
std::array<std::vector<float> *, 5> maps(Buffers &buffers) {
    return {&buffers.log_posterior, &buffers.mask, &buffers.foreground, &buffers.background, &buffers.responsibility};
}

void copy(const std::vector<float> &from, std::vector<float> &to) { std::copy(from.begin(), from.end(), to.begin()); }

void move(const std::vector<float> &next, float size, std::vector<float> &z) {
    for (std::size_t i = 0; i < z.size(); ++i) z[i] += size * (next[i] - z[i]);
}

bool are_finite(const std::vector<float> &values) {
    return std::all_of(values.begin(), values.end(), [](float it) { return std::isfinite(it); });
}

}  // namespace

LangevinSampler::LangevinSampler(PosteriorStep &step, InitialLatent *initial, std::uint64_t seed)
    : step_(step), initial_(initial), noise_(seed) {
    for (const std::vector<float> *map : maps(step.buffers())) kept_.push_back(*map);
}

void LangevinSampler::begin(std::vector<float> &z) {
    z.resize(step_.buffers().z.size());
    if (initial_ == nullptr) return noise_.draw(z.data(), z.size());
    // the initialiser may take fewer images than the step, whose rows are all alike
    const std::vector<float> &image = step_.buffers().image;
    std::copy_n(image.begin(), std::min(image.size(), initial_->image().size()), initial_->image().begin());
    initial_->run();
    const std::vector<float> &found = initial_->z();
    if (!are_finite(found)) fail_engine("the initialiser's latent is not finite; from_noise does without it");
    for (std::size_t at = 0; at < z.size(); ++at) z[at] = found[at % found.size()];
}

float LangevinSampler::run(std::vector<float> &z, int steps, const StepSizes &sizes) {
    Buffers &buffers = step_.buffers();
    copy(z, buffers.z);
    for (int step = 0; step < steps; ++step) {
        step_.run(step == steps - 1);
        if (sizes.are_whole())
            copy(buffers.z_next, buffers.z);
        else
            move(buffers.z_next, sizes.at(step), buffers.z);
    }
    // The log-posterior is checked as well: it is not finite as soon as a frame or a map is not, and z only later.
    if (!are_finite(buffers.z) || !are_finite(buffers.log_posterior))
        throw Failure(DRC_ERROR_DIVERGED,
                      "the Langevin chain diverged within " + std::to_string(steps) + " steps: the model's step size is too large");
    copy(buffers.z, z);
    return buffers.log_posterior.front();
}

// Copied and not swapped: ONNX Runtime writes to the addresses that were bound.
void LangevinSampler::keep_maps() {
    const auto sources = maps(step_.buffers());
    for (std::size_t i = 0; i < sources.size(); ++i) copy(*sources[i], kept_[i]);
}

void LangevinSampler::restore_maps() {
    const auto targets = maps(step_.buffers());
    for (std::size_t i = 0; i < targets.size(); ++i) copy(kept_[i], *targets[i]);
}

}  // namespace drc::detail
