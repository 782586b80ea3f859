// Where frames come from: an image, a folder, a video, a camera or a stream.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <opencv2/core.hpp>

namespace live {

struct Frame {
    cv::Mat image;     // 8 bits BGR
    double seconds = 0;  // since a live source was opened
    std::chrono::steady_clock::time_point captured;  // of a live source
    std::string name;    // 00000 for frames of a video, the file's stem for an image
};

class Source {
public:
    virtual ~Source() = default;
    // False at the end. The image is empty where a live source has nothing new yet.
    virtual bool next(Frame &frame) = 0;

    double rate = 0;                                 // frames a second; 0 for still images
    bool live = false;                               // only the latest frame matters
    long dropped = 0;                                // frames of a live source that were replaced before they were asked for
    long reconnects = 0;                             // how often a live source was lost and opened anew
    std::string state = "live";                      // connecting, live or lost; what lies on the disk is always live
    std::vector<std::string> failures;               // one line for each item that could not be read
    std::vector<std::filesystem::path> paths;        // what is read, so that no output takes its place
};

std::unique_ptr<Source> open_source(const std::string &spec);

// The two that need OpenCV's decoders for their own ends.
std::unique_ptr<Source> open_video(const std::filesystem::path &path);
std::unique_ptr<Source> open_camera(int number);
std::unique_ptr<Source> open_stream(const std::string &address);

// As masks of frames are called: 00042.
std::string frame_name(long index);

// What a container states, or 25.
double sensible_rate(double stated);

}  // namespace live
