// The same images, seed and steps give the same masks as the Python runtime.
#include <doctest/doctest.h>

#include <cstdlib>
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

struct Tally {
    double pixels = 0, near = 0;
};

void compare(const nlohmann::json &item, const cv::Mat &expected, const drc_result &result,
             const std::vector<std::uint8_t> &mask, Tally &tally) {
    CAPTURE(item.dump());
    REQUIRE(expected.total() == mask.size());
    CHECK(result.steps == item["steps"].get<int>());
    CHECK(result.log_posterior == doctest::Approx(item["log_posterior"].get<double>()).epsilon(1e-4));
    CHECK(result.foreground_share == doctest::Approx(item["foreground_share"].get<double>()).epsilon(1e-3));
    const double share = share_within_one(expected, mask);
    CHECK(share >= least_equal);
    tally.pixels += static_cast<double>(mask.size());
    tally.near += share * static_cast<double>(mask.size());
}

void compare(const files::fs::path &bundle) {
    const nlohmann::json golden = files::read_json(bundle / "golden.json");
    Tally tally;
    for (const auto &run : golden["runs"]) {
        drc_extractor_params params = drc_extractor_default_params();
        params.threads = 1;
        params.seed = golden["seed"];
        params.mask = run["kind"] == "mixture" ? DRC_MASK_MIXTURE : DRC_MASK_RESPONSIBILITY;
        drc::Extractor extractor(bundle.string(), params);
        drc_track_params track_params = drc_track_default_params();
        track_params.steps = run["steps"];
        if (!run["budget"].is_null()) track_params.budget = run["budget"];
        drc::Track track(extractor, track_params);
        for (const char *how : {"extract", "track"}) {
            for (const auto &item : run.at(how)) {
                const cv::Mat image = cv::imread((bundle / item["image"].get<std::string>()).string());
                const cv::Mat expected = cv::imread((bundle / item["mask"].get<std::string>()).string(), cv::IMREAD_GRAYSCALE);
                std::vector<std::uint8_t> mask(image.total());
                const drc_image view{image.data, image.cols, image.rows, image.step, DRC_BGR};
                const drc::MaskView to{mask.data(), mask.size()};
                const drc_result result = how == std::string("track") ? track.step(view, to) : extractor.extract(view, to);
                compare(item, expected, result, mask, tally);
                if (item.contains("notices")) CHECK(track.take_notices() == item["notices"].get<std::vector<std::string>>());
            }
        }
        CHECK(track.restarts() == run["restarts"].get<int>());
    }
    CHECK(tally.pixels > 0);
    MESSAGE(bundle.filename().string() << ": " << 100 * tally.near / tally.pixels << " % of " << tally.pixels
                                       << " pixels within 1/255");
}

}  // namespace

TEST_CASE("the toy bundle") { compare(files::golden() / "toy"); }

TEST_CASE("random weights, a batch of two") { compare(files::golden() / "random"); }

TEST_CASE("a Gaussian likelihood") { compare(files::golden() / "gaussian"); }

TEST_CASE("steps of other sizes from noise: a chain in NumPy") { compare(files::golden() / "schedule"); }
TEST_CASE("chains that begin at the initialiser's latent") { compare(files::golden() / "initialised"); }

TEST_CASE("several foreground slots: the graph's responsibility") { compare(files::golden() / "slots"); }

TEST_CASE("any fixed camera, whose state adapts: a ghost, a passing thing, another light, a shift, no colour") {
    compare(files::golden() / "camera");
}

TEST_CASE("a model of any fixed camera takes no picture alone, and its settings are checked") {
    drc::Extractor extractor((files::golden() / "camera").string()), other((files::golden() / "random").string());
    CHECK(extractor.is_for_fixed_camera());
    CHECK(!other.is_for_fixed_camera());
    std::vector<std::uint8_t> pixels(3 * 30 * 50, 90), mask(30 * 50);
    const drc_image view{pixels.data(), 50, 30, 150, DRC_RGB};
    const auto refusal = [](auto call) -> std::string {
        try {
            call();
            return "";
        } catch (const drc::Error &error) {
            CHECK(error.status() == DRC_ERROR_USAGE);
            return error.what();
        }
    };
    CHECK(refusal([&] { extractor.extract(view, {mask.data(), mask.size()}); }) ==
          "the model 'fixed-camera' is for the video of a fixed camera, whose background it learns while it runs; for a picture "
          "alone take another model");
    CHECK(extractor.calibrate(view, 25).steps >= 1);
    drc::Track track(extractor);
    CHECK(refusal([&] { track.step(view, {mask.data(), mask.size()}, -1); }).find("seconds after the one before") != std::string::npos);
    CHECK(track.take_notices().empty());
    drc_track_params params = drc_track_default_params();
    params.absorb = 0.5;
    CHECK(refusal([&] { drc::Track(extractor, params); }) ==
          "a thing cannot be absorbed after 0.5 seconds: give 1 or more, or 0 for never");
    params.absorb = 0;
    CHECK(refusal([&] { drc::Track(extractor, params); }) == "");
    params.adapt = 3;
    CHECK(refusal([&] { drc::Track(extractor, params); }).find("choose DRC_ADAPT_ALL") != std::string::npos);
}

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
    const drc_image view{pixels.data(), 20, 21, 60, DRC_RGB}, strided{wide.data(), 20, 21, 64, DRC_RGB};
    tight.extract(view, {one.data(), one.size()});
    REQUIRE(drc_extract(padded.handle(), &strided, 0, other.data(), 32, nullptr) == DRC_OK);
    for (std::size_t row = 0; row < 21; ++row)
        for (std::size_t x = 0; x < 32; ++x) CHECK(other[32 * row + x] == (x < 20 ? one[20 * row + x] : 7));
}
