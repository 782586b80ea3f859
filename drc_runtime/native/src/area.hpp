// Area averaging to a size and to twice that size in one pass over the image. Two calls of OpenCV's INTER_AREA read a camera's
// image twice, which was half of a frame's cost outside the engine.
#pragma once

#include <cstdint>
#include <vector>

#include <opencv2/core.hpp>

namespace drc::detail {

// The pixels of the image along one axis that make one pixel of the result: whole pixels, and parts of one before and one after.
struct AreaSpan {
    int first, last;      // whole pixels: first to last - 1
    float before, after;  // parts of the pixels first - 1 and last, in [0, 1)
};

class AreaScaler {
public:
    // Whether `image` shrinks at both sizes, but so little that 16 bits hold the sum of a column's pixels.
    static bool suits(const cv::Mat &image, cv::Size size);

    // image, once, twice: 8 bits, 3 channels; `twice` has double the rows and columns of `once`.
    // The same as cv::resize with INTER_AREA, up to float32 rounding.
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
