// What ends a run with one line on stderr and an exit code.
#pragma once

#include <stdexcept>
#include <string>

namespace live {

struct Problem : std::runtime_error {
    explicit Problem(const std::string &message, int code = 1) : std::runtime_error(message), exit_code(code) {}
    int exit_code;
};

// The arguments contradict each other or cannot work.
struct Usage : Problem {
    explicit Usage(const std::string &message) : Problem(message, 2) {}
};

}  // namespace live
