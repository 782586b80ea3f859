// From frame to frame: z of the last frame starts the next; a changed scene gets more steps, then a chain from noise.
// The same decisions as drc_runtime/tracking.py, whose class says why; tests compare the two on the same frames.
#pragma once

#include <vector>

#include "novelty.hpp"

namespace drc::detail {

// The posterior of the image that is at work now, as far as tracking needs to know it.
class Posterior {
public:
    virtual ~Posterior() = default;

    // Writes a latent from the reference distribution N(0, I) into z: where a cold start begins.
    virtual void draw(std::vector<float> &z) = 0;

    // Takes `steps` steps (1 or more) from z and leaves in z where the chain ended. Returns the log-posterior at the
    // start of the last one, which the maps belong to as well. On failure z is as it was.
    virtual float run(std::vector<float> &z, int steps) = 0;

    virtual void keep_maps() = 0;     // those of the last run
    virtual void restore_maps() = 0;  // as they were when they were kept
};

class Tracker {
public:
    // cold: steps from noise. steps: for an ordinary frame. budget: the most for a frame after the first; 0: no limit.
    Tracker(Posterior &posterior, int cold, int steps, int budget);

    // The steps that the next frame took. Its maps are the posterior's.
    int follow();

    int restarts() const { return restarts_; }  // chains that were started from noise after the first

private:
    int look_again();
    int race();

    Posterior &posterior_;
    Baseline baseline_;
    int cold_, steps_, budget_;
    int low_ = 0;   // frames in a row below the baseline
    int left_ = 0;  // steps that the second chain still has to take
    int restarts_ = 0;
    bool started_ = false, racing_ = false;
    std::vector<float> z_, second_;
};

}  // namespace drc::detail
