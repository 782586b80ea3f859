// The same pictures, seed and steps give the masks of the Python runtime.
#include <doctest/doctest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <drc/drc.hpp>
#include <opencv2/imgcodecs.hpp>

#include "files.hpp"

namespace {

constexpr double least_equal = 0.999;  // share of the pixels that are at most one grey level apart

double share_within_one(const cv::Mat &expected, const std::vector<std::uint8_t> &found) {
    std::size_t near = 0;
    for (std::size_t i = 0; i < found.size(); ++i) near += std::abs(expected.data[i] - found[i]) <= 1 ? 1 : 0;
    return static_cast<double>(near) / static_cast<double>(found.size());
}

void compare(const files::fs::path &bundle) {
    const auto golden = files::read_json(bundle / "golden.json");
    std::unique_ptr<drc::Extractor> extractor;
    std::unique_ptr<drc::Track> track;
    std::string kind;
    double pixels = 0, near = 0;
    for (const auto &item : golden["cases"]) {
        // one extractor and one track for each kind of mask, as golden.py has them
        if (item["kind"] != kind) {
            kind = item["kind"];
            drc_extractor_params params = drc_extractor_default_params();
            params.threads = 1;
            params.seed = golden["seed"];
            params.mask = kind == "mixture" ? DRC_MASK_MIXTURE : DRC_MASK_RESPONSIBILITY;
            track.reset();
            extractor = std::make_unique<drc::Extractor>(bundle.string(), params);
            track = std::make_unique<drc::Track>(*extractor, golden["track_steps"].get<int>());
        }
        const cv::Mat picture = cv::imread((bundle / item["picture"].get<std::string>()).string());
        const cv::Mat expected = cv::imread((bundle / item["mask"].get<std::string>()).string(), cv::IMREAD_GRAYSCALE);
        REQUIRE(picture.size() == expected.size());
        std::vector<std::uint8_t> mask(expected.total());
        const drc_picture view{picture.data, picture.cols, picture.rows, picture.step, DRC_BGR};
        const drc::MaskView to{mask.data(), mask.size()};
        const drc_result result = item["how"] == "track" ? track->step(view, to) : extractor->extract(view, to);
        CAPTURE(item.dump());
        CHECK(result.steps == item["steps"].get<int>());
        CHECK(result.log_posterior == doctest::Approx(item["log_posterior"].get<double>()).epsilon(1e-4));
        CHECK(result.foreground_share == doctest::Approx(item["foreground_share"].get<double>()).epsilon(1e-3));
        const double share = share_within_one(expected, mask);
        CHECK(share >= least_equal);
        pixels += static_cast<double>(mask.size());
        near += share * static_cast<double>(mask.size());
    }
    CHECK(pixels > 0);
    MESSAGE(bundle.filename().string() << ": " << 100 * near / pixels << " % of " << pixels << " pixels within 1/255");
}

}  // namespace

TEST_CASE("the toy bundle") { compare(files::golden() / "toy"); }

TEST_CASE("random weights, a batch of two") { compare(files::golden() / "random"); }

TEST_CASE("the sample, where this checkout has its model") {
    const auto scene = files::golden() / "scene";
    if (files::fs::exists(scene / "golden.json")) compare(scene);
}

TEST_CASE("red and blue are told apart by the format") {
    drc::Extractor rgb((files::golden() / "random").string()), bgr((files::golden() / "random").string());
    std::vector<std::uint8_t> pixels(3 * 30 * 50), swapped(pixels.size()), one(30 * 50), other(30 * 50), third(30 * 50);
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * i / 7 % 256);
    for (std::size_t i = 0; i < pixels.size(); ++i) swapped[i] = pixels[i / 3 * 3 + 2 - i % 3];
    rgb.extract({pixels.data(), 50, 30, 150, DRC_RGB}, {one.data(), one.size()});
    bgr.extract({swapped.data(), 50, 30, 150, DRC_BGR}, {other.data(), other.size()});
    CHECK(one == other);
    drc::Extractor wrong((files::golden() / "random").string());
    wrong.extract({pixels.data(), 50, 30, 150, DRC_BGR}, {third.data(), third.size()});
    CHECK(one != third);
}

TEST_CASE("rows may be further apart than they are long") {
    drc::Extractor tight((files::golden() / "random").string()), padded((files::golden() / "random").string());
    std::vector<std::uint8_t> pixels(3 * 20 * 21), wide(64 * 21, 99), one(20 * 21), other(32 * 21, 7);
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * 31 % 256);
    for (std::size_t row = 0; row < 21; ++row)
        std::copy_n(pixels.begin() + static_cast<long>(60 * row), 60, wide.begin() + static_cast<long>(64 * row));
    const drc_picture view{pixels.data(), 20, 21, 60, DRC_RGB}, strided{wide.data(), 20, 21, 64, DRC_RGB};
    tight.extract(view, {one.data(), one.size()});
    REQUIRE(drc_extract(padded.handle(), &strided, 0, other.data(), 32, nullptr) == DRC_OK);
    for (std::size_t row = 0; row < 21; ++row)
        for (std::size_t x = 0; x < 32; ++x) CHECK(other[32 * row + x] == (x < 20 ? one[20 * row + x] : 7));
}
