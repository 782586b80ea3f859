#pragma once

#include <filesystem>

namespace live {

// Writes a file under a temporary name in the same folder. `commit` gives it its final name; without it the destructor
// removes the file.
class AtomicFile {
public:
    explicit AtomicFile(const std::filesystem::path &path);
    ~AtomicFile();
    AtomicFile(const AtomicFile &) = delete;
    AtomicFile &operator=(const AtomicFile &) = delete;

    const std::filesystem::path &temporary() const { return temporary_; }  // with the final suffix, which encoders need
    void commit();  // marked, after an fsync; an existing file is replaced only if drc wrote it

private:
    std::filesystem::path path_, temporary_;
};

}  // namespace live
