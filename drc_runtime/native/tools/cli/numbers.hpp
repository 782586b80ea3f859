// Whole numbers on the command line.
#pragma once

#include <charconv>
#include <cstring>
#include <string>

#include "errors.hpp"

namespace live {

template <typename Number>
Number number(const char *name, const char *text, Number least) {
    Number value{};
    const char *end = text + std::strlen(text);
    const auto [stop, error] = std::from_chars(text, end, value);
    if (error != std::errc() || stop != end || value < least)
        throw UsageError(std::string("--") + name + " " + text + " is not a whole number from " + std::to_string(least) + " upwards");
    return value;
}

}  // namespace live
