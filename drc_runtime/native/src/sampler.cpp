#include "sampler.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "error.hpp"

namespace drc::detail {
namespace {

std::array<std::vector<float> *, 4> maps(Buffers &buffers) {
    return {&buffers.log_posterior, &buffers.mask, &buffers.foreground, &buffers.background};
}

void copy(const std::vector<float> &from, std::vector<float> &to) { std::copy(from.begin(), from.end(), to.begin()); }

bool are_finite(const std::vector<float> &values) {
    return std::all_of(values.begin(), values.end(), [](float it) { return std::isfinite(it); });
}

}  // namespace

Sampler::Sampler(PosteriorStep &step, std::uint64_t seed) : step_(step), noise_(seed) {
    const auto sources = maps(step.buffers());
    for (std::size_t i = 0; i < kept_.size(); ++i) kept_[i] = *sources[i];
}

void Sampler::draw(std::vector<float> &z) {
    z.resize(step_.buffers().z.size());
    noise_.draw(z.data(), z.size());
}

float Sampler::run(std::vector<float> &z, int steps) {
    Buffers &buffers = step_.buffers();
    copy(z, buffers.z);
    for (int step = 0; step < steps; ++step) {
        step_.run(step == steps - 1);
        copy(buffers.z_next, buffers.z);
    }
    // A map that is not finite shows in the log-posterior before it shows in the latent.
    if (!are_finite(buffers.z) || !are_finite(buffers.log_posterior))
        throw Failure(DRC_ERROR_DIVERGED, "the Langevin chain diverged within " + std::to_string(steps) +
                                              " steps; the step size does not suit this model");
    copy(buffers.z, z);
    return buffers.log_posterior.front();
}

// Copied, not swapped: ONNX Runtime writes to where the buffers were when they were bound.
void Sampler::keep_maps() {
    const auto sources = maps(step_.buffers());
    for (std::size_t i = 0; i < kept_.size(); ++i) copy(*sources[i], kept_[i]);
}

void Sampler::restore_maps() {
    const auto targets = maps(step_.buffers());
    for (std::size_t i = 0; i < kept_.size(); ++i) copy(kept_[i], *targets[i]);
}

}  // namespace drc::detail
