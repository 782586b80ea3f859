// Langevin sampling with a fixed number of steps: one graph, buffers bound once.
#pragma once

#include <vector>

#include "engines/onnxruntime.hpp"
#include "inference/noise.hpp"
#include "inference/tracking.hpp"

namespace drc::detail {

// Moves z towards the posterior of the image in the step's buffers, without noise (temperature 0).
class LangevinSampler : public Posterior {
public:
    // initial: where chains begin; nullptr: at noise.
    LangevinSampler(PosteriorStep &step, InitialLatent *initial, std::uint64_t seed);

    void begin(std::vector<float> &z) override;
    float run(std::vector<float> &z, int steps, const StepSizes &sizes) override;
    void keep_maps() override;
    void restore_maps() override;

private:
    PosteriorStep &step_;
    InitialLatent *initial_;
    NormalNoise noise_;
    std::vector<std::vector<float>> kept_;  // allocated in the constructor, because a frame must not allocate
};

}  // namespace drc::detail
