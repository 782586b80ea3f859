// What flows through a run: a frame, the source that it comes from, and the sinks that its mask goes to.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include <opencv2/core.hpp>

namespace live {

struct Frame {
    cv::Mat image;                                   // 8-bit BGR
    double seconds = 0;                              // presentation time; for a live source, since it was opened
    std::chrono::steady_clock::time_point captured;  // of a live source
    std::string name;                                // 00000 for frames of a video, the file's stem for an image
};

class Source {
public:
    virtual ~Source() = default;

    // Reads the next frame; false at the end. The image is empty where a live source has no new frame yet.
    virtual bool next(Frame &frame) = 0;

    // Frames a second, for planning. A live source measures it, which takes a second or, if it is slow, a few.
    virtual double measured_rate() { return rate; }

    bool is_still() const { return rate <= 0; }  // images, not frames of a video

    double rate = 0;                           // frames a second as the source states it; 0 for still images
    bool live = false;                         // a camera or a stream, of which only the latest frame matters
    long dropped = 0;                          // frames of a live source that a later frame replaced before they were read
    long reconnects = 0;                       // how often a lost live source was opened again
    std::string state = "live";                // connecting, live or lost; files are always live
    std::vector<std::string> failures;         // one line for each item that could not be read
    std::vector<std::filesystem::path> paths;  // files and folders that are read; no output may replace them
};

class Sink {
public:
    virtual ~Sink() = default;  // without close, no incomplete file remains under its final name
    virtual void write(const Frame &frame, const cv::Mat &probability) = 0;
    virtual void close() {}
};

}  // namespace live
