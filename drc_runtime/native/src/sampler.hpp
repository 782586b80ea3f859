// The fixed-step Langevin loop: K runs of one graph with buffers bound once.
#pragma once

#include <array>
#include <vector>

#include "engine.hpp"
#include "noise.hpp"
#include "tracking.hpp"

namespace drc::detail {

// Moves towards the posterior of the image that the step's buffers hold, without noise on the way.
class Sampler : public Posterior {
public:
    Sampler(PosteriorStep &step, std::uint64_t seed);

    void draw(std::vector<float> &z) override;
    float run(std::vector<float> &z, int steps) override;
    void keep_maps() override;
    void restore_maps() override;

private:
    PosteriorStep &step_;
    NormalNoise noise_;
    std::array<std::vector<float>, 4> kept_;  // as long as the buffers from the start: a frame asks for no memory
};

}  // namespace drc::detail
