// How long to wait before a lost source is tried again, as drc_runtime/sources/backoff.py has it.
#pragma once

#include <algorithm>
#include <random>

namespace live {

// Waits of 0.5, 1, 2, ... 30 seconds, each up to a quarter longer or shorter, but never under 0.5 or over 30: many cameras
// that came back together are not asked again together.
class Backoff {
public:
    explicit Backoff(unsigned seed) : random_(seed) {}

    double next() {
        const double wait = seconds_ * std::uniform_real_distribution<>(0.75, 1.25)(random_);
        seconds_ = std::min(2 * seconds_, longest);
        return std::clamp(wait, first, longest);
    }

    void reset() { seconds_ = first; }  // the source is well again

private:
    static constexpr double first = 0.5, longest = 30;
    std::minstd_rand random_;
    double seconds_ = first;
};

}  // namespace live
