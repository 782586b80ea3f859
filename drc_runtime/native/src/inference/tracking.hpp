// Tracking: each frame's chain starts from the last frame's latent; a changed scene gets more steps, then a chain from noise.
// The same decisions as in drc_runtime/inference/tracking.py, which says why; tests compare both on the same frames.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include "inference/schedule.hpp"

namespace drc::detail {

// The posterior of the current image, as far as tracking needs it.
class Posterior {
public:
    virtual ~Posterior() = default;

    // Writes into z where a chain of the current image begins that has no frame before it: at noise, or at the initialiser's latent.
    virtual void begin(std::vector<float> &z) = 0;

    // Takes `steps` steps (1 or more) of the given sizes from z and writes the chain's end into z. Returns the log-posterior before
    // the last step, to which the maps belong as well. On failure z is unchanged.
    virtual float run(std::vector<float> &z, int steps, const StepSizes &sizes) = 0;

    virtual void keep_maps() = 0;     // copies the maps of the last run
    virtual void restore_maps() = 0;  // writes that copy back
};

// The log-posteriors of the latest ordinary frames.
class Baseline {
public:
    // Whether a frame lies far below the median. False while there are fewer than `fewest` frames.
    bool is_low(double log_posterior) const;

    void add(double log_posterior);       // an ordinary frame
    void clear() { count_ = next_ = 0; }  // because the scene has a new level

private:
    static constexpr std::size_t frames = 50, fewest = 5;
    std::array<double, frames> values_{};
    std::size_t count_ = 0, next_ = 0;
};

// The chains that have no frame before them.
struct ColdChain {
    int steps = 1;
    std::optional<Schedule> schedule;
    bool is_learned = false;  // whether they begin at the initialiser's latent
};

class Tracker {
public:
    // steps: for an ordinary frame. budget: the most steps for a frame after the first; 0: no limit.
    Tracker(Posterior &posterior, const ColdChain &cold, int steps, int budget);

    // Runs the next frame's chain; its maps are in the posterior. Returns the number of steps taken.
    int follow();

    int restarts() const { return restarts_; }  // cold chains after the first

private:
    int take_more();
    int race(int limit);

    Posterior &posterior_;
    Baseline baseline_;
    std::optional<Schedule> schedule_;
    bool is_learned_;
    int cold_, steps_, budget_;
    int low_ = 0;   // low frames in a row
    int left_ = 0;  // steps that the second chain still has to take
    int restarts_ = 0;
    bool started_ = false, racing_ = false;
    std::vector<float> z_, second_;
};

}  // namespace drc::detail
