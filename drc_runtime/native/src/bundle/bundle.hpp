// The bundle folder: a manifest and the graph files that it names, checked before use.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "bundle/manifest.hpp"

namespace drc::detail {

// A bundle whose graphs were all read, hashed and checked.
struct Bundle {
    std::filesystem::path folder;
    Manifest manifest;
    std::map<std::string, std::string> graphs;  // their bytes, by name
};

Bundle load_bundle(const std::filesystem::path &folder);

}  // namespace drc::detail
