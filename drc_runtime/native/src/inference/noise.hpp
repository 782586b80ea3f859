// Normal noise from a counter-based generator, the same in every language; docs/noise.md is the specification.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace drc::detail {

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

// A sequence of draws from N(0, I) that depends only on the seed.
class NormalNoise {
public:
    explicit NormalNoise(std::uint64_t seed, std::uint64_t first_draw = 0) : seed_(seed), draw_(first_draw) {}

    // Writes the next draw, `count` numbers.
    void draw(float *numbers, std::size_t count);

private:
    std::uint64_t seed_;
    std::uint64_t draw_;
};

}  // namespace drc::detail
