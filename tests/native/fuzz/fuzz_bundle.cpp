// A bundle folder with truncated, changed or missing files gives a status and a message, or masks; anything else is a bug.
//
// The input is a list of damages, five bytes each, to the toy bundle in $DRC_GOLDEN. The hash reveals a damaged graph, so one kind
// of damage writes the damaged graph's hash into the manifest: then the later checks run.
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <drc/drc.h>

#include "../files.hpp"
#include "bundle/sha256.hpp"

namespace {

namespace fs = std::filesystem;

constexpr std::array<const char *, 2> names{"manifest.json", "posterior_step.onnx"};

struct Files {
    std::array<std::string, 2> contents;
    std::array<bool, 2> there{true, true};
    bool true_hash = false;
};

const Files &intact() {
    static const Files files = [] {
        Files found;
        for (std::size_t i = 0; i < names.size(); ++i) found.contents[i] = files::read(files::golden() / "toy" / names[i]);
        return found;
    }();
    return files;
}

// In memory where possible. Removed after each input, because libFuzzer ends the process without cleaning up.
class Folder {
public:
    Folder() {
        std::error_code error;
        const fs::path parent = fs::is_directory("/dev/shm", error) ? fs::path("/dev/shm") : fs::temp_directory_path();
        path = parent / ("drc-fuzz-" + std::to_string(getpid()));
        fs::create_directories(path);
    }
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    }
    Folder(const Folder &) = delete;
    Folder &operator=(const Folder &) = delete;

    fs::path path;
};

void damage(Files &files, const std::uint8_t *order) {
    const std::size_t file = order[0] >> 7;
    std::string &content = files.contents[file];
    const std::size_t position = order[1] | order[2] << 8 | (order[3] & 3) << 16;
    const std::uint8_t value = order[4];
    switch (order[0] & 7) {
        case 0:
            if (!content.empty()) content[position % content.size()] = static_cast<char>(content[position % content.size()] ^ (1 << (value & 7)));
            break;
        case 1:
            if (!content.empty()) content[position % content.size()] = static_cast<char>(value);
            break;
        case 2:
            content.resize(position % (content.size() + 1));
            break;
        case 3:
            content.insert(position % (content.size() + 1), 1, static_cast<char>(value));
            break;
        case 4:
            content.erase(position % (content.size() + 1), value);
            break;
        case 5:
            files.there[file] = value % 4 != 0;
            break;
        default:
            files.true_hash = true;
            break;
    }
}

void write_true_hash(Files &files) {
    const std::string stated = drc::detail::sha256(intact().contents[1]);
    const auto found = files.contents[0].find(stated);
    if (found != std::string::npos) files.contents[0].replace(found, stated.size(), drc::detail::sha256(files.contents[1]));
}

// Two frames, because a track's second frame runs other code than its first.
void run(drc_extractor *extractor) {
    std::array<std::uint8_t, 5 * 4 * 3> pixels{};
    std::array<std::uint8_t, 5 * 4> mask{};
    const drc_image image{pixels.data(), 5, 4, 15, DRC_BGR};
    drc_track *track = nullptr;
    drc_track_params params = drc_track_default_params();
    params.steps = 1;
    if (drc_track_open(extractor, &params, &track) != DRC_OK) std::abort();
    for (int frame = 0; frame < 2; ++frame) drc_track_step(track, &image, mask.data(), 5, nullptr);
    drc_track_close(track);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    Files files = intact();
    for (std::size_t start = 0; start + 5 <= size && start < 5 * 64; start += 5) damage(files, data + start);
    if (files.true_hash) write_true_hash(files);
    const Folder folder;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (files.there[i]) files::write(folder.path / names[i], files.contents[i]);
    }
    drc_extractor_params params = drc_extractor_default_params();
    params.threads = 1;
    drc_extractor *extractor = nullptr;
    if (drc_extractor_open(folder.path.c_str(), &params, &extractor) == DRC_OK) {
        run(extractor);
        drc_extractor_close(extractor);
    } else if (extractor != nullptr || drc_last_error()[0] == '\0') {
        std::abort();
    }
    return 0;
}
