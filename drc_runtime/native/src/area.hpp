// Area averaging to a size and to twice that size at once. A camera's image is read from the memory a single time, which
// OpenCV's INTER_AREA, called for either, does not do: half of what a frame cost outside of the engine was that.
#pragma once

#include <cstdint>
#include <vector>

#include <opencv2/core.hpp>

namespace drc::detail {

// Which pixels of a long axis make one of a short axis: whole ones, and shares of one before and of one behind.
struct AreaSpan {
    int first, last;      // the whole ones are first..last-1
    float before, after;  // shares of first - 1 and of last, in [0, 1)
};

class AreaScaler {
public:
    // Whether `image` shrinks enough to both sizes, but not so much that a sum of its pixels needs more than 16 bits.
    static bool suits(const cv::Mat &image, cv::Size size);

    // image: 8-bit, 3 channels. once, twice: 8-bit, 3 channels, `twice` with double the rows and columns of `once`.
    // Within float32's rounding what cv::resize with INTER_AREA gives.
    void scale(const cv::Mat &image, cv::Mat &once, cv::Mat &twice);

private:
    void prepare(cv::Size from, cv::Size to);
    void sum_rows(const cv::Mat &image, const AreaSpan &span);
    void sum_columns(float *sums) const;

    cv::Size from_, to_;
    std::vector<AreaSpan> rows_, columns_;
    std::vector<std::uint16_t> whole_;    // sums of whole rows
    std::vector<float> row_sums_;         // of the rows of one span, for each column of the image
    std::vector<float> upper_, lower_;    // sums over the area of a pixel of `twice`, for two of its rows
};

}  // namespace drc::detail
