#include "inference/tracking.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace drc::detail {
namespace {

constexpr int low_frames = 3;         // after this many low frames in a row a second chain starts from noise
constexpr int more_steps = 4;         // without a budget, a low frame gets this many times the ordinary steps
constexpr double spreads = 8.0;       // a frame is low this many robust standard deviations below the median,
constexpr double least_share = 0.05;  // and at least this share of the median below it

// Of an even count the mean of the two values in the middle, as numpy computes it.
double median(double *values, std::size_t count) {
    std::sort(values, values + count);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

}  // namespace

bool Baseline::is_low(double log_posterior) const {
    if (count_ < fewest) return false;
    std::array<double, frames> values = values_;
    const double middle = median(values.data(), count_);
    for (std::size_t i = 0; i < count_; ++i) values[i] = std::abs(values[i] - middle);
    const double deviation = 1.4826 * median(values.data(), count_);
    return log_posterior < middle - std::max(spreads * deviation, least_share * std::abs(middle));
}

void Baseline::add(double log_posterior) {
    values_[next_] = log_posterior;
    next_ = (next_ + 1) % frames;
    count_ = std::min(count_ + 1, frames);
}

Tracker::Tracker(Posterior &posterior, const ColdChain &cold, int steps, int budget)
    : posterior_(posterior),
      schedule_(cold.schedule),
      is_learned_(cold.is_learned),
      cold_(std::max(cold.steps, steps)),
      steps_(steps),
      budget_(budget > 0 ? std::max(steps, budget) : 0) {}

int Tracker::follow() {
    try {
        if (!started_) {
            posterior_.begin(z_);
            second_ = z_;  // allocates now what a later frame needs
            posterior_.run(z_, cold_, {schedule_, 0, cold_});
            started_ = true;
            return cold_;
        }
        if (racing_) return race(budget_);
        const float log_posterior = posterior_.run(z_, steps_, {});
        if (baseline_.is_low(log_posterior)) return take_more();
        low_ = 0;
        baseline_.add(log_posterior);
        return steps_;
    } catch (...) {
        started_ = racing_ = false;  // a chain that diverged would do so again
        throw;
    }
}

// More steps for a low frame; after `low_frames` of them, prepares the second chain. One that begins at the initialiser's latent is
// short: it runs at once.
int Tracker::take_more() {
    if (is_learned_) {
        ++restarts_;
        posterior_.begin(second_);
        left_ = cold_;
        racing_ = true;
        return steps_ + race(budget_ > 0 ? std::max(budget_ - steps_, 1) : 0);
    }
    ++low_;
    const int more = (budget_ > 0 ? budget_ : more_steps * steps_) - steps_;
    if (more > 0 && !baseline_.is_low(posterior_.run(z_, more, {}))) low_ = 0;  // more steps were enough
    if (low_ >= low_frames) {
        low_ = 0;
        ++restarts_;
        posterior_.begin(second_);
        left_ = cold_;
        racing_ = true;
    }
    return steps_ + std::max(more, 0);
}

// Runs both chains within `limit` steps (0: none), at least one each, and keeps the maps and the latent of the one with the higher
// log-posterior.
int Tracker::race(int limit) {
    const int budget = limit > 0 ? std::max(limit, 2) : cold_ + steps_;
    const int first_steps = std::max(1, std::min(steps_, budget / 2));
    const int second_steps = std::min(budget - first_steps, left_);
    // the second chain's steps become smaller over all of the frames among which they are spread
    const float cold = posterior_.run(second_, second_steps, {schedule_, cold_ - left_, cold_});
    posterior_.keep_maps();
    const float warm = posterior_.run(z_, first_steps, {});
    left_ -= second_steps;
    const bool won = cold > warm;
    if (won) {
        posterior_.restore_maps();
        std::swap(z_, second_);
    }
    if (won || left_ == 0) {
        racing_ = false;
        baseline_.clear();
    }
    return first_steps + second_steps;
}

}  // namespace drc::detail
