#include "inference/noise.hpp"

#include <cmath>

namespace drc::detail {

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> c, std::array<std::uint32_t, 2> k) {
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t p = std::uint64_t{0xD2511F53} * c[0];
        const std::uint64_t q = std::uint64_t{0xCD9E8D57} * c[2];
        c = {static_cast<std::uint32_t>(q >> 32) ^ c[1] ^ k[0], static_cast<std::uint32_t>(q),
             static_cast<std::uint32_t>(p >> 32) ^ c[3] ^ k[1], static_cast<std::uint32_t>(p)};
        k = {k[0] + 0x9E3779B9u, k[1] + 0xBB67AE85u};
    }
    return c;
}

void NormalNoise::draw(float *numbers, std::size_t count) {
    constexpr double unit = 1.0 / 4294967296.0;
    constexpr double two_pi = 6.283185307179586;
    const auto low = [](std::uint64_t it) { return static_cast<std::uint32_t>(it); };
    const auto high = [](std::uint64_t it) { return static_cast<std::uint32_t>(it >> 32); };
    for (std::size_t start = 0; start < count; start += 4) {
        const std::uint64_t block = start / 4;
        const auto words = philox4x32({low(block), high(block), low(draw_), high(draw_)}, {low(seed_), high(seed_)});
        for (std::size_t pair = 0; pair < 2; ++pair) {
            const double radius = std::sqrt(-2 * std::log((words[2 * pair] + 1.0) * unit));
            const double angle = two_pi * (words[2 * pair + 1] * unit);
            const std::size_t index = start + 2 * pair;
            if (index < count) numbers[index] = static_cast<float>(radius * std::cos(angle));
            if (index + 1 < count) numbers[index + 1] = static_cast<float>(radius * std::sin(angle));
        }
    }
    ++draw_;
}

}  // namespace drc::detail
