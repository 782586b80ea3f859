#include "views/compose.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <opencv2/imgproc.hpp>

namespace live {
namespace {

constexpr double background_brightness = 0.35;
const cv::Scalar line_colour(170, 255, 90);

// Blends `front` over `behind`: `front` where the probability is 255, `behind` where it is 0.
void blend(const cv::Mat &front, const cv::Mat &probability, cv::Mat &behind) {
    // Only the bounding box of the foreground, which is a small part of most frames.
    const cv::Rect window = cv::boundingRect(probability);
    if (window.empty()) return;
    cv::Mat alpha, rest, one, other;
    cv::cvtColor(probability(window), alpha, cv::COLOR_GRAY2BGR);
    cv::bitwise_not(alpha, rest);
    cv::multiply(front(window), alpha, one, 1 / 255.0);
    cv::multiply(behind(window), rest, other, 1 / 255.0);
    cv::add(one, other, one);
    one.copyTo(behind(window));
}

}  // namespace

cv::Mat overlay(const cv::Mat &image, const cv::Mat &probability) {
    cv::Mat grey, result, inner;
    cv::cvtColor(image, grey, cv::COLOR_BGR2GRAY);
    cv::convertScaleAbs(grey, grey, background_brightness);
    cv::cvtColor(grey, result, cv::COLOR_GRAY2BGR);
    blend(image, probability, result);
    // The mask minus its erosion. Contours of a noisy mask would cost a hundred times as much.
    const cv::Mat mask = threshold(probability);
    const int thickness = std::max(1, static_cast<int>(std::lrint(std::min(image.rows, image.cols) / 360.0)));
    cv::erode(mask, inner, cv::Mat::ones(2 * thickness + 1, 2 * thickness + 1, CV_8U));
    result.setTo(line_colour, mask != inner);
    return result;
}

cv::Mat cutout(const cv::Mat &image, const cv::Mat &probability) {
    cv::Mat result;
    cv::merge(std::vector<cv::Mat>{image, probability}, result);
    return result;
}

cv::Mat threshold(const cv::Mat &probability) {
    cv::Mat mask;
    cv::threshold(probability, mask, 127, 255, cv::THRESH_BINARY);
    return mask;
}

}  // namespace live
