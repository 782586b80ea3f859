// The library's only exception type; the C functions turn it into a status and a message.
#pragma once

#include <stdexcept>
#include <string>

#include <drc/drc.h>

namespace drc::detail {

class Failure : public std::runtime_error {
public:
    Failure(drc_status kind, const std::string &message) : std::runtime_error(message), status(kind) {}
    const drc_status status;
};

[[noreturn]] inline void refuse_damaged(const std::string &message) { throw Failure(DRC_ERROR_BUNDLE_DAMAGED, message); }
[[noreturn]] inline void refuse_unsafe(const std::string &message) { throw Failure(DRC_ERROR_BUNDLE_UNSAFE, message); }
[[noreturn]] inline void refuse_usage(const std::string &message) { throw Failure(DRC_ERROR_USAGE, message); }
[[noreturn]] inline void fail_engine(const std::string &message) { throw Failure(DRC_ERROR_ENGINE, message); }

}  // namespace drc::detail
