// The fixed-step Langevin loop: K runs of one graph with buffers bound once.
#pragma once

#include <vector>

#include "engine.hpp"
#include "noise.hpp"

namespace drc::detail {

class Sampler {
public:
    Sampler(PosteriorStep &step, std::uint64_t seed) : step_(step), noise_(seed) {}

    // Writes a latent from the reference distribution N(0, I) into z: where a cold start begins.
    void draw(std::vector<float> &z);

    // Takes `steps` steps (1 or more) from z towards the posterior of the image that the step's buffers hold, without
    // noise, and leaves in z where the chain ended. The maps in the buffers belong to the start of its last step.
    void run(std::vector<float> &z, int steps);

private:
    PosteriorStep &step_;
    NormalNoise noise_;
};

}  // namespace drc::detail
