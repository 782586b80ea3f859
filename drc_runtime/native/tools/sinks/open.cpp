#include "sinks/open.hpp"

#include <string>
#include <system_error>

#include "errors.hpp"
#include "images.hpp"
#include "marks.hpp"
#include "sinks/opencv_video.hpp"
#include "sinks/png.hpp"

namespace live {
namespace {

namespace fs = std::filesystem;

bool same(const fs::path &one, const fs::path &other) {
    std::error_code error;
    return fs::equivalent(one, other, error) && !error;
}

void check_folder(const char *option, const fs::path &folder, const Source &source, bool overwrite) {
    const std::string named = std::string(option) + " " + folder.string();
    if (!fs::exists(folder)) return;
    if (!fs::is_directory(folder)) throw UsageError(named + " is a file; name a folder");
    // An image's result has the name of the image and would replace it; that of a video's frame has a name of its own.
    for (const fs::path &path : source.paths)
        if (source.is_still() && same(folder, fs::is_directory(path) ? path : fs::absolute(path).parent_path()))
            throw UsageError(named + " is where the images are read from; choose another folder");
    if (!overwrite && !fs::is_empty(folder)) throw UsageError(named + " is not empty; choose another folder or add --overwrite");
    for (const fs::directory_entry &entry : fs::directory_iterator(folder))
        if (entry.path().extension() == ".png" && !is_replaceable(entry.path()))
            throw UsageError(named + " holds " + entry.path().filename().string() + ", which " + not_ours + "; move it away or choose another folder");
}

void check_kind(const Source &source, const fs::path &out) {
    const std::string named = "--out " + out.string();
    if (!source.is_still() && !is_video_name(out)) throw UsageError(named + ": a video is written as .mp4 or .avi; for images use --masks DIR");
    if (!source.is_still()) return;
    if (is_video_name(out)) throw UsageError(named + ": images do not become a video; name a .png or a folder");
    if (is_image_name(out) && out.extension() != ".png") throw UsageError(named + ": a cut-out needs transparency; name a .png or a folder");
    if (out.extension() == ".png" && fs::is_directory(source.paths.front()))
        throw UsageError(named + ": a folder of images becomes a folder; leave out .png");
}

}  // namespace

void check_outputs(const Source &source, const Options &options) {
    try {
        if (options.out) {
            const fs::path &out = *options.out;
            check_kind(source, out);
            if (out.extension() == ".png" || is_video_name(out)) {
                if (fs::is_directory(out)) throw UsageError("--out " + out.string() + " is a folder; name a file");
                for (const fs::path &path : source.paths)
                    if (same(out, path)) throw UsageError("--out " + out.string() + " is an input of this run; choose another name");
                if (fs::symlink_status(out).type() != fs::file_type::not_found) {
                    if (!options.overwrite) throw UsageError("--out " + out.string() + " exists; choose another name or add --overwrite");
                    if (!is_replaceable(out)) throw UsageError("--out " + out.string() + " " + not_ours + "; move it away or choose another name");
                }
            } else {
                check_folder("--out", out, source, options.overwrite);
            }
        }
        if (options.masks) check_folder("--masks", *options.masks, source, options.overwrite);
        if (options.out && options.masks) {
            const fs::path out = fs::weakly_canonical(*options.out), masks = fs::weakly_canonical(*options.masks);
            if (out == masks || (source.is_still() && out.parent_path() == masks && out.extension() == ".png"))
                throw UsageError("--out " + out.string() + " and --masks " + masks.string() + " would overwrite each other; name two folders");
        }
    } catch (const fs::filesystem_error &error) {
        throw Error("cannot write to " + error.path1().string() + ": " + error.code().message() + "; choose another place");
    }
}

std::vector<std::unique_ptr<Sink>> open_sinks(const Source &source, const Options &options) {
    std::vector<std::unique_ptr<Sink>> sinks;
    if (options.masks) sinks.push_back(open_masks(*options.masks, options.soft));
    if (options.out && !source.is_still()) sinks.push_back(open_video_sink(*options.out, source.rate, source.live));
    if (options.out && source.is_still()) sinks.push_back(open_cutouts(*options.out));
    return sinks;
}

}  // namespace live
