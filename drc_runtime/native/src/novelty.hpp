// Notices from the log-posterior that a chain does not explain its frame as well as it has explained the ones before
// (drc_runtime/novelty.py says where the numbers come from).
#pragma once

#include <array>
#include <cstddef>

namespace drc::detail {

// The median of the latest ordinary frames' log-posterior, and how far they lie about it.
class Baseline {
public:
    // Whether this is out of the ordinary, on the worse side. Never before there is a baseline.
    bool is_low(double log_posterior) const;

    void add(double log_posterior);  // takes an ordinary frame in

    void forget() { count_ = next_ = 0; }  // starts anew: the scene has another level now

private:
    static constexpr std::size_t frames = 50, fewest = 5;
    std::array<double, frames> values_{};
    std::size_t count_ = 0, next_ = 0;
};

}  // namespace drc::detail
