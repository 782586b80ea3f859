// The waits before a lost source is tried again.
#include <doctest/doctest.h>

#include "../../drc_runtime/native/tools/sources/backoff.hpp"

TEST_CASE("waits double up to 30 seconds, vary at random, and start over after a reset") {
    live::Backoff backoff(1), other(2);
    bool differ = false;
    for (double expected = 0.5; expected < 200; expected *= 2) {
        const double wait = backoff.next();
        const double limited = expected < 30 ? expected : 30;
        CHECK(wait >= 0.75 * limited);
        CHECK(wait <= 1.25 * limited);
        CHECK(wait >= 0.5);
        CHECK(wait <= 30);
        differ = differ || wait != other.next();
    }
    CHECK(differ);
    backoff.reset();
    CHECK(backoff.next() < 0.7);
}
