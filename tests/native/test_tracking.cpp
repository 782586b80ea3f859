// Tracking's decisions on a posterior of one number, compared with the vectors of the Python suite.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "errors.hpp"
#include "files.hpp"
#include "inference/tracking.hpp"

using namespace drc::detail;

namespace {

// As ToyChain in tests/toy_chain.py.
class ToyChain : public Posterior {
public:
    explicit ToyChain(float reach) : reach_(reach) {}

    void begin(std::vector<float> &z) override { z = {start}; }

    float run(std::vector<float> &z, int steps, const StepSizes &sizes) override {
        for (int step = 0; step < steps; ++step)
            if (!sizes.are_whole()) taken.push_back(sizes.at(step));
        if (std::isnan(target)) throw Failure(DRC_ERROR_DIVERGED, "diverged");
        for (int step = 0; step < steps; ++step)
            if (std::abs(target - z[0]) < reach_) z[0] += 0.1f * (target - z[0]);
        map = z[0];
        return -100 - (target - z[0]) * (target - z[0]);
    }

    void keep_maps() override { kept_ = map; }
    void restore_maps() override { map = kept_; }

    float target = 0, map = 0, start = 100;
    std::vector<float> taken;  // the sizes of all steps of chains that have a schedule

private:
    float reach_, kept_ = 0;
};

constexpr int cold_steps = 60;

}  // namespace

TEST_CASE("the decisions that both runtimes agree on") {
    const auto vectors = files::read_json(DRC_TRACKING_VECTORS);
    CHECK(vectors.size() >= 10);
    for (const auto &vector : vectors) {
        CAPTURE(vector["name"].get<std::string>());
        ToyChain chain(vector["reach"]);
        Tracker tracker(chain, {cold_steps, {}}, vector["steps"], vector["budget"].is_null() ? 0 : vector["budget"].get<int>());
        std::size_t index = 0;
        for (const auto &frame : vector["frames"]) {
            CAPTURE(index++);
            chain.target = frame[0];
            CHECK(tracker.follow() == frame[2].get<int>());
            // the maps are those of the chain that explains the frame better
            CHECK(std::abs(chain.map - frame[1].get<float>()) < 3e-4f);
            CHECK(tracker.restarts() == frame[3].get<int>());
        }
    }
}

TEST_CASE("after a failure the chain begins from noise") {
    ToyChain chain(1000);
    Tracker tracker(chain, {cold_steps, {}}, 4, 0);
    CHECK(tracker.follow() == cold_steps);
    CHECK(tracker.follow() == 4);
    chain.target = std::numeric_limits<float>::quiet_NaN();
    CHECK_THROWS_AS(tracker.follow(), Failure);
    chain.target = 0;
    CHECK(tracker.follow() == cold_steps);
}

TEST_CASE("the steps from noise follow the schedule, also where a second chain is spread over frames") {
    ToyChain chain(20);
    Tracker tracker(chain, {cold_steps, Schedule{4, 0.25}}, 4, 10);
    std::vector<float> expected;
    for (int step = 0; step < cold_steps; ++step)
        expected.push_back(static_cast<float>(4 + (0.25 - 4) * (static_cast<double>(step) / (cold_steps - 1))));
    chain.target = 90;
    for (int frame = 0; frame < 10; ++frame) tracker.follow();
    CHECK(chain.taken == expected);  // the first frame's; the frames after it have whole steps
    chain.taken.clear();
    chain.target = 40;
    for (int frame = 0; frame < 30; ++frame) tracker.follow();
    CHECK(tracker.restarts() == 1);
    CHECK(chain.taken == expected);
}

TEST_CASE("with an initialiser a changed scene is recovered on the frame that shows it, within the budget") {
    ToyChain chain(150);  // a chain further away than that never moves
    chain.start = 0;
    Tracker tracker(chain, {10, Schedule{0.5, 0.25}, true}, 4, 14);
    CHECK(tracker.follow() == 10);
    for (int frame = 0; frame < 8; ++frame) CHECK(tracker.follow() == 4);
    chain.target = chain.start = 400;
    CHECK(tracker.follow() <= 14);
    CHECK(tracker.restarts() == 1);
    CHECK(std::abs(chain.map - 400) < 1);
    CHECK(tracker.follow() <= 14);
    CHECK(std::abs(chain.map - 400) < 1);
}

TEST_CASE("a chain of one step has the schedule's end, one without a schedule whole steps") {
    CHECK(StepSizes(Schedule{4, 0.25}, 0, 1).at(0) == 0.25f);
    CHECK(StepSizes(Schedule{4, 0.25}, 0, 2).at(0) == 4.0f);
    CHECK(StepSizes(Schedule{4, 0.25}, 1, 2).at(0) == 0.25f);
    CHECK(StepSizes({}, 0, 9).are_whole());
    CHECK(StepSizes().at(3) == 1.0f);
}

TEST_CASE("the baseline needs frames, keeps the latest, and can be cleared") {
    Baseline baseline;
    for (int i = 0; i < 4; ++i) baseline.add(-100);
    CHECK(!baseline.is_low(-1e9));
    baseline.add(-100);
    CHECK(baseline.is_low(-106));  // 5 % of the median are 5
    CHECK(!baseline.is_low(-104));
    CHECK(!baseline.is_low(0));
    for (int i = 0; i < 50; ++i) baseline.add(-1000 + 10 * (i % 2));
    CHECK(!baseline.is_low(-1040));
    CHECK(baseline.is_low(-1060));
    baseline.clear();
    CHECK(!baseline.is_low(-1e9));
}
