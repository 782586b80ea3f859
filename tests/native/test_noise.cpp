// The noise, compared with published and independently computed numbers; the Python suite reads the same file.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "files.hpp"
#include "inference/noise.hpp"

using namespace drc::detail;

namespace {

template <std::size_t count>
std::array<std::uint32_t, count> words(const nlohmann::json &texts) {
    std::array<std::uint32_t, count> found{};
    for (std::size_t i = 0; i < count; ++i)
        found[i] = static_cast<std::uint32_t>(std::stoul(texts.at(i).get<std::string>(), nullptr, 16));
    return found;
}

}  // namespace

TEST_CASE("published words") {
    const auto vectors = files::read_json(DRC_NOISE_VECTORS)["philox4x32_10"];
    CHECK(vectors.size() == 3);
    for (const auto &vector : vectors)
        CHECK(philox4x32(words<4>(vector["counter"]), words<2>(vector["key"])) == words<4>(vector["words"]));
}

TEST_CASE("normal numbers of a seed") {
    const auto vectors = files::read_json(DRC_NOISE_VECTORS)["normal"];
    CHECK(vectors.size() == 4);
    for (const auto &vector : vectors) {
        std::vector<float> found(vector["values"].size());
        NormalNoise(vector["seed"], vector["draw"]).draw(found.data(), found.size());
        for (std::size_t i = 0; i < found.size(); ++i) {
            const auto expected = vector["values"][i].get<float>();
            CHECK(found[i] >= std::nextafter(expected, -10.0f));
            CHECK(found[i] <= std::nextafter(expected, 10.0f));
        }
    }
}

TEST_CASE("draws follow each other, and a draw is a prefix of a longer one") {
    NormalNoise one(5), other(5, 1);
    std::vector<float> first(6), second(7), longer(10);
    one.draw(first.data(), first.size());
    one.draw(second.data(), second.size());
    other.draw(longer.data(), longer.size());
    longer.resize(7);
    CHECK(second == longer);
    second.resize(6);
    CHECK(first != second);
}
