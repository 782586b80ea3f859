#include "tracking.hpp"

#include <algorithm>
#include <utility>

namespace drc::detail {
namespace {

constexpr int low_frames = 3;  // so many in a row, with more steps each, before a chain starts from noise
constexpr int more_steps = 4;  // times the ordinary steps for a frame below the baseline, where there is no budget

}  // namespace

Tracker::Tracker(Posterior &posterior, int cold, int steps, int budget)
    : posterior_(posterior), cold_(std::max(cold, steps)), steps_(steps), budget_(budget > 0 ? std::max(steps, budget) : 0) {}

int Tracker::follow() {
    try {
        if (!started_) {
            posterior_.draw(z_);
            second_ = z_;  // the memory that a later frame would have to ask for
            posterior_.run(z_, cold_);
            started_ = true;
            return cold_;
        }
        if (racing_) return race();
        const float log_posterior = posterior_.run(z_, steps_);
        if (baseline_.is_low(log_posterior)) return look_again();
        low_ = 0;
        baseline_.add(log_posterior);
        return steps_;
    } catch (...) {
        started_ = racing_ = false;  // what diverged once would do so again
        throw;
    }
}

int Tracker::look_again() {
    ++low_;
    const int more = (budget_ > 0 ? budget_ : more_steps * steps_) - steps_;
    if (more > 0 && !baseline_.is_low(posterior_.run(z_, more))) low_ = 0;  // more steps were enough
    if (low_ >= low_frames) {
        low_ = 0;
        ++restarts_;
        posterior_.draw(second_);
        left_ = cold_;
        racing_ = true;
    }
    return steps_ + std::max(more, 0);
}

// Steps for both chains, within the budget; the maps and the latent of the better one.
int Tracker::race() {
    const int budget = budget_ > 0 ? std::max(budget_, 2) : cold_ + steps_;
    const int first_steps = std::max(1, std::min(steps_, budget / 2));
    const int second_steps = std::min(budget - first_steps, left_);
    const float cold = posterior_.run(second_, second_steps);
    posterior_.keep_maps();
    const float warm = posterior_.run(z_, first_steps);
    left_ -= second_steps;
    const bool won = cold > warm;
    if (won) {
        posterior_.restore_maps();
        std::swap(z_, second_);
    }
    if (won || left_ == 0) {
        racing_ = false;
        baseline_.forget();
    }
    return first_steps + second_steps;
}

}  // namespace drc::detail
