// The command line of drc-live.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace live {

struct Options {
    std::string source;
    std::filesystem::path model;  // empty: the default, see model_choice.hpp
    std::optional<std::filesystem::path> out, masks;
    bool soft = false, mixture = false, display = true, overwrite = false, json = false;
    int steps = 0, threads = 0;  // 0: the bundle's own number; all cores
    double fps = 0;              // frame rate that the steps are chosen for; 0: a live source's own
    std::optional<std::string> adapt;  // all, light or nothing: how a model of any fixed camera follows its camera
    std::optional<double> absorb;      // seconds after which a thing that stays becomes background; 0: never
    std::uint64_t seed = 0;
    bool from_noise = false;  // chains begin at noise although the bundle has an initialiser
    std::string provider = "CPU";
};

// Empty if the arguments ask for help or the version, which this prints.
std::optional<Options> parse_options(int count, char **arguments);

}  // namespace live
