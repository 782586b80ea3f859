// The bundle folder: a manifest and the graph files it names, checked before use.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "bundle/manifest.hpp"

namespace drc::detail {

// A bundle whose every graph has been read once, hashed and looked through.
struct Bundle {
    std::filesystem::path folder;
    Manifest manifest;
    std::map<std::string, std::string> graphs;  // their bytes, by the names of the manifest
};

Bundle load_bundle(const std::filesystem::path &folder);

}  // namespace drc::detail
