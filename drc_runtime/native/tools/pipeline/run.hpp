#pragma once

#include <chrono>

#include "cli/options.hpp"

namespace live {

// Runs the bundle on a source and writes the outputs. Returns the exit code; `start` is the start of the process.
int run(const Options &options, std::chrono::steady_clock::time_point start);

}  // namespace live
