// manifest.json, decoded as strictly as by the Python runtime and read key by key; errors name the key.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace drc::detail {

using Shape = std::vector<std::int64_t>;

// Far above every real image or latent vector; no declared shape below it exhausts the memory by itself.
constexpr std::int64_t largest_size = 1 << 16;

// Refuses text that is not JSON, and what parsers disagree on: equal keys in one object, numbers beyond a double.
nlohmann::json decode_json(std::string_view text);

// A JSON object and its path in the manifest. It refers to the value, which must outlive it.
class JsonObject {
public:
    JsonObject(const nlohmann::json &value, std::string path);

    [[noreturn]] void refuse(const std::string &key, const std::string &why) const;
    JsonObject child(const std::string &key) const;
    std::vector<std::string> keys() const;
    bool has(const std::string &key) const { return object_.contains(key); }
    std::string text(const std::string &key) const;           // one printable line
    double scale(const std::string &key) const;               // from 1e-9 to 1e6
    double number(const std::string &key, double least, double most) const;
    std::int64_t size(const std::string &key, std::int64_t least = 1) const;
    std::vector<double> numbers(const std::string &key, std::size_t most, double largest) const;  // 1 to `most`, of -largest to largest
    Shape sizes(const std::string &key) const;
    std::map<std::string, Shape> all_sizes() const;           // of all members
    void require_scalars() const;
    void limit_members() const;                               // at most 64

private:
    const nlohmann::json &value(const std::string &key) const;
    std::string where(const std::string &key) const;

    const nlohmann::json &object_;
    std::string path_;
};

}  // namespace drc::detail
