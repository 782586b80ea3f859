#pragma once

#include <filesystem>

namespace live {

// A file under a temporary name in the same folder, until `commit` gives it its own. Removed if that never comes.
class AtomicFile {
public:
    explicit AtomicFile(const std::filesystem::path &path);
    ~AtomicFile();
    AtomicFile(const AtomicFile &) = delete;
    AtomicFile &operator=(const AtomicFile &) = delete;

    const std::filesystem::path &temporary() const { return temporary_; }  // keeps the suffix: encoders go by it
    void commit();                                                       // synced to the disk first

private:
    std::filesystem::path path_, temporary_;
};

}  // namespace live
