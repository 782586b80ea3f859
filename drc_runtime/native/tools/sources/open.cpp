#include "sources/open.hpp"

#include <filesystem>
#include <system_error>

#include "errors.hpp"
#include "images.hpp"
#include "sources/files.hpp"
#include "sources/live.hpp"

namespace live {

std::unique_ptr<Source> open_source(const std::string &spec) {
    const auto colon = spec.find(':');
    const std::string word = spec.substr(0, colon);
    if (word == "webcam") {
        const std::string number = colon == std::string::npos ? "0" : spec.substr(colon + 1);
        if (number.empty() || number.size() > 3 || number.find_first_not_of("0123456789") != std::string::npos)
            throw UsageError(spec + " is not a camera; write webcam, or webcam:1 for the second one");
        return open_camera(std::stoi(number));
    }
    if (colon != std::string::npos && spec.compare(colon, 3, "://") == 0) {
        if (word != "rtsp" && word != "rtsps" && word != "http" && word != "https")
            throw UsageError(word + ":// is not supported; write an address with rtsp://, rtsps://, http://, https://");
        return open_stream(spec);
    }
    std::error_code error;
    const std::filesystem::path path(spec);
    if (std::filesystem::is_directory(path, error)) return open_images(path);
    if (!std::filesystem::is_regular_file(path, error))
        throw Error(spec + " is not there; SOURCE is an image, a folder, a video, webcam or an address");
    if (is_image_name(path)) return open_images(path);
    return open_video(path);
}

}  // namespace live
