#include "bundle/bundle.hpp"

#include <cstdint>
#include <fstream>
#include <system_error>

#include "bundle/onnx_check.hpp"
#include "bundle/sha256.hpp"
#include "errors.hpp"

namespace drc::detail {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse_missing(const std::string &message) { throw Failure(DRC_ERROR_BUNDLE_MISSING, message); }

constexpr std::uintmax_t largest_manifest = 1u << 20;
constexpr std::uintmax_t largest_graph = (1u << 31) - 1;  // limit of a protobuf message

std::string read_file(const fs::path &folder, const std::string &file, std::uintmax_t limit) {
    const fs::path path = folder / file;
    const std::string name = path.string();
    std::error_code error;
    // Not even a link within the folder is followed: what it leads to may be another file by the time it is read.
    const fs::file_status status = fs::symlink_status(path, error);
    if (status.type() == fs::file_type::not_found) refuse_missing(name + " is missing; copy the bundle again");
    if (fs::is_symlink(status)) refuse_unsafe(name + " is a link; copy the file itself into the folder");
    if (!fs::is_regular_file(status)) refuse_missing(name + " is not a file");
    std::ifstream opened(path, std::ios::binary | std::ios::ate);
    const auto size = opened ? static_cast<std::streamoff>(opened.tellg()) : -1;
    if (size < 0) refuse_missing("cannot read " + name + "; check its permissions");
    if (static_cast<std::uintmax_t>(size) > limit)
        refuse_damaged(name + " is larger than the " + std::to_string(limit) + " bytes that a bundle may hold there");
    std::string data(static_cast<std::size_t>(size), '\0');
    opened.seekg(0);
    opened.read(data.data(), size);
    data.resize(static_cast<std::size_t>(opened.gcount()));
    return data;
}

std::string read_graph(const fs::path &folder, const GraphEntry &entry, std::uintmax_t limit) {
    std::string data = read_file(folder, entry.file, limit);
    const std::string name = (folder / entry.file).string();
    if (sha256(data) != entry.sha256)
        refuse_damaged(name + " is not the file that the manifest describes (its SHA-256 differs): copy the bundle again");
    check_model(data, name);
    return data;
}

}  // namespace

Bundle load_bundle(const fs::path &folder) {
    std::error_code error;
    if (!fs::is_directory(folder, error))
        refuse_missing("no bundle at " + folder.string() +
                      ": a bundle is a folder with a manifest.json, as drc export writes it");
    Bundle bundle{folder, {}, {}};
    const std::string text = read_file(folder, "manifest.json", largest_manifest);
    try {
        bundle.manifest = parse_manifest(text);
    } catch (const Failure &failure) {
        throw Failure(failure.status, folder.string() + ": " + failure.what());
    }
    std::uintmax_t left = largest_graph;  // of all graphs together
    for (const auto &[name, entry] : bundle.manifest.graphs) {
        bundle.graphs[name] = read_graph(folder, entry, left);
        left -= bundle.graphs[name].size();
    }
    return bundle;
}

}  // namespace drc::detail
