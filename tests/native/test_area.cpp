// Area averages in one pass, compared with OpenCV's two passes.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include <opencv2/imgproc.hpp>

#include "area.hpp"

using namespace drc::detail;

namespace {

// Two 8-bit images: the largest difference, and the share of values that differ.
std::pair<double, double> difference(const cv::Mat &one, const cv::Mat &other) {
    cv::Mat apart;
    cv::absdiff(one, other, apart);
    const double count = cv::countNonZero(apart.reshape(1));
    return {cv::norm(one, other, cv::NORM_INF), count / static_cast<double>(apart.total() * 3)};
}

}  // namespace

TEST_CASE("the averages of one pass are those of OpenCV") {
    AreaScaler scaler;
    const std::array<std::pair<cv::Size, cv::Size>, 7> cases{{{{1280, 720}, {64, 64}},
                                                              {{1920, 1080}, {64, 64}},
                                                              {{641, 487}, {64, 64}},
                                                              {{257, 257}, {64, 64}},
                                                              {{640, 480}, {40, 24}},
                                                              {{33, 3000}, {8, 7}},
                                                              {{5000, 50}, {12, 8}}}};
    cv::RNG random(1);
    for (const auto &[from, to] : cases) {
        CAPTURE(from.width);
        cv::Mat image(from, CV_8UC3), once(to, CV_8UC3), twice(2 * to.height, 2 * to.width, CV_8UC3), expected;
        random.fill(image, cv::RNG::UNIFORM, 0, 256);
        REQUIRE(AreaScaler::suits(image, to));
        scaler.scale(image, once, twice);
        for (const cv::Mat &found : {once, twice}) {
            cv::resize(image, expected, found.size(), 0, 0, cv::INTER_AREA);
            const auto [most, share] = difference(expected, found);
            CHECK(most <= 1);
            CHECK(share < 0.001);  // where float32 rounds to the other side of one half
        }
    }
}

TEST_CASE("a part of a larger image, and white stays white") {
    cv::Mat whole(400, 500, CV_8UC3, cv::Scalar::all(255)), once(20, 20, CV_8UC3), twice(40, 40, CV_8UC3);
    AreaScaler scaler;
    scaler.scale(whole(cv::Rect(3, 5, 333, 222)), once, twice);
    CHECK(cv::countNonZero(once.reshape(1) != 255) == 0);
    CHECK(cv::countNonZero(twice.reshape(1) != 255) == 0);
}

TEST_CASE("what shrinks little, or too much for 16 bits, is left to OpenCV") {
    CHECK(!AreaScaler::suits(cv::Mat(256, 2000, CV_8UC3), {64, 64}));
    CHECK(!AreaScaler::suits(cv::Mat(2000, 256, CV_8UC3), {64, 64}));
    CHECK(!AreaScaler::suits(cv::Mat(32767, 2000, CV_8UC3), {8, 8}));
}
