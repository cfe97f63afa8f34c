// sluice inspect REC: what a recording holds, and whether it is whole.

#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/recording_summary.h"
#include "cli/verbs.h"
#include "transport/recording/reader.h"

namespace sluice::cli {
namespace {

struct InspectOptions {
  std::string file;
  bool json = false;
  bool list = false;
  std::optional<double> from_s;
};

ExitCode run_inspect(const InspectOptions& options) {
  auto reader = transport::RecordingReader::open(options.file);
  if (!reader.ok()) return report(reader.error());
  if (options.from_s) reader->seek(static_cast<std::uint64_t>(*options.from_s * 1e6));
  RecordingSummary summary(options.file, *reader);
  const auto from_us = static_cast<std::uint64_t>(options.from_s.value_or(0) * 1e6);
  while (const auto item = reader->next()) {
    if (!options.list) {
      summary.add(*item);
      continue;
    }
    const auto* message = std::get_if<transport::RecordedMessage>(&*item);
    if (message == nullptr || message->time_us >= from_us) std::cout << item_line(*item);
    if (!std::cout.good()) return kExitFailure;
  }
  const transport::RecordingEnd& end = reader->end();
  summary.finish(end);
  if (options.list && end.torn_bytes > 0) {
    std::cout << "torn tail: " << end.torn_bytes << " bytes from offset " << end.torn_offset << " on\n";
  }
  if (!options.list) std::cout << (options.json ? summary.json() : summary.text());
  std::cout.flush();
  return std::cout.good() ? kExitOk : kExitFailure;
}

}  // namespace

void add_inspect(CLI::App& app, ExitCode& exit_code) {
  CLI::App* verb = app.add_subcommand("inspect", "Show what a recording holds, and whether it is whole");
  const auto options = std::make_shared<InspectOptions>();
  verb->add_option("REC", options->file, "The recording")->required();
  auto* json = verb->add_flag("--json", options->json, "The sums as one JSON object");
  auto* list = verb->add_flag("--list", options->list, "A line for each message instead of sums")->excludes(json);
  verb->add_option("--from", options->from_s, "With --list: from so many seconds on")
      ->check(CLI::Range(0.0, 1e12))
      ->needs(list);
  verb->footer(R"(
A recording is made by an engine whose topology file has [record]. A torn tail, which a crash leaves, and damaged places
are told; all that is whole is shown. docs/RECORDING.md describes the file.

Examples:
  sluice inspect run.rec
  sluice inspect run.rec --list --from 12.5)");
  verb->callback([options, &exit_code] { exit_code = run_inspect(*options); });
}

}  // namespace sluice::cli
