#include "top/watch.h"

#include <string>
#include <utility>

#include "top/frame.h"
#include "top/view.h"

namespace sluice::top {

namespace {

Result<Scrape> parse_scrape(const std::string& body, const Clock& clock) {
  auto families = parse_exposition(body);
  if (!families) return families.error();
  const auto first_of_ours = families->lower_bound("sluice_");
  if (first_of_ours == families->end() || !first_of_ours->first.starts_with("sluice_")) {
    return Error{ErrorCode::kProtocolViolation, "metrics of something else"};
  }
  return Scrape{*std::move(families), clock.now()};
}

class TopPicture final : public LivePicture {
 public:
  TopPicture(const HttpSource& source, Duration window, Scrape first) : source_(source), history_(window) {
    history_.add(std::move(first));
  }

  Result<void> take(const std::string& answer, bool follows_silence) override {
    auto scrape = parse_scrape(answer, clock_);
    if (!scrape) return scrape.error();
    if (follows_silence) history_.clear();
    history_.add(*std::move(scrape));
    return {};
  }

  std::vector<Line> draw(const std::string& trouble, const TerminalSize& size) const override {
    return make_frame(make_view(history_.window()), source_.address().to_string(), trouble,
                      {.columns = size.columns, .rows = size.rows});
  }

 private:
  const HttpSource& source_;
  const SteadyClock clock_;
  History history_;
};

}  // namespace

Result<Scrape> scrape(const HttpSource& source, const Clock& clock) {
  const auto body = source.get();
  auto scrape = body ? parse_scrape(*body, clock) : Result<Scrape>(body.error());
  if (scrape) return scrape;
  return source.explain(scrape.error(), "engine's metrics");
}

Result<LiveEnd> watch(const HttpSource& source, const WatchOptions& options, Terminal& terminal, Scrape first) {
  TopPicture picture(source, options.window, std::move(first));
  return run_live(source, options.interval, options.look, terminal, picture);
}

}  // namespace sluice::top
