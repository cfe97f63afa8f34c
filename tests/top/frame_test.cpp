#include "top/frame.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/top/samples.h"

namespace sluice::top {
namespace {

using std::chrono::seconds;

const std::string kSource = "http://127.0.0.1:9464/metrics";

View view_of_two_seconds() {
  const Scrape before = scrape_at(seconds(100), engine_metrics(3));
  const Scrape now = scrape_at(seconds(102), engine_metrics(4));
  return make_view(Window(&before, now));
}

std::string text_of(const View& view, const FrameSize& size, const std::string& trouble = "") {
  return paint_text(make_frame(view, kSource, trouble, size), size.columns);
}

TEST_SUITE("top/frame") {
  TEST_CASE("a whole frame") {
    CHECK(
        text_of(view_of_two_seconds(), {.columns = 110, .rows = 0}) ==
        R"(sluice top   storyteller-llama   up   last 2.00 s   epoch 1   kernels avx512   http://127.0.0.1:9464/metrics
requests   [||||||                  ]   running 16 of 64   connections 3   queued tokens 512
           accepted 20.0/s   refused 3.00/s (overloaded)   lacking places 2.50, time 0.50
           finished 17.5/s (length 12.5, stop 5.00)   failed 0.50/s (internal)
tokens     output 600/s   prompt 750/s   prefix hits 25 %   tokenizer busy 2 %
sequences  running 12   waiting 3   paused 1   preempted 0.50/s   unread 7
steps      100/s of 5.00 sequences, 10.0 tokens   in flight 2 of 2   idle 25 %
blocks     [||||||||||||......      ]   used | 200   cached . 100   of 400
memory     head 300 MiB, 45 descriptors   worker-1 200 MiB, 20 descriptors

latency             per s       p50       p90       p99
queue wait           10.0   1.00 ms   8.20 ms   9.82 ms
first token          20.0   1.00 ms   8.20 ms   9.82 ms
between tokens        505   1.09 ms   8.36 ms   10.0 ms
end to end              0         -         -         -

stage                   busy | bubble .                   busy  bubble  steps/s  tokens/s   step p50       p99
9   0-2    head/cpu:0  [|||||||||||||||....           ]   50 %    13 %      100      1350    1.00 ms   9.82 ms
10  3-5    spawn/cpu:0 [|||||||||||||||||||||||       ]   75 %     0 %      100      1350    1.00 ms   9.82 ms

link                    msg/s   bytes/s  stalled  unsent  held  credit  in bytes
ingress > tokenizer      10.0  1.00 KiB     25 %       4     0       0  1.00 MiB
batcher > stage-0        20.0  2.00 KiB      0 %       0     1      64  1.00 MiB
batcher > responder      30.0  3.00 KiB      0 %       0     2      64  1.00 MiB  resent 0.50/s
)");
  }

  TEST_CASE("in 80 columns and 24 rows tables lose columns, and the gaps between them go") {
    CHECK(text_of(view_of_two_seconds(), {.columns = 80, .rows = 24}) ==
          R"(sluice top   storyteller-llama   up   last 2.00 s   epoch 1   kernels avx512   >
requests   [|||       ]   running 16 of 64   connections 3   queued tokens 512
           accepted 20.0/s   refused 3.00/s (overloaded)   lacking places 2.50,>
           finished 17.5/s (length 12.5, stop 5.00)   failed 0.50/s (internal)
tokens     output 600/s   prompt 750/s   prefix hits 25 %   tokenizer busy 2 %
sequences  running 12   waiting 3   paused 1   preempted 0.50/s   unread 7
steps      100/s of 5.00 sequences, 10.0 tokens   in flight 2 of 2   idle 25 %
blocks     [|||||...  ]   used | 200   cached . 100   of 400
memory     head 300 MiB, 45 descriptors   worker-1 200 MiB, 20 descriptors
latency             per s       p50       p90       p99
queue wait           10.0   1.00 ms   8.20 ms   9.82 ms
first token          20.0   1.00 ms   8.20 ms   9.82 ms
between tokens        505   1.09 ms   8.36 ms   10.0 ms
end to end              0         -         -         -
stage                                 busy  bubble  steps/s  tokens/s   step p50
9   0-2    head/cpu:0  [|||||.    ]   50 %    13 %      100      1350    1.00 ms
10  3-5    spawn/cpu:0 [||||||||  ]   75 %     0 %      100      1350    1.00 ms
link                    msg/s   bytes/s  stalled  unsent  held  credit  in bytes
ingress > tokenizer      10.0  1.00 KiB     25 %       4     0       0  1.00 MiB
batcher > stage-0        20.0  2.00 KiB      0 %       0     1      64  1.00 MiB
batcher > responder      30.0  3.00 KiB      0 %       0     2      64  1.00 MiB
)");
  }

  TEST_CASE("what has not been told is a dash") {
    const std::string text = text_of(View{}, {.columns = 110, .rows = 0});
    CHECK(text.find("running - of -") != std::string::npos);
    CHECK(text.find("accepted -/s") != std::string::npos);
    CHECK(text.starts_with("sluice top   first look, no rates yet   epoch -   " + kSource + "\n"));
  }

  TEST_CASE("trouble stands below the title") {
    const std::string text = text_of(view_of_two_seconds(), {.columns = 110, .rows = 0}, "no answer since 14:02:11");
    CHECK(text.find("metrics\nno answer since 14:02:11\nrequests ") != std::string::npos);
  }

  TEST_CASE("an engine that takes no requests, and one that has lost a stage, stand out") {
    View view = view_of_two_seconds();
    view.engine.up = 0;
    view.engine.epoch = 2;
    const std::string title = paint(make_frame(view, kSource, "", {})[0], 200, Look::kColour);
    CHECK(title.find("\033[1;31mTAKES NO REQUESTS\033[0m") != std::string::npos);
    CHECK(title.find("\033[33m2\033[0m") != std::string::npos);
  }

  TEST_CASE("no frame is higher than its window, and tables say how much of them is missing") {
    View view = view_of_two_seconds();
    view.stages.resize(10, view.stages[0]);
    view.links.resize(18, view.links[0]);
    for (std::size_t rows = 1; rows < 60; ++rows) {
      CAPTURE(rows);
      CHECK(make_frame(view, kSource, "", {.columns = 80, .rows = rows}).size() <= rows);
    }
    CHECK(make_frame(view, kSource, "", {.columns = 80, .rows = 200}).size() == 47);
    CHECK(text_of(view, {.columns = 110, .rows = 18}).ends_with("... 8 more\n"));  // Of the stages; no links.
    const std::string text = text_of(view, {.columns = 110, .rows = 36});
    CHECK(std::count(text.begin(), text.end(), '\n') == 36);
    CHECK(text.ends_with("... 12 more\n"));
  }
}

}  // namespace
}  // namespace sluice::top
