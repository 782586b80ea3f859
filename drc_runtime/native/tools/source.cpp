#include "source.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <utility>

#include "images.hpp"
#include "problem.hpp"

namespace live {
namespace {

namespace fs = std::filesystem;

class Images : public Source {
public:
    explicit Images(const fs::path &path) : single_(!fs::is_directory(path)) {
        paths.push_back(path);
        if (single_) {
            images_ = {path};
            first_ = read_image(path);
            return;
        }
        images_ = list_images(path);
        std::map<std::string, fs::path> by_stem;
        for (const fs::path &image : images_) {
            const auto [twin, added] = by_stem.emplace(image.stem().string(), image);
            if (!added)
                throw Problem(twin->second.filename().string() + " and " + image.filename().string() + " in " +
                              path.string() + " would share one result; rename one of them");
            paths.push_back(image);
        }
    }

    bool next(Frame &frame) override {
        while (position_ < images_.size()) {
            const fs::path &path = images_[position_++];
            try {
                frame.image = single_ ? first_ : read_image(path);
                frame.name = path.stem().string();
                return true;
            } catch (const Problem &problem) {
                failures.emplace_back(problem.what());
            }
        }
        return false;
    }

private:
    bool single_;
    cv::Mat first_;
    std::vector<fs::path> images_;
    std::size_t position_ = 0;
};

}  // namespace

std::unique_ptr<Source> open_source(const std::string &spec) {
    const auto colon = spec.find(':');
    const std::string word = spec.substr(0, colon);
    if (word == "webcam") {
        const std::string number = colon == std::string::npos ? "0" : spec.substr(colon + 1);
        if (number.empty() || number.size() > 3 || number.find_first_not_of("0123456789") != std::string::npos)
            throw Usage(spec + " is not a camera; write webcam, or webcam:1 for the second one");
        return open_camera(std::stoi(number));
    }
    if (colon != std::string::npos && spec.compare(colon, 3, "://") == 0) {
        if (word != "rtsp" && word != "rtsps" && word != "http" && word != "https")
            throw Usage(word + ":// is not supported; write an address with rtsp://, rtsps://, http://, https://");
        return open_stream(spec);
    }
    std::error_code error;
    const fs::path path(spec);
    if (fs::is_directory(path, error)) return std::make_unique<Images>(path);
    if (!fs::is_regular_file(path, error))
        throw Problem(spec + " is not there; SOURCE is an image, a folder, a video, webcam or an address");
    if (is_image_name(path)) return std::make_unique<Images>(path);
    return open_video(path);
}

std::string frame_name(long index) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%05ld", index);
    return text.data();
}

double sensible_rate(double stated) { return std::isfinite(stated) && stated >= 0.01 && stated <= 1000 ? stated : 25; }

}  // namespace live
