#include "sampler.hpp"

#include <algorithm>
#include <cmath>

#include "error.hpp"

namespace drc::detail {

void Sampler::draw(std::vector<float> &z) {
    z.resize(step_.buffers().z.size());
    noise_.draw(z.data(), z.size());
}

void Sampler::run(std::vector<float> &z, int steps) {
    Buffers &buffers = step_.buffers();
    std::copy(z.begin(), z.end(), buffers.z.begin());
    for (int step = 0; step < steps; ++step) {
        step_.run(step == steps - 1);
        std::copy(buffers.z_next.begin(), buffers.z_next.end(), buffers.z.begin());
    }
    if (!std::all_of(buffers.z.begin(), buffers.z.end(), [](float it) { return std::isfinite(it); }))
        fail_engine("the Langevin chain diverged within " + std::to_string(steps) +
                    " steps; the step size does not suit this model");
    std::copy(buffers.z.begin(), buffers.z.end(), z.begin());
}

}  // namespace drc::detail
