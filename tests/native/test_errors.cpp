// What a caller can do wrong comes back as a status and a message, and the handles stay usable.
#include <cstddef>
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include <drc/drc.hpp>

#include "bundle/sha256.hpp"
#include "files.hpp"

namespace {

drc_status status_of(const std::string &bundle, const drc_extractor_params &params) {
    try {
        drc::Extractor extractor(bundle, params);
        return DRC_OK;
    } catch (const drc::Error &error) {
        CHECK(std::string(error.what()) == drc_last_error());
        return error.status();
    }
}

bool last_mentions(const std::string &part) { return std::string(drc_last_error()).find(part) != std::string::npos; }

}  // namespace

TEST_CASE("parameters") {
    const std::string toy = (files::golden() / "toy").string();
    drc_extractor_params params = drc_extractor_default_params();
    CHECK(status_of(toy, params) == DRC_OK);
    params.threads = -1;
    CHECK(status_of(toy, params) == DRC_ERROR_USAGE);
    params = drc_extractor_default_params();
    params.mask = 9;
    CHECK(status_of(toy, params) == DRC_ERROR_USAGE);
    params = drc_extractor_default_params();
    params.provider = "Abacus";
    CHECK(status_of(toy, params) == DRC_ERROR_USAGE);
    CHECK(last_mentions("CPU, CUDA, TensorRT, XNNPACK"));
    params.provider = "CPU";
    CHECK(status_of(toy, params) == DRC_OK);
}

TEST_CASE("an execution provider that this ONNX Runtime lacks") {
    // The library that the tests run with is built for the CPU. Where it is not, there is nothing to be refused.
    drc_extractor_params params = drc_extractor_default_params();
    for (const char *provider : {"CUDA", "TensorRT", "XNNPACK"}) {
        params.provider = provider;
        const drc_status status = status_of((files::golden() / "toy").string(), params);
        CHECK((status == DRC_ERROR_PROVIDER || status == DRC_OK));
        if (status == DRC_ERROR_PROVIDER) CHECK((last_mentions("built without") || last_mentions("does not start")));
    }
}

TEST_CASE("parameters of programs that were built with another header") {
    struct Later {
        drc_extractor_params params;
        std::uint64_t more;
    } later{drc_extractor_default_params(), 0};
    drc_extractor *extractor = nullptr;
    const std::string toy = (files::golden() / "toy").string();
    const auto open = [&] { return drc_extractor_open(toy.c_str(), &later.params, &extractor); };
    later.params.struct_size = sizeof(Later);
    REQUIRE(open() == DRC_OK);
    drc_extractor_close(extractor);
    later.more = 1;
    CHECK(open() == DRC_ERROR_USAGE);
    CHECK(last_mentions("does not know"));
    for (const std::size_t size : {std::size_t{0}, offsetof(drc_extractor_params, provider), std::size_t{1} << 60}) {
        later.params.struct_size = size;
        CHECK(open() == DRC_ERROR_USAGE);
        CHECK(last_mentions("struct_size"));
    }
}

TEST_CASE("a chain that leaves the range of float32 restarts with the next frame") {
    drc::Extractor extractor((files::golden() / "diverging").string());
    drc::Track track(extractor);
    std::array<std::uint8_t, 48> dark{}, bright{};
    std::array<std::uint8_t, 16> mask{};
    bright.fill(255);
    const drc_image calm{dark.data(), 4, 4, 12, DRC_RGB}, hostile{bright.data(), 4, 4, 12, DRC_RGB};
    CHECK(track.step(calm, {mask.data(), mask.size()}).steps == 6);
    CHECK(track.step(calm, {mask.data(), mask.size()}).steps == 2);
    CHECK(drc_extract(extractor.handle(), &hostile, 0, mask.data(), 4, nullptr) == DRC_ERROR_DIVERGED);
    CHECK(last_mentions("diverged within 6 steps"));
    CHECK_THROWS_AS(track.step(hostile, {mask.data(), mask.size()}), drc::Error);
    CHECK(track.step(calm, {mask.data(), mask.size()}).steps == 6);
}

TEST_CASE("calibration") {
    drc::Extractor extractor((files::golden() / "toy").string());
    std::array<std::uint8_t, 48> pixels{};
    const drc_image image{pixels.data(), 4, 4, 12, DRC_RGB};
    const drc_calibration found = extractor.calibrate(image, 1);
    CHECK(found.steps == 2);  // the bundle's own number
    CHECK(found.budget > 2);
    CHECK(found.step_milliseconds > 0);
    CHECK(extractor.calibrate(image, 1000).budget <= found.budget);
    for (const double rate : {0.0, -1.0, 1e9, std::nan("")}) CHECK_THROWS_AS(extractor.calibrate(image, rate), drc::Error);
    CHECK_THROWS_AS(extractor.calibrate({nullptr, 4, 4, 12, DRC_RGB}, 25), drc::Error);
}

