#pragma once

#include <chrono>

namespace live {

// When the system started this process, before its libraries were loaded; where that is not known, now.
std::chrono::steady_clock::time_point process_start();

}  // namespace live
