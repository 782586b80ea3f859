// The command line of drc-live.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace live {

struct Options {
    std::string source;
    std::filesystem::path model;
    std::optional<std::filesystem::path> out, masks;
    bool soft = false, mixture = false, display = true, overwrite = false, json = false;
    int steps = 0, threads = 0;  // 0: the bundle's number, all cores
    double fps = 0;              // frames a second that the steps are to leave room for; 0: a live source's own
    std::uint64_t seed = 0;
    std::string provider = "CPU";
};

// Empty if the arguments asked for help or for the version, which is printed then.
std::optional<Options> parse_options(int count, char **arguments);

}  // namespace live
