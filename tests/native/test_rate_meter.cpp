// The measured frame rate of a live source.
#include <doctest/doctest.h>

#include <optional>

#include "../../drc_runtime/native/tools/sources/rate_meter.hpp"

using live::RateMeter;
using std::chrono::duration_cast;

namespace {

const RateMeter::Clock::time_point start{std::chrono::hours(1)};

RateMeter::Clock::time_point after(double seconds) {
    return start + duration_cast<RateMeter::Clock::duration>(std::chrono::duration<double>(seconds));
}

// The first answer of a meter for frames that come every `interval` seconds after a burst, asked at each frame.
std::optional<double> rate_of(double interval, int burst = 0) {
    RateMeter meter;
    for (int i = 0; i < burst; ++i) meter.add(after(0.001 * i));
    for (double now = 0; now < 10; now += interval) {
        meter.add(after(now));
        if (const auto rate = meter.rate(after(now))) return rate;
    }
    return std::nullopt;
}

}  // namespace

TEST_CASE("the rate is that of the frames that come") {
    for (const double rate : {1.0, 2.0, 10.0, 29.97, 240.0}) CHECK(rate_of(1 / rate).value() == doctest::Approx(rate).epsilon(0.01));
}

TEST_CASE("frames that the decoder had buffered are not counted") {
    CHECK(rate_of(0.1, 40).value() == doctest::Approx(10).epsilon(0.01));
}

TEST_CASE("frames that come in pairs have their mean rate") {
    RateMeter meter;
    for (int i = 0; i < 60; ++i) meter.add(after(0.1 * (i / 2)));
    CHECK(meter.rate(after(3)).value() == doctest::Approx(20).epsilon(0.06));
}

TEST_CASE("nothing is claimed before a second, nor of a source that stopped at once") {
    RateMeter meter;
    for (int i = 0; i < 25; ++i) meter.add(after(0.04 * i));
    CHECK(!meter.rate(after(1)).has_value());
    RateMeter one;
    one.add(start);
    CHECK(!one.rate(after(60)).has_value());
}
