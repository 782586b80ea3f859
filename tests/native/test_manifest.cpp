// The manifest's checks refuse what the Python runtime refuses, with the same messages.
#include <doctest/doctest.h>

#include "bundle/manifest.hpp"
#include "errors.hpp"
#include "files.hpp"

using namespace drc::detail;

namespace {

std::string refusal(const std::string &text) {
    try {
        parse_manifest(text);
        return "";
    } catch (const Failure &failure) {
        const bool other_version = std::string(failure.what()).find("the bundle has format") == 0;
        CHECK(failure.status == (other_version ? DRC_ERROR_BUNDLE_VERSION : DRC_ERROR_BUNDLE_DAMAGED));
        return failure.what();
    }
}

bool starts_with(const std::string &text, const std::string &start) { return text.compare(0, start.size(), start) == 0; }

}  // namespace

TEST_CASE("every damaged manifest meets the verdict of the Python runtime") {
    const auto cases = files::read_json(files::golden() / "manifests.json");
    std::size_t accepted = 0;
    for (const auto &item : cases) {
        const auto text = item["text"].get<std::string>();
        const std::string found = refusal(text);
        CAPTURE(text.substr(0, 3000));
        if (item["refusal"].is_null()) {
            CHECK(found == "");
            ++accepted;
            continue;
        }
        const auto expected = item["refusal"].get<std::string>();
        // the text in brackets is the JSON parser's own
        const bool syntax = starts_with(expected, "manifest.json is not valid JSON");
        // Python quotes an odd format in its own way
        const bool version = starts_with(expected, "the bundle has format");
        CHECK(found.substr(0, syntax ? 31 : version ? 21 : std::string::npos) ==
              expected.substr(0, syntax ? 31 : version ? 21 : std::string::npos));
    }
    CHECK(cases.size() > 1000);
    CHECK(accepted > 100);
}

TEST_CASE("bytes that are not UTF-8") {
    const std::string text = files::read(files::golden() / "toy" / "manifest.json");
    CHECK(refusal(text) == "");
    for (const char *bad : {"\xFF", "\xC0\xAF", "\xED\xA0\x80", "\xE2\x82"}) {
        std::string changed = text;
        changed.replace(changed.find("toy"), 3, bad);
        CHECK(starts_with(refusal(changed), "manifest.json is not valid JSON"));
    }
}

TEST_CASE("a likelihood that this version does not know") {
    const std::string text = files::read(files::golden() / "toy" / "manifest.json");
    const auto with = [&](const std::string &value) {
        std::string changed = text;
        return changed.insert(changed.find("\"sigma\""), "\"likelihood\": \"" + value + "\", ");
    };
    CHECK(refusal(with("laplace")) == "");
    CHECK(refusal(with("gaussian")) == "");
    CHECK(refusal(with("cauchy")) ==
          "manifest.json: sampler.likelihood is 'cauchy', but this version of drc knows laplace, gaussian");
}

TEST_CASE("what is read from it") {
    const Manifest manifest = parse_manifest(files::read(files::golden() / "random" / "manifest.json"));
    CHECK(manifest.name == "random");
    CHECK(manifest.height == 24);
    CHECK(manifest.width == 40);
    CHECK(manifest.latent == 6);
    CHECK(manifest.sigma == 0.3);
    CHECK(manifest.foreground_spread == 1.3);
    CHECK(!manifest.gaussian);
    CHECK(parse_manifest(files::read(files::golden() / "gaussian" / "manifest.json")).gaussian);
    CHECK(!manifest.given_background);
    CHECK(parse_manifest(files::read(files::golden() / "camera" / "manifest.json")).given_background);
    CHECK(manifest.foreground_slots == 1);
    CHECK(parse_manifest(files::read(files::golden() / "slots" / "manifest.json")).foreground_slots == 3);
    CHECK(manifest.cold_steps == 7);
    CHECK(manifest.track_steps == 2);
    CHECK(manifest.graphs.at("posterior_step").inputs.at("z") == Shape{2, 6});
}

TEST_CASE("the schedule of the steps from noise") {
    nlohmann::json manifest = nlohmann::json::parse(files::read(files::golden() / "toy" / "manifest.json"));
    CHECK(!parse_manifest(manifest.dump()).schedule);
    const auto with = [&](const nlohmann::json &schedule) {
        manifest["sampler"]["schedule"] = schedule;
        return manifest.dump();
    };
    const auto schedule = parse_manifest(with({{"start", 16}, {"end", 1e-6}})).schedule;
    REQUIRE(schedule);
    CHECK(schedule->start == 16);
    CHECK(schedule->end == 1e-6);
    CHECK(refusal(with({{"start", 1e-6}, {"end", 1}, {"more", "ignored"}})) == "");
    CHECK(refusal(with(nullptr)) == "manifest.json: sampler.schedule must be an object");
    CHECK(refusal(with({{"end", 1}})) == "manifest.json: sampler.schedule.start is missing");
    CHECK(refusal(with({{"start", 1}})) == "manifest.json: sampler.schedule.end is missing");
    for (const nlohmann::json &bad : std::initializer_list<nlohmann::json>{0, 16.001, 9e-7, -1, true, "1", nullptr})
        CHECK(refusal(with({{"start", bad}, {"end", 1}})) ==
              "manifest.json: sampler.schedule.start must be a number from 1e-06 to 16");
    for (const nlohmann::json &bad : std::initializer_list<nlohmann::json>{0, 1.001, 9e-7, -1, false, "1", nullptr})
        CHECK(refusal(with({{"start", 1}, {"end", bad}})) ==
              "manifest.json: sampler.schedule.end must be a number from 1e-06 to 1");
}
