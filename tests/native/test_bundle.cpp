// A damaged, incomplete or hostile bundle is refused, with a message that says what to do.
#include <doctest/doctest.h>

#include "bundle/bundle.hpp"
#include "errors.hpp"
#include "files.hpp"

using namespace drc::detail;

namespace {

std::string refusal(const std::filesystem::path &folder, drc_status status = DRC_OK) {
    try {
        load_bundle(folder);
        CHECK(status == DRC_OK);
        return "";
    } catch (const Failure &failure) {
        CHECK(failure.status == status);
        return failure.what();
    }
}

bool mentions(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("an intact bundle") {
    const files::ToyBundle toy;
    const Bundle bundle = load_bundle(toy.folder);
    CHECK(bundle.manifest.name == "toy");
    CHECK(bundle.graphs.at("posterior_step") == files::read(toy.folder / "posterior_step.onnx"));
}

TEST_CASE("a missing folder or file") {
    const files::ToyBundle toy;
    CHECK(mentions(refusal(toy.folder / "not", DRC_ERROR_BUNDLE_MISSING), "no bundle at"));
    CHECK(mentions(refusal(toy.folder / "manifest.json", DRC_ERROR_BUNDLE_MISSING), "no bundle at"));
    files::fs::remove(toy.folder / "posterior_step.onnx");
    CHECK(mentions(refusal(toy.folder, DRC_ERROR_BUNDLE_MISSING), "posterior_step.onnx is missing; copy the bundle again"));
    files::fs::create_directory(toy.folder / "posterior_step.onnx");
    CHECK(mentions(refusal(toy.folder, DRC_ERROR_BUNDLE_MISSING), "is not a file"));
    files::fs::remove(toy.folder / "manifest.json");
    CHECK(mentions(refusal(toy.folder, DRC_ERROR_BUNDLE_MISSING), "manifest.json is missing"));
}

TEST_CASE("one other bit") {
    const files::ToyBundle toy;
    std::string data = files::read(toy.folder / "posterior_step.onnx");
    data[data.size() / 2] = static_cast<char>(data[data.size() / 2] ^ 1);
    files::write(toy.folder / "posterior_step.onnx", data);
    CHECK(mentions(refusal(toy.folder, DRC_ERROR_BUNDLE_DAMAGED), "its SHA-256 differs"));
}

TEST_CASE("another version") {
    const files::ToyBundle toy;
    toy.edit_manifest("drc-bundle-1", "drc-bundle-3");
    CHECK(mentions(refusal(toy.folder, DRC_ERROR_BUNDLE_VERSION), "format 'drc-bundle-3' but this version of drc reads 'drc-bundle-1' and 'drc-bundle-2': export it"));
}

TEST_CASE("a manifest that is too large") {
    const files::ToyBundle toy;
    files::write(toy.folder / "manifest.json", std::string((1 << 20) + 1, ' '));
    CHECK(mentions(refusal(toy.folder, DRC_ERROR_BUNDLE_DAMAGED), "larger than the 1048576 bytes"));
}

TEST_CASE("links are refused wherever they lead") {
    const files::ToyBundle toy;
    const auto graph = toy.folder / "posterior_step.onnx";
    files::fs::rename(graph, toy.folder / "weights");
    files::fs::copy_file(toy.folder / "weights", toy.outside());
    for (const auto &target : {files::fs::path("weights"), toy.outside(), files::fs::path("posterior_step.onnx"), files::fs::path("gone")}) {
        files::fs::create_symlink(target, graph);
        CHECK(mentions(refusal(toy.folder, DRC_ERROR_BUNDLE_UNSAFE), "posterior_step.onnx is a link; copy the file itself"));
        files::fs::remove(graph);
    }
}

TEST_CASE("a bundle that is itself reached through a link") {
    const files::ToyBundle toy;
    files::fs::create_directory_symlink(toy.folder, toy.outside());
    CHECK(refusal(toy.outside()) == "");
}
