// What a caller can do wrong comes back as a status and a message, and the handles stay usable.
#include <doctest/doctest.h>

#include <array>
#include <string>

#include <drc/drc.hpp>

#include "files.hpp"
#include "sha256.hpp"

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

TEST_CASE("pictures and buffers") {
    drc::Extractor extractor((files::golden() / "toy").string());
    drc::Track track(extractor);
    std::array<std::uint8_t, 48> pixels{};
    std::array<std::uint8_t, 16> mask{};
    const drc_picture good{pixels.data(), 4, 4, 12, DRC_RGB};
    for (const drc_picture &bad : {drc_picture{nullptr, 4, 4, 12, DRC_RGB}, drc_picture{pixels.data(), 0, 4, 12, DRC_RGB},
                                   drc_picture{pixels.data(), 4, -1, 12, DRC_RGB}, drc_picture{pixels.data(), 4, 4, 11, DRC_RGB},
                                   drc_picture{pixels.data(), 40000, 1, 120000, DRC_RGB}, drc_picture{pixels.data(), 4, 4, 12, 5}}) {
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
    CHECK(drc_track_open(nullptr, 0, &track) == DRC_ERROR_USAGE);
    CHECK(drc_extractor_info(nullptr, &info) == DRC_ERROR_USAGE);
    CHECK(drc_extractor_open("x", nullptr, nullptr) == DRC_ERROR_USAGE);
    drc::Extractor extractor((files::golden() / "toy").string());
    CHECK(drc_track_open(extractor.handle(), -2, &track) == DRC_ERROR_USAGE);
    CHECK(track == nullptr);
}
