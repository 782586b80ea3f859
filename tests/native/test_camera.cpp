// The state of a fixed camera: given the same frames and responsibilities, the same bits as the Python runtime's.
#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "camera/fixed_camera.hpp"
#include "camera/light.hpp"
#include "camera/shift.hpp"
#include "files.hpp"

using namespace drc::detail;

namespace {

// Raw float32 pictures, one after the other.
class Pictures {
public:
    Pictures(const std::string &name, const nlohmann::json &state, int channels)
        : rows_(state["rows"]), columns_(state["columns"]), channels_(channels) {
        const std::string bytes = files::read(files::golden() / "camera-state" / (name + ".f32"));
        numbers_.resize(bytes.size() / sizeof(float));
        std::memcpy(numbers_.data(), bytes.data(), bytes.size());
        REQUIRE(numbers_.size() == size() * state["frames"].get<std::size_t>());
    }
    cv::Mat at(std::size_t index) { return {rows_, columns_, CV_32FC(channels_), numbers_.data() + index * size()}; }
    std::size_t size() const { return static_cast<std::size_t>(rows_ * columns_ * channels_); }

private:
    int rows_, columns_, channels_;
    std::vector<float> numbers_;
};

std::size_t equal_numbers(const cv::Mat &expected, const cv::Mat &found) {
    const auto *one = expected.ptr<float>(), *other = found.ptr<float>();
    std::size_t count = 0;
    for (std::size_t i = 0; i < expected.total() * static_cast<std::size_t>(expected.channels()); ++i) count += one[i] == other[i];
    return count;
}

// Blobs of some pixels: a shift of them can be measured.
Picture drawn() {
    Picture picture(48, 64);
    for (int row = 0; row < picture.rows; ++row)
        for (int column = 0; column < picture.cols; ++column)
            picture(row, column) = {static_cast<float>(120 + 60 * std::sin(0.31 * column) * std::cos(0.23 * row)),
                                    static_cast<float>(110 + 50 * std::cos(0.17 * column + 0.4 * row)),
                                    static_cast<float>(100 + 40 * std::sin(0.29 * row))};
    return picture;
}

}  // namespace

TEST_CASE("a ghost, a passing thing, another light, a shift, no colour: background, scale and light of each frame") {
    const nlohmann::json state = files::read_json(files::golden() / "camera-state" / "state.json");
    Pictures frames("frames", state, 3), given("responsibility", state, 1);
    Pictures lit("lit", state, 3), background("background", state, 3), scale("scale", state, 1);
    FixedCamera camera(frames.at(0), {});
    std::size_t equal = 0, all = 0;
    for (std::size_t index = 0; index < state["frames"].get<std::size_t>(); ++index) {
        CAPTURE(index);
        camera.look(frames.at(index), 0.04);
        CHECK(cv::norm(camera.lit(), lit.at(index), cv::NORM_INF) < 1e-3);
        equal += equal_numbers(lit.at(index), camera.lit());
        camera.learn(given.at(index), 0.04);
        equal += equal_numbers(background.at(index), camera.background().image());
        equal += equal_numbers(scale.at(index), camera.background().scale());
        all += 2 * lit.size() + scale.size();
    }
    CHECK(static_cast<double>(equal) >= 0.999 * static_cast<double>(all));
    const auto &told = camera.watch().notices;
    CHECK(std::vector<std::string>(told.begin(), told.end()) == state["notices"].get<std::vector<std::string>>());
}

TEST_CASE("a shift is found to a 64th of a pixel, whatever the last bits of the pictures are") {
    const Picture picture = drawn();
    const Plane sure(picture.size(), 1.0f);
    for (const auto &[x, y] : {std::pair{1.5, -0.75}, std::pair{-2.34375, 1.0}}) {
        const Picture moved = shifted(picture, x, y);
        const Shift found = find_shift(picture, moved, sure);
        CHECK(std::abs(found.x - x) <= 2.0 / 64);
        CHECK(std::abs(found.y - y) <= 2.0 / 64);
        CHECK(64 * found.x == std::nearbyint(64 * found.x));
        CHECK(64 * found.y == std::nearbyint(64 * found.y));
        const Picture brighter = moved * (1 + 1e-6);
        const Shift again = find_shift(picture, brighter, sure);
        CHECK(std::pair{again.x, again.y} == std::pair{found.x, found.y});
    }
}

TEST_CASE("the light follows a gain and an offset, and finds a new one at once") {
    const Picture picture = drawn();
    const Plane sure(picture.size(), 1.0f);
    Light light;
    const Picture darker = picture * 0.5 + cv::Scalar(10, 10, 10);
    for (int round = 0; round < 4; ++round) light.fit(darker, picture, sure);
    CHECK(cv::norm(light.on(picture), darker, cv::NORM_INF) < 3);
    for (int channel = 0; channel < 3; ++channel) CHECK(light.gain()[channel] == doctest::Approx(0.5).epsilon(0.05));
}
