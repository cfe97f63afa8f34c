#include "pipeline/text/tokenizer_file.h"

#include <optional>

namespace sluice {
namespace {

using json_reading::Json;
using json_reading::malformed;

// Takes the parser's events. Its functions answer whether to go on.
class FileReader : public nlohmann::json_sax<Json> {
 public:
  explicit FileReader(std::string_view name) : where_(std::string(name) + ": model"), name_(name) {}

  Result<TokenizerFile> take(bool is_parsed) {
    if (error_) return *error_;
    if (!is_parsed) return malformed(name_, "is no valid JSON (cut short?)");
    if (!file_.json.is_object()) return malformed(name_, "is no JSON object");
    return std::move(file_);
  }

  bool null() override { return value(nullptr); }
  bool boolean(bool is_true) override { return value(is_true); }
  bool number_float(number_float_t number, const string_t&) override { return value(number); }
  bool binary(binary_t&) override { return false; }  // Does not occur in text.

  bool number_integer(number_integer_t number) override {
    return place_ == Place::kVocab ? vocab_entry(number) : value(number);
  }

  bool number_unsigned(number_unsigned_t number) override {
    if (place_ != Place::kVocab || number > std::uint64_t{INT64_MAX}) return value(number);
    return vocab_entry(static_cast<std::int64_t>(number));
  }

  bool string(string_t& text) override {
    if (place_ == Place::kMerge) {
      merge_.push_back(std::move(text));
      return merge_.size() <= 2 || bad_merge();
    }
    return place_ == Place::kMerges ? merge_in_one(text) : value(std::move(text));
  }

  bool start_object(std::size_t) override {
    if (place_ != Place::kRest) return value(nullptr);
    if (is_in_model("vocab")) {
      file_.vocab.clear();
      place_ = Place::kVocab;
      return true;
    }
    open_.push_back(add(Json::object()));
    keys_.emplace_back();
    return true;
  }

  bool key(string_t& text) override {
    (place_ == Place::kVocab ? token_ : keys_.back()) = std::move(text);
    return true;
  }

  bool end_object() override { return place_ == Place::kVocab ? end_list(Json::object()) : close(); }

  bool start_array(std::size_t) override {
    if (place_ == Place::kMerges) {
      merge_.clear();
      place_ = Place::kMerge;
      return true;
    }
    if (place_ != Place::kRest) return value(nullptr);
    if (is_in_model("merges")) {
      file_.merges.clear();
      place_ = Place::kMerges;
      return true;
    }
    open_.push_back(add(Json::array()));
    keys_.emplace_back();
    return true;
  }

  bool end_array() override {
    if (place_ == Place::kMerges) return end_list(Json::array());
    if (place_ == Place::kRest) return close();
    if (merge_.size() != 2) return bad_merge();
    file_.merges.emplace_back(std::move(merge_[0]), std::move(merge_[1]));
    place_ = Place::kMerges;
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  enum class Place : std::uint8_t { kRest, kVocab, kMerges, kMerge };  // kMerge: within ["a", "b"].

  // Whether the value to come is this one of the model's.
  bool is_in_model(std::string_view key) const {
    return keys_.size() == 2 && open_[1]->is_object() && keys_[0] == "model" && keys_[1] == key;
  }

  // Adds a value to what is open, and tells where it lies.
  Json* add(Json value) {
    if (open_.empty()) {
      file_.json = std::move(value);
      return &file_.json;
    }
    Json& parent = *open_.back();
    if (parent.is_object()) return &(parent[keys_.back()] = std::move(value));
    parent.push_back(std::move(value));
    return &parent.back();
  }

  bool value(Json value) {
    switch (place_) {
      case Place::kRest: add(std::move(value)); return true;
      case Place::kVocab: return fail("gives the token " + in_quotes(token_) + " an id that is no integer");
      case Place::kMerges:
      case Place::kMerge: return bad_merge();
    }
    return false;
  }

  bool close() {
    open_.pop_back();
    keys_.pop_back();
    return true;
  }

  bool end_list(Json empty) {
    place_ = Place::kRest;
    return value(std::move(empty));
  }

  bool vocab_entry(std::int64_t id) {
    file_.vocab.emplace_back(std::move(token_), id);
    return true;
  }

  bool merge_in_one(const std::string& text) {
    if (text.starts_with("#version")) return true;
    const std::size_t space = text.find(' ');
    if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
      return fail("merge " + std::to_string(file_.merges.size()) + " " + in_quotes(text) + " does not name two tokens");
    }
    file_.merges.emplace_back(text.substr(0, space), text.substr(space + 1));
    return true;
  }

  bool bad_merge() {
    return fail("merge " + std::to_string(file_.merges.size()) + " is neither \"a b\" nor [\"a\", \"b\"]");
  }

  bool fail(const std::string& why) {
    error_ = malformed(where_ + ":", why);
    return false;
  }

  std::string where_;
  std::string_view name_;
  TokenizerFile file_;
  Place place_ = Place::kRest;
  std::vector<Json*> open_;         // The objects and lists that are not complete yet.
  std::vector<std::string> keys_;   // The last key of each.
  std::string token_;               // The last key in "vocab".
  std::vector<std::string> merge_;  // What a ["a", "b"] has so far.
  std::optional<Error> error_;
};

}  // namespace

Result<TokenizerFile> parse_tokenizer_file(std::string_view text, std::string_view name) {
  FileReader reader(name);
  const bool is_parsed = Json::sax_parse(text.begin(), text.end(), &reader);
  return reader.take(is_parsed);
}

}  // namespace sluice
