// The golden steps: the engine repeats what Python recorded, and another result is refused.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "bundle/bundle.hpp"
#include "engines/onnxruntime.hpp"
#include "errors.hpp"
#include "files.hpp"
#include "inference/golden.hpp"

using namespace drc::detail;

namespace {

std::string refusal(PosteriorStep &step, const Manifest &manifest) {
    try {
        check_golden(step, manifest, "CUDA");
        return "";
    } catch (const Failure &failure) {
        CHECK(failure.status == DRC_ERROR_ENGINE);
        return failure.what();
    }
}

}  // namespace

TEST_CASE("the golden steps that Python recorded") {
    Bundle bundle = load_bundle(files::golden() / "initialised");
    REQUIRE(bundle.manifest.golden);
    PosteriorStep step(bundle, {1, "CPU"});
    CHECK(golden_error(step, bundle.manifest) < 1e-5);
    CHECK(refusal(step, bundle.manifest) == "");
    const auto &noise = step.buffers().noise;
    CHECK(std::all_of(noise.begin(), noise.end(), [](float it) { return it == 0; }));

    const Golden right = *bundle.manifest.golden;
    Golden &wrong = *bundle.manifest.golden;
    const auto is_refused = [&] {
        const std::string found = refusal(step, bundle.manifest);
        wrong = right;
        return found.find("the provider CUDA does not compute what the model 'initialised' does: a known step is off by ") == 0;
    };
    wrong.second.log_posterior *= 1.1;
    CHECK(is_refused());
    wrong.first.mask[0] += 0.5;
    CHECK(is_refused());
    wrong.second.z_next = right.first.z_next;  // as from an engine that computes on old inputs
    CHECK(is_refused());
    wrong.second.mask.pop_back();
    CHECK(is_refused());
}

TEST_CASE("a bundle from before has nothing to check") {
    const Bundle bundle = load_bundle(files::golden() / "random");
    PosteriorStep step(bundle, {1, "CPU"});
    CHECK(golden_error(step, bundle.manifest) == 0);
    CHECK(refusal(step, bundle.manifest) == "");
}

TEST_CASE("from_noise needs an initialiser that it does without") {
    drc_extractor_params params = drc_extractor_default_params();
    params.from_noise = 1;
    drc_extractor *extractor = nullptr;
    CHECK(drc_extractor_open((files::golden() / "random").string().c_str(), &params, &extractor) == DRC_ERROR_USAGE);
    CHECK(std::string(drc_last_error()).find("from_noise has no effect") == 0);
    drc_bundle_info info{};
    for (const int from_noise : {0, 1}) {
        params.from_noise = from_noise;
        REQUIRE(drc_extractor_open((files::golden() / "initialised").string().c_str(), &params, &extractor) == DRC_OK);
        REQUIRE(drc_extractor_info(extractor, &info) == DRC_OK);
        CHECK(info.cold_steps == (from_noise ? 7 : 3));
        drc_extractor_close(extractor);
    }
}
