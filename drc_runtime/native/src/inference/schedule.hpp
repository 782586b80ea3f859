// The step sizes of a chain from noise: large steps first, which find the mode, then small ones, which settle in it.
#pragma once

#include <optional>

namespace drc::detail {

// In a straight line from the first step to the last one. The graph's own step has size 1.
struct Schedule {
    double start = 1, end = 1;
};

// The sizes a_k of steps that are taken together: z += a_k (z_next - z).
class StepSizes {
public:
    StepSizes() = default;  // all are 1

    // Of a chain of `total` steps, of which `done` were taken before; without a schedule all are 1.
    StepSizes(const std::optional<Schedule> &schedule, int done, int total) : schedule_(schedule), done_(done), total_(total) {}

    bool are_whole() const { return !schedule_; }

    // Of the `step`th of these steps, from 0. In double first, as the Python runtime computes it.
    float at(int step) const {
        if (!schedule_) return 1;
        const double share = total_ > 1 ? static_cast<double>(done_ + step) / (total_ - 1) : 1;
        return static_cast<float>(schedule_->start + (schedule_->end - schedule_->start) * share);
    }

private:
    std::optional<Schedule> schedule_;
    int done_ = 0, total_ = 1;
};

}  // namespace drc::detail
