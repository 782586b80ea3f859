#include "bundle/json_object.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <set>
#include <utility>

#include "errors.hpp"

namespace drc::detail {
namespace {

using nlohmann::json;

// Python's parser stops at about this depth. The limit also bounds every walk over the value.
constexpr int deepest = 900;
constexpr std::size_t longest_key = 128, longest_text = 1024, longest_scalar = 4096;  // characters
constexpr std::size_t most_entries = 64, most_axes = 8;
constexpr std::int64_t largest_tensor = 1 << 26;  // numbers
constexpr double largest_number = 1e20;           // above every seed of 64 bits
constexpr double smallest_scale = 1e-9, largest_scale = 1e6;

[[noreturn]] void refuse_json(const std::string &why) {
    refuse_damaged("manifest.json is not valid JSON (" + why + ")");
}

bool within(char32_t character, const std::pair<char32_t, char32_t> &range) {
    return range.first <= character && character <= range.second;
}

// False for control characters, separators other than the space, invisible formatting and private characters, which could hide
// or forge a line of output. Unassigned code points are allowed.
bool is_printable(char32_t character) {
    static constexpr std::array<std::pair<char32_t, char32_t>, 29> hidden{{
        {0x0, 0x1F},       {0x7F, 0xA0},       {0xAD, 0xAD},       {0x600, 0x605},     {0x61C, 0x61C},
        {0x6DD, 0x6DD},    {0x70F, 0x70F},     {0x890, 0x891},     {0x8E2, 0x8E2},     {0x1680, 0x1680},
        {0x180E, 0x180E},  {0x2000, 0x200F},   {0x2028, 0x202F},   {0x205F, 0x206F},   {0x3000, 0x3000},
        {0xD800, 0xF8FF},  {0xFDD0, 0xFDEF},   {0xFEFF, 0xFEFF},   {0xFFF0, 0xFFFB},   {0xFFFE, 0xFFFF},
        {0x110BD, 0x110BD}, {0x110CD, 0x110CD}, {0x13430, 0x1343F}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A},
        {0x1FFFE, 0x1FFFF}, {0xE0000, 0xE00FF}, {0xE01F0, 0xFFFFF}, {0x100000, 0x10FFFF},
    }};
    for (const auto &range : hidden)
        if (within(character, range)) return false;
    return true;
}

// `text` is valid UTF-8; the parser has checked it.
bool is_one_line(const std::string &text, std::size_t longest) {
    bool visible = false;
    std::size_t characters = 0;
    for (std::size_t i = 0; i < text.size();) {
        const auto first = static_cast<unsigned char>(text[i]);
        const std::size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
        char32_t character = length == 1 ? first : first & (0x7Fu >> length);
        for (std::size_t k = 1; k < length && i + k < text.size(); ++k)
            character = (character << 6) | (static_cast<unsigned char>(text[i + k]) & 0x3Fu);
        if (!is_printable(character) || ++characters > longest) return false;
        visible = visible || character != ' ';
        i += length;
    }
    return visible;
}

// Code points of valid UTF-8.
std::size_t characters(const std::string &text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0u) != 0x80; }));
}

bool is_size(const json &value, std::int64_t least) {
    if (!value.is_number_integer()) return false;
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(largest_size)) return false;
    const auto number = value.get<std::int64_t>();
    return least <= number && number <= largest_size;
}

}  // namespace

json decode_json(std::string_view text) {
    // nlohmann skips a byte order mark, Python's parser refuses it.
    if (text.substr(0, 3) == "\xEF\xBB\xBF") refuse_json("it starts with a byte order mark");
    // nlohmann takes it for the end of the text.
    if (text.find('\0') != std::string_view::npos) refuse_json("it holds a NUL");
    std::vector<std::set<std::string>> keys;  // of the open objects
    const auto watch = [&keys](int depth, json::parse_event_t event, json &parsed) {
        if (depth > deepest) refuse_json("nested too deeply");
        if (event == json::parse_event_t::object_start) keys.emplace_back();
        if (event == json::parse_event_t::object_end) keys.pop_back();
        // Parsers disagree on which of two equal keys counts, so another reader of the bundle might take the other one.
        if (event == json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second)
            refuse_json("a key stands twice in one object");
        if (event == json::parse_event_t::key && !is_one_line(parsed.get_ref<const std::string &>(), longest_key))
            refuse_json("a key is not one line of text, of at most 128 characters");
        if (event == json::parse_event_t::value && parsed.is_number() && !(std::abs(parsed.get<double>()) < largest_number))
            refuse_json("a number in it is not below 1e20");
        return true;
    };
    try {
        return json::parse(text, watch);
    } catch (const json::parse_error &error) {
        refuse_json("at byte " + std::to_string(error.byte));
    } catch (const json::exception &) {
        refuse_json("a number in it is not finite");
    }
}

