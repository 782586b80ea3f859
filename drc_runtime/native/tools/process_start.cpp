#include "process_start.hpp"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

namespace live {

std::chrono::steady_clock::time_point process_start() {
    const auto now = std::chrono::steady_clock::now();
#if defined(__linux__)
    std::ifstream file("/proc/self/stat");
    const std::string all{std::istreambuf_iterator<char>(file), {}};
    // The second field is the program's name in brackets and may contain anything; the start time is the 20th field after it.
    std::istringstream fields(all.substr(std::min(all.rfind(')') + 1, all.size())));
    std::string field;
    for (int i = 0; i < 19; ++i) fields >> field;
    double ticks = 0;
    timespec since_boot{};
    if (fields >> ticks && clock_gettime(CLOCK_BOOTTIME, &since_boot) == 0) {
        const double uptime = static_cast<double>(since_boot.tv_sec) + 1e-9 * static_cast<double>(since_boot.tv_nsec);
        const double age = uptime - ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
        if (age >= 0) return now - std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(age));
    }
#endif
    return now;
}

}  // namespace live
