// The frame rate of a live source, measured: what a stream states is often the 25 that its decoder assumes.
#pragma once

#include <chrono>
#include <optional>

namespace live {

// Counts arrivals for a second, without those of the first moments, when a decoder passes on what it had buffered.
class RateMeter {
public:
    using Clock = std::chrono::steady_clock;

    void add(Clock::time_point arrival) {
        if (!opened_) opened_ = arrival;
        if (arrival < *opened_ + settling || rate_) return;
        if (!first_) first_ = arrival;
        last_ = arrival;
        ++count_;
        if (count_ > fewest && last_ - *first_ >= period) rate_ = measured();
    }

    // Frames a second, once known. After `patience` a slow source has the rate of the frames that came until then.
    std::optional<double> rate(Clock::time_point now) const {
        if (rate_ || !opened_ || now < *opened_ + patience || count_ < 2) return rate_;
        return measured();
    }

    static constexpr std::chrono::milliseconds settling{300}, period{1000}, patience{4000};

private:
    static constexpr int fewest = 3;  // intervals

    std::optional<double> measured() const {
        const double seconds = std::chrono::duration<double>(last_ - *first_).count();
        return seconds > 0 ? std::optional(static_cast<double>(count_ - 1) / seconds) : std::nullopt;
    }

    std::optional<Clock::time_point> opened_, first_;
    Clock::time_point last_;
    std::optional<double> rate_;
    long count_ = 0;
};

}  // namespace live