JsonObject::JsonObject(const json &value, std::string path) : object_(value), path_(std::move(path)) {
    if (!value.is_object()) refuse_damaged("manifest.json: " + (path_.empty() ? "the whole" : path_) + " must be an object");
}

void JsonObject::refuse(const std::string &key, const std::string &why) const {
    refuse_damaged("manifest.json: " + where(key) + " " + why);
}

JsonObject JsonObject::child(const std::string &key) const { return {value(key), where(key)}; }

std::vector<std::string> JsonObject::keys() const {
    std::vector<std::string> found;
    for (const auto &item : object_.items()) found.push_back(item.key());
    return found;
}

std::string JsonObject::text(const std::string &key) const {
    const json &found = value(key);
    if (!found.is_string() || !is_one_line(found.get_ref<const std::string &>(), longest_text))
        refuse(key, "must be one line of text, of at most 1024 characters");
    return found.get<std::string>();
}

double JsonObject::scale(const std::string &key) const {
    const json &found = value(key);
    const double number = found.is_number() ? found.get<double>() : 0;
    if (!(smallest_scale <= number && number <= largest_scale)) refuse(key, "must be a number from 1e-9 to 1e6");
    return number;
}

double JsonObject::number(const std::string &key, double least, double most) const {
    const json &found = value(key);
    if (!found.is_number() || !(least <= found.get<double>() && found.get<double>() <= most)) {
        std::array<char, 64> range{};
        std::snprintf(range.data(), range.size(), "must be a number from %g to %g", least, most);
        refuse(key, range.data());
    }
    return found.get<double>();
}

std::vector<double> JsonObject::numbers(const std::string &key, std::size_t most, double largest) const {
    const json &found = value(key);
    const bool fits = found.is_array() && !found.empty() && found.size() <= most &&
                      std::all_of(found.begin(), found.end(), [&](const json &item) {
                          return item.is_number() && std::abs(item.get<double>()) <= largest;
                      });
    if (!fits) {
        std::array<char, 96> range{};
        std::snprintf(range.data(), range.size(), "must be a list of 1 to %zu numbers from -%g to %g", most, largest, largest);
        refuse(key, range.data());
    }
    return found.get<std::vector<double>>();
}

std::int64_t JsonObject::size(const std::string &key, std::int64_t least) const {
    const json &found = value(key);
    if (!is_size(found, least)) refuse(key, "must be a whole number from " + std::to_string(least) + " to 65536");
    return found.get<std::int64_t>();
}

Shape JsonObject::sizes(const std::string &key) const {
    const json &found = value(key);
    bool good = found.is_array() && !found.empty();
    for (std::size_t i = 0; good && i < found.size(); ++i) good = is_size(found[i], 1);
    if (!good) refuse(key, "must be a list of whole numbers from 1 to 65536");
    auto shape = found.get<Shape>();
    std::int64_t numbers = 1;
    for (std::size_t i = 0; i < shape.size() && numbers <= largest_tensor; ++i) numbers *= shape[i];
    if (shape.size() > most_axes || numbers > largest_tensor)
        refuse(key, "has more than 8 sizes, or makes a tensor of more than 67108864 numbers");
    return shape;
}

std::map<std::string, Shape> JsonObject::all_sizes() const {
    limit_members();
    std::map<std::string, Shape> found;
    for (const std::string &key : keys()) found[key] = sizes(key);
    return found;
}

void JsonObject::require_scalars() const {
    limit_members();
    for (const auto &item : object_.items()) {
        if (item.value().is_structured()) refuse(item.key(), "must be text, a number, true, false or null");
        if (item.value().is_string() && characters(item.value().get_ref<const std::string &>()) > longest_scalar)
            refuse(item.key(), "has more than 4096 characters");
    }
}

void JsonObject::limit_members() const {
    if (object_.size() > most_entries)
        refuse_damaged("manifest.json: " + (path_.empty() ? "the whole" : path_) + " has more than 64 members");
}

const json &JsonObject::value(const std::string &key) const {
    const auto found = object_.find(key);
    if (found == object_.end()) refuse(key, "is missing");
    return *found;
}

std::string JsonObject::where(const std::string &key) const { return path_.empty() ? key : path_ + "." + key; }

}  // namespace drc::detail
