#pragma once

#include <filesystem>

namespace live {

// The same mark as drc_runtime/marks.py writes: it tells a result of drc from a file of a user. A PNG's mark has the hash of the
// content, so that an edited image has none.

// Marks a complete file by the format of its suffix: .png, .mp4 or .avi. Throws Error if it cannot be read or written.
void mark(const std::filesystem::path &path);

// Whether a file may be replaced: an empty or marked one. A link, a folder and everything else may not.
bool is_replaceable(const std::filesystem::path &path);

constexpr const char *not_ours = "was not written by drc, or was changed since";

}  // namespace live
