// The waits before a lost source is opened again, as in drc_runtime/sources/backoff.py.
#pragma once

#include <algorithm>
#include <random>

namespace live {

// Exponential backoff with jitter: 0.5, 1, 2, ... 30 seconds, each up to 25 % longer or shorter but within 0.5 to 30, so that
// many cameras behind one switch are not opened again at the same moment.
class Backoff {
public:
    explicit Backoff(unsigned seed) : random_(seed) {}

    double next() {
        const double wait = seconds_ * std::uniform_real_distribution<>(0.75, 1.25)(random_);
        seconds_ = std::min(2 * seconds_, longest);
        return std::clamp(wait, first, longest);
    }

    void reset() { seconds_ = first; }  // after a stable connection

private:
    static constexpr double first = 0.5, longest = 30;
    std::minstd_rand random_;
    double seconds_ = first;
};

}  // namespace live
