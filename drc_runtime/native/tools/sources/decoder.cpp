#include "sources/decoder.hpp"

#include <array>
#include <cmath>
#include <cstdio>

namespace live {

std::string frame_name(long index) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%05ld", index);
    return text.data();
}

double plausible_rate(double stated) { return std::isfinite(stated) && stated >= 0.01 && stated <= 1000 ? stated : 25; }

}  // namespace live
