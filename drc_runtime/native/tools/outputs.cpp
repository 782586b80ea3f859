#include "outputs.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>

#include "atomic_file.hpp"
#include "compose.hpp"
#include "images.hpp"
#include "problem.hpp"

namespace live {
namespace {

namespace fs = std::filesystem;

bool is_video_name(const fs::path &path) { return path.extension() == ".mp4" || path.extension() == ".avi"; }

void write_png(const fs::path &path, const cv::Mat &image) {
    std::vector<unsigned char> data;
    if (!cv::imencode(".png", image, data)) throw Problem("cannot write " + path.string() + ": OpenCV cannot encode PNG here");
    AtomicFile file(path);
    std::ofstream opened(file.temporary(), std::ios::binary);
    opened.write(reinterpret_cast<const char *>(data.data()), static_cast<std::streamsize>(data.size()));
    opened.close();
    if (!opened) throw Problem("cannot write " + path.string() + "; is the disk full?");
    file.commit();
}

void make_folder(const fs::path &folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) throw Problem("cannot make the folder " + folder.string() + ": " + error.message() + "; choose another place");
}

class Masks : public Sink {
public:
    Masks(fs::path folder, bool soft) : folder_(std::move(folder)), soft_(soft) { make_folder(folder_); }

    void write(const Frame &frame, const cv::Mat &probability) override {
        write_png(folder_ / (frame.name + ".png"), soft_ ? probability : threshold(probability));
    }

private:
    fs::path folder_;
    bool soft_;
};

class Cutouts : public Sink {
public:
    explicit Cutouts(const fs::path &path) : path_(path), is_file_(path.extension() == ".png") {
        if (!is_file_) make_folder(path);
    }

    void write(const Frame &frame, const cv::Mat &probability) override {
        write_png(is_file_ ? path_ : path_ / (frame.name + ".png"), cutout(frame.image, probability));
    }

private:
    fs::path path_;
    bool is_file_;
};

// The overlay as a video of constant rate. The first frame sets the size, made even because of the codecs' halved
// colour; later frames of another size are scaled to it. For live sources, which drop frames, a frame is repeated until
// its successor is due: without it the video would run too fast.
class Video : public Sink {
public:
    Video(const fs::path &path, double rate, bool hold) : path_(path), rate_(rate), hold_(hold), file_(path) {}

    void write(const Frame &frame, const cv::Mat &probability) override {
        cv::Mat image = overlay(frame.image, probability);
        if (!writer_.isOpened()) open(image.size());
        const cv::Size missing = size_ - image.size();
        if (missing.width >= 0 && missing.width <= 1 && missing.height >= 0 && missing.height <= 1)
            cv::copyMakeBorder(image, image, 0, missing.height, 0, missing.width, cv::BORDER_REPLICATE);
        else
            cv::resize(image, image, size_, 0, 0, cv::INTER_AREA);
        const long due = hold_ ? std::max(1L, static_cast<long>(frame.seconds * rate_) + 1 - written_) : 1;
        for (long i = 0; i < due; ++i) writer_.write(image);
        written_ += due;
    }

    void close() override {
        if (!writer_.isOpened()) return;
        writer_.release();
        // OpenCV's writer does not report a full disk, but the index at the end of the file is missing then.
        const cv::VideoCapture written(file_.temporary().string(), cv::CAP_FFMPEG);
        if (!written.isOpened() || std::lround(written.get(cv::CAP_PROP_FRAME_COUNT)) != written_)
            throw Problem(path_.string() + " could not be completed; is the disk full?");
        file_.commit();
    }

private:
    void open(cv::Size size) {
        // one macroblock at least
        size_ = cv::Size(std::max(16, size.width + size.width % 2), std::max(16, size.height + size.height % 2));
        const int codec = path_.extension() == ".mp4" ? cv::VideoWriter::fourcc('m', 'p', '4', 'v') : cv::VideoWriter::fourcc('M', 'J', 'P', 'G');
        if (!writer_.open(file_.temporary().string(), codec, rate_, size_))
            throw Problem("cannot write " + path_.string() + ": OpenCV has no encoder for it here");
    }

    fs::path path_;
    double rate_;
    bool hold_;
    AtomicFile file_;
    cv::VideoWriter writer_;
    cv::Size size_;
    long written_ = 0;
};

bool same(const fs::path &one, const fs::path &other) {
    std::error_code error;
    return fs::equivalent(one, other, error) && !error;
}

void check_folder(const char *option, const fs::path &folder, const Source &source, bool overwrite) {
    const std::string named = std::string(option) + " " + folder.string();
    if (!fs::exists(folder)) return;
    if (!fs::is_directory(folder)) throw Usage(named + " is a file; name a folder");
    // The result of an image has the image's name; that of a video's frame cannot be mistaken for the video.
    for (const fs::path &path : source.paths)
        if (source.rate <= 0 && same(folder, fs::is_directory(path) ? path : fs::absolute(path).parent_path()))
            throw Usage(named + " is where the images are read from; choose another folder");
    if (!overwrite && !fs::is_empty(folder)) throw Usage(named + " is not empty; choose another folder or add --overwrite");
}

void check_kind(const Source &source, const fs::path &out) {
    const std::string named = "--out " + out.string();
    if (source.rate > 0 && !is_video_name(out)) throw Usage(named + ": a video is written as .mp4 or .avi; for images use --masks DIR");
    if (source.rate > 0) return;
    if (is_video_name(out)) throw Usage(named + ": images do not become a video; name a .png or a folder");
    if (is_image_name(out) && out.extension() != ".png") throw Usage(named + ": a cut-out needs transparency; name a .png or a folder");
    if (out.extension() == ".png" && fs::is_directory(source.paths.front()))
        throw Usage(named + ": a folder of images becomes a folder; leave out .png");
}

}  // namespace

void check_outputs(const Source &source, const Options &options) {
    try {
        if (options.out) {
            const fs::path &out = *options.out;
            check_kind(source, out);
            if (out.extension() == ".png" || is_video_name(out)) {
                if (fs::is_directory(out)) throw Usage("--out " + out.string() + " is a folder; name a file");
                for (const fs::path &path : source.paths)
                    if (same(out, path)) throw Usage("--out " + out.string() + " is an input of this run; choose another name");
                if (fs::exists(out) && !options.overwrite)
                    throw Usage("--out " + out.string() + " exists; choose another name or add --overwrite");
            } else {
                check_folder("--out", out, source, options.overwrite);
            }
        }
        if (options.masks) check_folder("--masks", *options.masks, source, options.overwrite);
        if (options.out && options.masks) {
            const fs::path out = fs::weakly_canonical(*options.out), masks = fs::weakly_canonical(*options.masks);
            if (out == masks || (source.rate <= 0 && out.parent_path() == masks && out.extension() == ".png"))
                throw Usage("--out " + out.string() + " and --masks " + masks.string() + " would overwrite each other; name two folders");
        }
    } catch (const fs::filesystem_error &error) {
        throw Problem("cannot write to " + error.path1().string() + ": " + error.code().message() + "; choose another place");
    }
}

std::vector<std::unique_ptr<Sink>> open_sinks(const Source &source, const Options &options) {
    std::vector<std::unique_ptr<Sink>> sinks;
    if (options.masks) sinks.push_back(std::make_unique<Masks>(*options.masks, options.soft));
    if (options.out && source.rate > 0) sinks.push_back(std::make_unique<Video>(*options.out, source.rate, source.live));
    if (options.out && source.rate <= 0) sinks.push_back(std::make_unique<Cutouts>(*options.out));
    return sinks;
}

}  // namespace live
