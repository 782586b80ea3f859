#pragma once

#include <chrono>

#include "cli/options.hpp"

namespace live {

// A source through the bundle to its outputs. Returns the exit code; `start` is when the process began.
int run(const Options &options, std::chrono::steady_clock::time_point start);

}  // namespace live