TEST_CASE("a graph that is not what the manifest says") {
    const files::ToyBundle toy;
    // consistent in itself, but the graph has four numbers in z
    toy.edit_manifest("\"foreground\": 2", "\"foreground\": 3");
    for (int vector = 0; vector < 3; ++vector) toy.edit_manifest("1,\n          4\n", "1,\n          5\n");
    CHECK(status_of(toy.folder.string(), drc_extractor_default_params()) == DRC_ERROR_ENGINE);
    CHECK(last_mentions("has not the shape and type of the manifest"));
}

TEST_CASE("a graph that no engine takes") {
    const files::ToyBundle toy;
    const std::string graph = std::string("\x3A\x02\x0A\x00", 4);  // a model of one empty node
    files::write(toy.folder / "posterior_step.onnx", graph);
    const auto manifest = files::read_json(toy.folder / "manifest.json");
    toy.edit_manifest(manifest["graphs"]["posterior_step"]["sha256"].get<std::string>(), drc::detail::sha256(graph));
    CHECK(status_of(toy.folder.string(), drc_extractor_default_params()) == DRC_ERROR_ENGINE);
    CHECK(last_mentions("ONNX Runtime cannot load graph posterior_step"));
}

TEST_CASE("images and buffers") {
    drc::Extractor extractor((files::golden() / "toy").string());
    drc::Track track(extractor);
    std::array<std::uint8_t, 48> pixels{};
    std::array<std::uint8_t, 16> mask{};
    const drc_image good{pixels.data(), 4, 4, 12, DRC_RGB};
    for (const drc_image &bad : {drc_image{nullptr, 4, 4, 12, DRC_RGB}, drc_image{pixels.data(), 0, 4, 12, DRC_RGB},
                                   drc_image{pixels.data(), 4, -1, 12, DRC_RGB}, drc_image{pixels.data(), 4, 4, 11, DRC_RGB},
                                   drc_image{pixels.data(), 40000, 1, 120000, DRC_RGB}, drc_image{pixels.data(), 4, 4, 12, 5}}) {
        CHECK(drc_extract(extractor.handle(), &bad, 1, mask.data(), 4, nullptr) == DRC_ERROR_USAGE);
        CHECK(!std::string(drc_last_error()).empty());
    }
    CHECK(drc_extract(extractor.handle(), &good, 1, mask.data(), 3, nullptr) == DRC_ERROR_USAGE);
    CHECK(drc_extract(extractor.handle(), &good, 1, nullptr, 4, nullptr) == DRC_ERROR_USAGE);
    CHECK(drc_extract(extractor.handle(), &good, -1, mask.data(), 4, nullptr) == DRC_ERROR_USAGE);
    CHECK(drc_extract(nullptr, &good, 1, mask.data(), 4, nullptr) == DRC_ERROR_USAGE);
    CHECK(drc_extract(extractor.handle(), nullptr, 1, mask.data(), 4, nullptr) == DRC_ERROR_USAGE);
    CHECK_THROWS_AS(track.step(good, {mask.data(), 15}), std::invalid_argument);
    CHECK(track.step(good, {mask.data(), mask.size()}).steps == 6);
    CHECK(extractor.extract(good, {mask.data(), mask.size()}, 2).steps == 2);
}

TEST_CASE("handles") {
    drc_track *track = nullptr;
    drc_bundle_info info{};
    drc_track_params params = drc_track_default_params();
    CHECK(drc_track_open(nullptr, &params, &track) == DRC_ERROR_USAGE);
    CHECK(drc_extractor_info(nullptr, &info) == DRC_ERROR_USAGE);
    CHECK(drc_extractor_open("x", nullptr, nullptr) == DRC_ERROR_USAGE);
    drc::Extractor extractor((files::golden() / "toy").string());
    for (const auto &[steps, budget] : {std::pair{-2, 0}, std::pair{2'000'000, 0}, std::pair{1, -1}, std::pair{1, 2'000'000}}) {
        params.steps = steps;
        params.budget = budget;
        CHECK(drc_track_open(extractor.handle(), &params, &track) == DRC_ERROR_USAGE);
        CHECK(track == nullptr);
    }
}
