#include "area.hpp"

#include <algorithm>
#include <cstddef>

namespace drc::detail {
namespace {

constexpr int most_rows = 256;  // so that 16 bits hold their sum of up to 255 each

std::vector<AreaSpan> spans(int from, int to) {
    std::vector<AreaSpan> found(static_cast<std::size_t>(to));
    for (int i = 0; i < to; ++i) {
        // The span is [start, end) / to, in integers, so that two neighbours divide a pixel exactly.
        const std::int64_t start = std::int64_t{i} * from, end = start + from;
        const std::int64_t first = (start + to - 1) / to, last = end / to;
        found[static_cast<std::size_t>(i)] = {static_cast<int>(first), static_cast<int>(last),
                                              static_cast<float>(first * to - start) / static_cast<float>(to),
                                              static_cast<float>(end - last * to) / static_cast<float>(to)};
    }
    return found;
}

void write_row(const float *sums, float scale, int values, std::uint8_t *row) {
    for (int i = 0; i < values; ++i) row[i] = cv::saturate_cast<std::uint8_t>(sums[i] * scale);
}

}  // namespace

bool AreaScaler::suits(const cv::Mat &image, cv::Size size) {
    return image.rows > 4 * size.height && image.cols > 4 * size.width && image.rows / (2 * size.height) < most_rows;
}

void AreaScaler::scale(const cv::Mat &image, cv::Mat &once, cv::Mat &twice) {
    prepare(image.size(), twice.size());
    const float scale = static_cast<float>(static_cast<double>(to_.area()) / static_cast<double>(from_.area()));
    const int values = 3 * to_.width;
    for (int row = 0; row < to_.height; row += 2) {
        for (int half = 0; half < 2; ++half) {
            std::vector<float> &sums = half == 0 ? upper_ : lower_;
            sum_rows(image, rows_[static_cast<std::size_t>(row + half)]);
            sum_columns(sums.data());
            write_row(sums.data(), scale, values, twice.ptr(row + half));
        }
        for (int i = 0; i < values; ++i) upper_[static_cast<std::size_t>(i)] += lower_[static_cast<std::size_t>(i)];
        const float *sums = upper_.data();
        std::uint8_t *pixel = once.ptr(row / 2);
        for (int column = 0; column < to_.width; column += 2, sums += 6, pixel += 3)
            for (int channel = 0; channel < 3; ++channel)
                pixel[channel] = cv::saturate_cast<std::uint8_t>((sums[channel] + sums[channel + 3]) * (scale / 4));
    }
}

void AreaScaler::prepare(cv::Size from, cv::Size to) {
    if (from == from_ && to == to_) return;
    rows_ = spans(from.height, to.height);
    columns_ = spans(from.width, to.width);
    whole_.resize(3 * static_cast<std::size_t>(from.width));
    row_sums_.resize(whole_.size());
    upper_.resize(3 * static_cast<std::size_t>(to.width));
    lower_.resize(upper_.size());
    from_ = from;
    to_ = to;
}

// Separate simple loops, which compilers vectorise.
void AreaScaler::sum_rows(const cv::Mat &image, const AreaSpan &span) {
    const std::size_t values = whole_.size();
    std::uint16_t *whole = whole_.data();
    std::copy_n(image.ptr(span.first), values, whole);
    for (int row = span.first + 1; row < span.last; ++row) {
        const std::uint8_t *pixels = image.ptr(row);
        for (std::size_t i = 0; i < values; ++i) whole[i] = static_cast<std::uint16_t>(whole[i] + pixels[i]);
    }
    // A part of 0 may lie outside the image.
    const std::uint8_t *before = image.ptr(std::max(span.first - 1, 0));
    const std::uint8_t *after = image.ptr(std::min(span.last, image.rows - 1));
    float *sums = row_sums_.data();
    for (std::size_t i = 0; i < values; ++i)
        sums[i] = static_cast<float>(whole[i]) + span.before * static_cast<float>(before[i]) + span.after * static_cast<float>(after[i]);
}

void AreaScaler::sum_columns(float *sums) const {
    const int last_column = from_.width - 1;
    for (const AreaSpan &span : columns_) {
        const float *before = row_sums_.data() + 3 * std::max(span.first - 1, 0);
        const float *after = row_sums_.data() + 3 * std::min(span.last, last_column);
        float red = span.before * before[0] + span.after * after[0];
        float green = span.before * before[1] + span.after * after[1];
        float blue = span.before * before[2] + span.after * after[2];
        for (const float *value = row_sums_.data() + 3 * span.first; value < row_sums_.data() + 3 * span.last; value += 3) {
            red += value[0];
            green += value[1];
            blue += value[2];
        }
        *sums++ = red;
        *sums++ = green;
        *sums++ = blue;
    }
}

}  // namespace drc::detail
