// cut_out BUNDLE < image.ppm > mask.pgm: a complete program with libdrc and no other library.
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include <drc/drc.hpp>

// The next word of a PPM header; comments reach from # to the end of the line.
std::string next_word(std::istream &stream) {
    std::string word, comment;
    while (stream >> word && word[0] == '#') std::getline(stream, comment);
    return word;
}

int next_number(std::istream &stream) {
    const std::string word = next_word(stream);
    const bool valid = !word.empty() && word.size() < 6 && word.find_first_not_of("0123456789") == std::string::npos;
    return valid ? std::stoi(word) : 0;
}

int main(int count, char **arguments) {
    if (count != 2) return std::cerr << "usage: cut_out BUNDLE < image.ppm > mask.pgm\n", 2;
    const std::string kind = next_word(std::cin);
    const int width = next_number(std::cin), height = next_number(std::cin), largest = next_number(std::cin);
    std::cin.get();  // one space before the pixels
    if (!std::cin || kind != "P6" || largest != 255 || width < 1 || height < 1 || width > 32767 || height > 32767)
        return std::cerr << "cut_out: stdin is not a PPM image (P6) of 8 bits\n", 1;
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(width) * height * 3), mask(pixels.size() / 3);
    std::cin.read(reinterpret_cast<char *>(pixels.data()), static_cast<std::streamsize>(pixels.size()));
    if (!std::cin) return std::cerr << "cut_out: the image is cut short\n", 1;
    try {
        drc::Extractor extractor(arguments[1]);
        const drc_image image{pixels.data(), width, height, static_cast<std::size_t>(width) * 3, DRC_RGB};
        const drc_result result = extractor.extract(image, {mask.data(), mask.size()});
        std::cerr << "foreground: " << 100 * result.foreground_share << " %\n";
    } catch (const drc::Error &error) {
        return std::cerr << "cut_out: " << error.what() << '\n', 1;
    }
    std::cout << "P5\n" << width << ' ' << height << "\n255\n";
    std::cout.write(reinterpret_cast<const char *>(mask.data()), static_cast<std::streamsize>(mask.size()));
    return std::cout ? 0 : 1;
}
