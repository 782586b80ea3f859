#pragma once

#include <string>
#include <string_view>

namespace drc::detail {

// The SHA-256 of `data` as 64 hexadecimal digits.
std::string sha256(std::string_view data);

}  // namespace drc::detail
