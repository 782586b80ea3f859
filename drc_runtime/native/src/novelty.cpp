#include "novelty.hpp"

#include <algorithm>
#include <cmath>

namespace drc::detail {
namespace {

constexpr double spreads = 8.0;       // robust standard deviations below the median that are not ordinary
constexpr double least_share = 0.05;  // of the median: a still scene has hardly any spread

// Of an even count the mean of the two in the middle, as numpy has it.
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
    const double spread = 1.4826 * median(values.data(), count_);
    return log_posterior < middle - std::max(spreads * spread, least_share * std::abs(middle));
}

void Baseline::add(double log_posterior) {
    values_[next_] = log_posterior;
    next_ = (next_ + 1) % frames;
    count_ = std::min(count_ + 1, frames);
}

}  // namespace drc::detail
