// Test files: the golden folder, and copies of its bundles that a test may damage.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include <nlohmann/json.hpp>

namespace files {

namespace fs = std::filesystem;

inline fs::path golden() {
    const char *folder = std::getenv("DRC_GOLDEN");
    if (folder == nullptr) throw std::runtime_error("DRC_GOLDEN is not set; run the tests with ctest");
    return folder;
}

inline std::string read(const fs::path &path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + path.string());
    return {std::istreambuf_iterator<char>(file), {}};
}

inline void write(const fs::path &path, const std::string &data) {
    std::ofstream(path, std::ios::binary) << data;
}

inline nlohmann::json read_json(const fs::path &path) { return nlohmann::json::parse(read(path)); }

// A copy of the toy bundle; the destructor removes it.
class ToyBundle {
public:
    ToyBundle() {
        std::string name = (fs::temp_directory_path() / "drc-test-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
        parent_ = name;
        folder = parent_ / "toy";
        fs::create_directory(folder);
        for (const char *file : {"manifest.json", "posterior_step.onnx"})
            fs::copy_file(golden() / "toy" / file, folder / file);
    }
    ~ToyBundle() {
        std::error_code ignored;
        fs::remove_all(parent_, ignored);
    }
    ToyBundle(const ToyBundle &) = delete;
    ToyBundle &operator=(const ToyBundle &) = delete;

    fs::path outside() const { return parent_ / "outside"; }

    // Replaces the first occurrence of `from` in the manifest.
    void edit_manifest(const std::string &from, const std::string &to) const {
        std::string text = read(folder / "manifest.json");
        const auto found = text.find(from);
        if (found == std::string::npos) throw std::runtime_error("the manifest has no " + from);
        write(folder / "manifest.json", text.replace(found, from.size(), to));
    }

    fs::path folder;

private:
    fs::path parent_;
};

}  // namespace files
