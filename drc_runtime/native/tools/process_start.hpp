#pragma once

#include <chrono>

namespace live {

// The time when the system started this process, before its libraries were loaded; where that is unknown, now.
std::chrono::steady_clock::time_point process_start();

}  // namespace live
