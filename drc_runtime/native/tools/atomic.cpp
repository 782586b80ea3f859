#include "atomic.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "errors.hpp"
#include "marks.hpp"

namespace live {

namespace fs = std::filesystem;

AtomicFile::AtomicFile(const std::filesystem::path &path) : path_(path) {
    const std::string suffix = ".part" + path.extension().string();
    std::string name = (path.parent_path() / ("." + path.stem().string().substr(0, 40) + ".XXXXXX" + suffix)).string();
    const int file = mkstemps(name.data(), static_cast<int>(suffix.size()));
    if (file < 0) throw Error("cannot write " + path.string() + ": " + std::strerror(errno) + "; choose another place");
    fchmod(file, 0644);
    ::close(file);
    temporary_ = name;
}

AtomicFile::~AtomicFile() {
    std::error_code ignored;
    if (!temporary_.empty()) std::filesystem::remove(temporary_, ignored);
}

void AtomicFile::commit() {
    // what has appeared here since the outputs were checked
    if (fs::symlink_status(path_).type() != fs::file_type::not_found && !is_replaceable(path_))
        throw Error(path_.string() + " " + not_ours + "; move it away, or choose another place");
    mark(temporary_);
    const int file = ::open(temporary_.c_str(), O_RDWR | O_CLOEXEC);
    const bool synced = file >= 0 && fsync(file) == 0;
    const int error = errno;
    if (file >= 0) ::close(file);
    if (!synced) throw Error("cannot write " + path_.string() + ": " + std::strerror(error));
    if (std::rename(temporary_.c_str(), path_.c_str()) != 0)
        throw Error("cannot write " + path_.string() + ": " + std::strerror(errno));
    temporary_.clear();
}

}  // namespace live
