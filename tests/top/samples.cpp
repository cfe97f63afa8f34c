#include "tests/top/samples.h"

namespace sluice::top {

namespace {

class Text {
 public:
  Text& family(const std::string& name, const std::string& kind) {
    name_ = name;
    text_ += "# TYPE " + name + " " + kind + "\n";
    return *this;
  }
  Text& sample(const std::string& labels, double value) {
    text_ += name_ + (labels.empty() ? "" : "{" + labels + "}") + " " + std::to_string(value) + "\n";
    return *this;
  }
  Text& gauge(const std::string& name, double value) { return family(name, "gauge").sample("", value); }
  Text& counter(const std::string& name, double value) { return family(name, "counter").sample("", value); }
  // A count up to 0.001, as many up to 0.01, and `beyond` more.
  Text& histogram(const std::string& name, int count, int beyond, double sum) {
    family(name, "histogram");
    return buckets(name, "", count, beyond, sum);
  }
  Text& buckets(const std::string& name, const std::string& labels, int count, int beyond, double sum) {
    const std::string braces = labels.empty() ? "" : "{" + labels + "}";
    const std::string prefix = name + "_bucket{" + (labels.empty() ? "" : labels + ",") + "le=\"";
    text_ += name + "_count" + braces + " " + std::to_string(2 * count + beyond) + "\n";
    text_ += name + "_sum" + braces + " " + std::to_string(sum) + "\n";
    text_ += prefix + "0.001\"} " + std::to_string(count) + "\n";
    text_ += prefix + "0.01\"} " + std::to_string(2 * count) + "\n";
    text_ += prefix + "+Inf\"} " + std::to_string(2 * count + beyond) + "\n";
    return *this;
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::string name_;
};

void add_engine(Text& text, int n) {
  text.family("sluice_build_info", "gauge")
      .sample("version=\"0.1.0\",model=\"storyteller-llama\",kernels=\"avx512\"", 1);
  text.gauge("sluice_up", 1).gauge("sluice_epoch", 1);
  text.family("sluice_process_resident_bytes", "gauge")
      .sample("process=\"head\"", 300 << 20)
      .sample("process=\"worker-1\"", 200 << 20);
  text.family("sluice_process_open_descriptors", "gauge")
      .sample("process=\"head\"", 45)
      .sample("process=\"worker-1\"", 20);
  text.counter("sluice_requests_accepted_total", 40 * n);
  text.family("sluice_requests_finished_total", "counter")
      .sample("reason=\"stop\"", 10 * n)
      .sample("reason=\"length\"", 25 * n)
      .sample("reason=\"cancelled\"", 0);
  text.family("sluice_requests_failed_total", "counter")
      .sample("code=\"stage_lost\"", 0)
      .sample("code=\"internal\"", n);
  text.family("sluice_requests_refused_total", "counter").sample("code=\"overloaded\"", 6 * n);
  text.family("sluice_admission_refused_total", "counter")
      .sample("lack=\"places\"", 5 * n)
      .sample("lack=\"time\"", n)
      .sample("lack=\"tokenizer\"", 0);
  text.gauge("sluice_admission_queued_prompt_tokens", 512);
  text.gauge("sluice_requests_running", 16).gauge("sluice_requests_max", 64).gauge("sluice_ingress_connections", 3);
  text.counter("sluice_ingress_clients_cut_total", 0);
}

void add_batcher(Text& text, int n) {
  text.gauge("sluice_sequences_waiting", 3).gauge("sluice_sequences_running", 12).gauge("sluice_sequences_paused", 1);
  text.histogram("sluice_queue_wait_seconds", 10 * n, 0, 0.1 * n);
  text.counter("sluice_steps_total", 200 * n).gauge("sluice_steps_in_flight", 2).gauge("sluice_pipeline_depth", 2);
  text.histogram("sluice_step_tokens", 100 * n, 0, 2000 * n).histogram("sluice_step_sequences", 100 * n, 0, 1000 * n);
  text.counter("sluice_idle_seconds_total", 0.5 * n).counter("sluice_preemptions_total", n);
  text.family("sluice_kv_blocks", "gauge")
      .sample("state=\"free\"", 100)
      .sample("state=\"used\"", 200)
      .sample("state=\"cached\"", 100);
  text.gauge("sluice_kv_blocks_capacity", 400);
  text.counter("sluice_prompt_tokens_computed_total", 1500 * n).counter("sluice_output_tokens_total", 1200 * n);
  text.counter("sluice_prefix_lookup_tokens_total", 2000 * n).counter("sluice_prefix_hit_tokens_total", 500 * n);
  text.counter("sluice_tokenizer_busy_seconds_total", 0.04 * n).gauge("sluice_streams_backlog_tokens", 7);
  text.histogram("sluice_time_to_first_token_seconds", 20 * n, 0, n);
  text.histogram("sluice_time_between_tokens_seconds", 500 * n, 10 * n, n);
  text.histogram("sluice_request_seconds", 0, 0, 0);
}

void add_stages(Text& text, int n) {
  text.family("sluice_stage_info", "gauge");
  text.sample("stage=\"10\",layers=\"3-5\",place=\"spawn/cpu:0\",process=\"worker-1\"", 1);
  text.sample("stage=\"9\",layers=\"0-2\",place=\"head/cpu:0\",process=\"head\"", 1);
  text.family("sluice_stage_busy_seconds_total", "counter").sample("stage=\"9\"", n).sample("stage=\"10\"", 1.5 * n);
  text.family("sluice_stage_bubble_seconds_total", "counter").sample("stage=\"9\"", 0.25 * n).sample("stage=\"10\"", 0);
  text.family("sluice_stage_steps_total", "counter").sample("stage=\"9\"", 200 * n).sample("stage=\"10\"", 200 * n);
  text.family("sluice_stage_tokens_total", "counter").sample("stage=\"9\"", 2700 * n).sample("stage=\"10\"", 2700 * n);
  text.family("sluice_stage_step_seconds", "histogram");
  text.buckets("sluice_stage_step_seconds", "stage=\"9\"", 100 * n, 0, n);
  text.buckets("sluice_stage_step_seconds", "stage=\"10\"", 100 * n, 0, n);
}

void add_links(Text& text, int n) {
  const std::string ends[] = {"from=\"ingress\",to=\"tokenizer\"", "from=\"batcher\",to=\"stage-0\"",
                              "from=\"batcher\",to=\"responder\""};
  text.family("sluice_link_sent_messages_total", "counter");
  for (int i = 0; i < 3; ++i) text.sample(ends[i], 20 * (i + 1) * n);
  text.family("sluice_link_sent_bytes_total", "counter");
  for (int i = 0; i < 3; ++i) text.sample(ends[i], 2048 * (i + 1) * n);
  text.family("sluice_link_resent_messages_total", "counter");
  for (int i = 0; i < 3; ++i) text.sample(ends[i], i == 2 ? n : 0);
  text.family("sluice_link_unsent_messages", "gauge");
  for (int i = 0; i < 3; ++i) text.sample(ends[i], i == 0 ? 4 : 0);
  text.family("sluice_link_credit_messages", "gauge");
  for (int i = 0; i < 3; ++i) text.sample(ends[i], i == 0 ? 0 : 64);
  text.family("sluice_link_credit_bytes", "gauge");
  for (int i = 0; i < 3; ++i) text.sample(ends[i], 1 << 20);
  text.family("sluice_link_stalled_seconds_total", "counter");
  for (int i = 0; i < 3; ++i) text.sample(ends[i], i == 0 ? 0.5 * n : 0);
  text.family("sluice_link_held_messages", "gauge");
  for (int i = 0; i < 3; ++i) text.sample(ends[i], i);
}

}  // namespace

std::string engine_metrics(int n) {
  Text text;
  add_engine(text, n);
  add_batcher(text, n);
  add_stages(text, n);
  add_links(text, n);
  return text.take();
}

}  // namespace sluice::top
