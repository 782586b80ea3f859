#include "sinks/png.hpp"

#include <fstream>
#include <utility>
#include <vector>

#include <opencv2/imgcodecs.hpp>

#include "atomic.hpp"
#include "errors.hpp"
#include "views/compose.hpp"

namespace live {
namespace {

namespace fs = std::filesystem;

void write_png(const fs::path &path, const cv::Mat &image) {
    std::vector<unsigned char> data;
    if (!cv::imencode(".png", image, data)) throw Error("cannot write " + path.string() + ": OpenCV cannot encode PNG here");
    AtomicFile file(path);
    std::ofstream opened(file.temporary(), std::ios::binary);
    opened.write(reinterpret_cast<const char *>(data.data()), static_cast<std::streamsize>(data.size()));
    opened.close();
    if (!opened) throw Error("cannot write " + path.string() + "; is the disk full?");
    file.commit();
}

void make_folder(const fs::path &folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) throw Error("cannot make the folder " + folder.string() + ": " + error.message() + "; choose another place");
}

class MaskSink : public Sink {
public:
    MaskSink(fs::path folder, bool soft) : folder_(std::move(folder)), soft_(soft) { make_folder(folder_); }

    void write(const Frame &frame, const cv::Mat &probability) override {
        write_png(folder_ / (frame.name + ".png"), soft_ ? probability : threshold(probability));
    }

private:
    fs::path folder_;
    bool soft_;
};

class CutoutSink : public Sink {
public:
    explicit CutoutSink(const fs::path &path) : path_(path), is_file_(path.extension() == ".png") {
        if (!is_file_) make_folder(path);
    }

    void write(const Frame &frame, const cv::Mat &probability) override {
        write_png(is_file_ ? path_ : path_ / (frame.name + ".png"), cutout(frame.image, probability));
    }

private:
    fs::path path_;
    bool is_file_;
};

}  // namespace

std::unique_ptr<Sink> open_masks(const fs::path &folder, bool soft) { return std::make_unique<MaskSink>(folder, soft); }

std::unique_ptr<Sink> open_cutouts(const fs::path &path) { return std::make_unique<CutoutSink>(path); }

}  // namespace live
