// manifest.json decoded as strictly as the Python runtime does it, and read key by key with complaints that name the key.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace drc::detail {

using Shape = std::vector<std::int64_t>;

// Far above every sensible image or latent vector; below it no declared shape can exhaust the memory by itself.
constexpr std::int64_t largest_size = 1 << 16;

// Refuses what is not JSON, and what parsers disagree on: equal keys in one object, numbers beyond a double.
nlohmann::json decode_json(std::string_view text);

// A JSON object and where it stands in the manifest. It refers to the value, which must outlive it.
class JsonObject {
public:
    JsonObject(const nlohmann::json &value, std::string path);

    [[noreturn]] void refuse(const std::string &key, const std::string &why) const;
    JsonObject child(const std::string &key) const;
    std::vector<std::string> keys() const;
    bool has(const std::string &key) const { return object_.contains(key); }
    std::string text(const std::string &key) const;           // one printable line
    double positive(const std::string &key) const;            // below 1e9
    std::int64_t size(const std::string &key, std::int64_t least = 1) const;
    Shape sizes(const std::string &key) const;
    void require_scalars() const;

private:
    const nlohmann::json &value(const std::string &key) const;
    std::string where(const std::string &key) const;

    const nlohmann::json &object_;
    std::string path_;
};

}  // namespace drc::detail
