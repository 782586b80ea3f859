#include "preprocess.hpp"

#include <algorithm>
#include <cmath>

#include <opencv2/imgproc.hpp>

namespace drc::detail {

const cv::Mat &Scaler::scale(const cv::Mat &image) {
    // First area averaging (no aliasing) on each side that shrinks, then bilinear interpolation on each side that grows.
    const cv::Size smaller(std::min(size_.width, image.cols), std::min(size_.height, image.rows));
    const cv::Mat *current = &image;
    if (current->size() != smaller) {
        cv::resize(*current, shrunk_, smaller, 0, 0, cv::INTER_AREA);
        current = &shrunk_;
    }
    if (current->size() != size_) {
        cv::resize(*current, scaled_, size_, 0, 0, cv::INTER_LINEAR);
        current = &scaled_;
    }
    return *current;
}

Preprocessor::Preprocessor(int height, int width)
    : network_(height, width),
      twice_(filter_scale * height, filter_scale * width),
      network_buffer_(network_.size(), CV_8UC3),
      filter_buffer_(twice_.size(), CV_8UC3),
      for_network_(&network_buffer_),
      for_filter_(&filter_buffer_) {}

void Preprocessor::scale(const cv::Mat &image) {
    image_ = image;  // is itself the result if it already has the size
    if (AreaScaler::suits(image_, network_.size())) {
        area_.scale(image_, network_buffer_, filter_buffer_);
        for_network_ = &network_buffer_;
        for_filter_ = &filter_buffer_;
    } else {
        for_network_ = &network_.scale(image_);
        for_filter_ = &twice_.scale(image_);
    }
}

void Preprocessor::to_tensor(bool bgr, float *tensor) const {
    const cv::Mat &scaled = *for_network_;
    const cv::Size size = scaled.size();
    const auto plane = static_cast<std::size_t>(size.area());
    for (int row = 0; row < size.height; ++row) {
        const std::uint8_t *pixels = scaled.ptr(row);
        for (std::size_t channel = 0; channel < 3; ++channel) {
            const std::uint8_t *from = pixels + (bgr ? 2 - channel : channel);
            float *to = tensor + channel * plane + static_cast<std::size_t>(row) * static_cast<std::size_t>(size.width);
            for (int column = 0; column < size.width; ++column)
                to[column] = static_cast<float>(from[3 * column]) / 127.5f - 1.0f;
        }
    }
}

void to_image(const float *tensor, bool bgr, cv::Mat &image) {
    const auto plane = static_cast<std::size_t>(image.total());
    for (int row = 0; row < image.rows; ++row) {
        std::uint8_t *pixels = image.ptr(row);
        for (std::size_t channel = 0; channel < 3; ++channel) {
            const float *from = tensor + channel * plane + static_cast<std::size_t>(row) * static_cast<std::size_t>(image.cols);
            std::uint8_t *to = pixels + (bgr ? 2 - channel : channel);
            for (int column = 0; column < image.cols; ++column) {
                const float value = std::nearbyint((from[column] + 1.0f) * 127.5f);
                // in this order, so that NaN becomes 0
                to[3 * column] = static_cast<std::uint8_t>(value > 0.0f ? std::min(value, 255.0f) : 0.0f);
            }
        }
    }
}

}  // namespace drc::detail
