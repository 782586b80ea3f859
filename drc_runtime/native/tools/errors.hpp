// Errors that end a run with one line on stderr and an exit code.
#pragma once

#include <stdexcept>
#include <string>

namespace live {

struct Error : std::runtime_error {
    explicit Error(const std::string &message, int code = 1) : std::runtime_error(message), exit_code(code) {}
    int exit_code;
};

// The arguments contradict each other or are out of range.
struct UsageError : Error {
    explicit UsageError(const std::string &message) : Error(message, 2) {}
};

}  // namespace live
