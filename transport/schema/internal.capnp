@0xa86ea26ca3f9d9d9;
# What the engine's own parts tell each other: LinkMessage on the links between actors, WorkerMessage and HeadMessage
# between a worker and the supervisor. No interface for others: both ends of a link are of one build of the engine, and
# WorkerHello.version is raised with any change here that old and new could not both read.
#
# Tokens are vocabulary indices, positions count the tokens of a sequence from 0 (prompt and output together), indices
# count its output tokens from 0, sequences are numbers of the ingress from 1.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("sluice::wire");
using Client = import "sluice.capnp";

struct LinkMessage {
  union {
    none @0 :Void;  # Never sent; refused.
    submission @1 :Submission;
    sequenceStart @2 :SequenceStart;
    sequenceCancel @3 :SequenceCancel;
    stageBatch @4 :StageBatch;
    stepResult @5 :StepResult;
    streamOpen @6 :StreamOpen;
    streamAttach @7 :StreamAttach;
    streamCredit @8 :StreamCredit;
    streamDetach @9 :StreamDetach;
    stepTokens @10 :StepTokens;
    streamEnd @11 :StreamEnd;
    streamStop @12 :StreamStop;
    streamPause @13 :StreamPause;
    clientAnswers @14 :ClientAnswers;
    streamReleased @15 :StreamReleased;
    partialResult @16 :PartialResult;
    sequenceEnded @17 :SequenceEnded;
  }
}

# ---- ingress to tokenizer to batcher ---------------------------------------------------------------------------------

struct GenerationSpec {
  sampling @0 :Client.SamplingParams;
  seed @1 :UInt64;
  maxTokens @2 :UInt32;                 # Tokens of output, 1 or more.
  stopTokenIds @3 :List(Int32);         # At most 16.
  ignoreEos @4 :Bool;
  logprobs @5 :Client.LogprobOptions;
  priority @6 :Int32;                   # -100 to 100; larger goes first.
  tenant @7 :Text;                      # 0 to 64 bytes.
  trace @8 :Bool;
}

struct TimeLeft {
  # Until a deadline, when the message was sent.
  union {
    unlimited @0 :Void;
    us @1 :UInt64;  # Microseconds.
  }
}

struct Submission {
  sequence @0 :UInt64;
  prompt @1 :Client.Prompt;
  addSpecialTokens @2 :Bool;
  parseSpecialTokens @3 :Bool;
  spec @4 :GenerationSpec;
  timeLeft @5 :TimeLeft;
  ageUs @6 :UInt64;  # Microseconds since admission, when sent.
}

struct SequenceStart {
  sequence @0 :UInt64;
  promptIds @1 :List(Int32);  # 1 or more.
  spec @2 :GenerationSpec;
  timeLeft @3 :TimeLeft;
  tokenizeUs @4 :UInt64;      # Microseconds, for PhaseTimes.
}

struct SequenceCancel {
  sequence @0 :UInt64;
}

# ---- batcher to stages to batcher ------------------------------------------------------------------------------------

struct StageBatch {
  # A second frame holds the hidden states, f32 row-major little-endian, if rows * columns is not 0.

  epoch @0 :UInt64;                    # 1 or more.
  step @1 :UInt64;                     # 1 or more, counted within the epoch.
  tokenIds @2 :List(Int32);            # Of all entries, concatenated in their order.
  entries @3 :List(BatchEntry);        # 1 or more; each sequence at most once.
  opened @4 :List(SequenceOpening);
  closed @5 :List(UInt64);             # Sequences to forget, before looking at the entries.
  hiddenRows @6 :UInt32;               # 0 into the first stage, else the number of tokens.
  hiddenColumns @7 :UInt32;            # Hidden size of the model.
  isTraced @8 :Bool;                   # Each stage adds its time.
  stageTimes @9 :List(StageTime);      # Of the stages before; at most 256.
  idleUs @10 :UInt64;                   # Microseconds since the batch before in which the engine had no work.
}

struct StageTime {
  stage @0 :UInt32;
  receiveUs @1 :UInt64;  # Microseconds: reading the micro-batch.
  computeUs @2 :UInt64;  # Microseconds: from then to the output.
}

struct BatchEntry {
  sequence @0 :UInt64;
  firstPosition @1 :UInt32;        # The entry has positions [firstPosition, firstPosition + numTokens).
  numTokens @2 :UInt32;            # 1 or more.
  wantsSample @3 :Bool;            # Sample a token after the last one.
  wantsPromptLogprobs @4 :Bool;    # Report log-probabilities of the tokens that follow each of these in the prompt.
  nextPromptToken @5 :Int32 = -1;  # The prompt token after this chunk; -1 at the prompt's end.
  blockTable @6 :List(UInt32);     # KV blocks of positions 0, blockTokens, 2 * blockTokens, ... to the last token.
}

struct SequenceOpening {
  sequence @0 :UInt64;
  sampling @1 :Client.SamplingParams;
  seed @2 :UInt64;
  logprobs @3 :Client.LogprobOptions;
  promptTokens @4 :UInt32;     # Tokens at positions below are prompt, the others output.
  history @5 :List(Int32);     # Tokens at positions before the first chunk's; else empty.
}

struct StepResult {
  epoch @0 :UInt64;
  step @1 :UInt64;
  samples @2 :List(Sample);
  promptLogprobs @3 :List(PromptLogprobs);
  stageTimes @4 :List(StageTime);  # Of all stages, if the batch was traced.
}

struct Sample {
  sequence @0 :UInt64;
  position @1 :UInt32;                   # Of the sampled token in the sequence.
  token @2 :Int32;
  logprobs @3 :Client.TokenLogprobs;     # Null unless asked for.
}

struct PromptLogprobs {
  sequence @0 :UInt64;
  firstPosition @1 :UInt32;    # Of values[0].
  values @2 :List(Float32);    # Natural logarithms.
}

# ---- to and from the responder ---------------------------------------------------------------------------------------

struct StreamOpen {
  sequence @0 :UInt64;
  requestId @1 :Text;            # 1 to 64 bytes.
  route @2 :Data;                # ZeroMQ routing id of the client's connection, 1 to 255 bytes.
  stop @3 :List(Text);           # At most 16 strings of 1 to 256 bytes.
  stopTokenIds @4 :List(Int32);  # At most 16.
  seed @5 :UInt64;
  creditTokens @6 :UInt64;       # Output tokens with an index below may be sent.
  timeLeft @7 :TimeLeft;
  trace @8 :Bool;
}

struct StreamAttach {
  sequence @0 :UInt64;
  route @1 :Data;            # 1 to 255 bytes.
  fromIndex @2 :UInt64;      # First output token wanted.
  creditTokens @3 :UInt64;   # Output tokens with an index below may be sent.
}

struct StreamCredit {
  sequence @0 :UInt64;
  route @1 :Data;        # 1 to 255 bytes.
  upToIndex @2 :UInt64;  # Output tokens with an index below may be sent; cumulative.
}

struct StreamDetach {
  route @0 :Data;  # 1 to 255 bytes.
}

struct StreamTokens {
  sequence @0 :UInt64;
  firstIndex @1 :UInt64;                      # Of tokenIds[0] in the output.
  tokenIds @2 :List(Int32);
  logprobs @3 :List(Client.TokenLogprobs);    # Empty, or one per token.
}

struct PartialResult {
  epoch @0 :UInt64;
  exchange @1 :UInt64;   # From 1 in each epoch.
  rows @2 :UInt32;       # 1: the values follow as a further frame, f32 little-endian.
  columns @3 :UInt32;
}

struct StepTokens {
  streams @0 :List(StreamTokens);
}

struct StreamEnd {
  sequence @0 :UInt64;
  outcome :union {
    finished @1 :Client.FinishReason;
    failed @2 :Client.Error;
  }
  usage @3 :Client.Usage;
  times @4 :Client.PhaseTimes;
  promptLogprobs @5 :List(Float32);  # Natural logarithms of prompt tokens 1, 2, ...; empty unless asked for.
  trace @6 :Client.Trace;            # Null unless asked for; starts count from the batcher's receipt.
  elapsedUs @7 :UInt64;              # With a trace: microseconds from that receipt to this message.
}

struct StreamStop {
  sequence @0 :UInt64;
  outputTokens @1 :UInt32;  # The output is this many tokens long.
}

struct StreamPause {
  sequence @0 :UInt64;
  paused @1 :Bool;
}

struct ClientAnswer {
  sequence @0 :UInt64;
  route @1 :Data;          # 1 to 255 bytes.
  isTerminal @2 :Bool;     # The attachment's last message.
  frame @3 :Data;          # One encoded ServerMessage.
  showsOutput @4 :Bool;    # Tokens, or the Finished of a sequence that was not cancelled.
}

struct ClientAnswers {
  answers @0 :List(ClientAnswer);
}

struct StreamReleased {
  sequence @0 :UInt64;
  isKept @1 :Bool;  # The result can still be attached to.
  promptTokens @2 :UInt32;  # 0: it ended before it was tokenized.
}

struct SequenceEnded {
  # To the router of several replicas, with each StreamEnd.
  sequence @0 :UInt64;
  outputTokens @1 :UInt32;
}

# ---- worker and supervisor -------------------------------------------------------------------------------------------

struct WorkerMessage {
  union {
    none @0 :Void;  # Never sent; refused.
    hello @1 :WorkerHello;
    stageReady @2 :StageReady;
    stageFailed @3 :StageFailed;
    loadProgress @4 :LoadProgress;
    stageStats @5 :StageStats;
    leave @6 :Void;
  }
}

struct HeadMessage {
  union {
    none @0 :Void;  # Never sent; refused.
    welcome @1 :Void;
    refused @2 :Client.Error;
    stageAssign @3 :StageAssign;
    stageConnect @4 :StageConnect;
    stageRelease @5 :StageRelease;
    peerKeys @6 :List(PeerKey);  # Whose connections the worker's stages take; replaces those before.
  }
}

struct PeerKey {
  name @0 :Text;
  publicKey @1 :Data;  # 32 bytes, of CURVE.
}

enum WeightsKind {
  file @0;
  random @1;
  mock @2;
}

enum ExpertSplit {
  byWidth @0;
  byExpert @1;
}

enum DType {
  f32 @0;
  bf16 @1;
  f16 @2;
}

struct WorkerHello {
  version @0 :UInt32;      # Of this file's messages.
  name @1 :Text;           # 1 to 64 characters of [a-z0-9-].
  incarnation @2 :UInt64;  # Random per process.
  processId @3 :UInt64;    # On its host.
  kernelPath @4 :Text;     # "avx512", "avx2" or "scalar".
  cpus @5 :UInt32;         # That it may use.
  devices @6 :List(Text);  # "cpu:0"
}

struct StageAssign {
  epoch @0 :UInt64;
  stage @1 :UInt32;           # Index in the plan, rank by rank; below numStages.
  numStages @2 :UInt32;       # 1 or more.
  modelPath @3 :Text;
  firstLayer @4 :UInt32;
  numLayers @5 :UInt32;       # 1 or more.
  dtype @6 :DType;            # Of the weights in memory.
  compute @7 :DType;
  kernelPath @8 :Text;        # "auto", "avx512", "avx2" or "scalar".
  threads @9 :UInt32;         # 1 or more.
  blockTokens @10 :UInt32;    # Tokens of a KV block.
  numBlocks @11 :UInt32;      # KV blocks.
  maxBatchTokens @12 :UInt32; # Tokens of a micro-batch.
  inputAddress @13 :Text;     # Where to bind.
  windowMessages @14 :UInt32; # Of the links into and out of the stage.
  windowBytes @15 :UInt64;
  heartbeatMs @16 :UInt32;    # Of those links, between processes.
  timeoutMs @17 :UInt32;      # Silence after which a peer's connection counts as lost.
  weights @18 :WeightsKind;
  mockStepUs @19 :UInt32;     # With weights mock: what a step takes,
  mockTokenUs @20 :UInt32;    # and each of its tokens besides.
  reportIntervalMs @21 :UInt32;  # How often StageStats are wanted; 0: never.
  pipelineStage @22 :UInt32;     # Which stage of the pipeline this is a rank of.
  rank @23 :UInt32;              # Below numRanks.
  numRanks @24 :UInt32 = 1;
  exchangeAddress @25 :Text;     # Where to bind for the partial results of rank {peer}; or empty.
  modelFingerprint @26 :UInt64;  # Of the head's model; 0: anything.
  experts @27 :ExpertSplit;      # Of a mixture, between the ranks.
  deterministic @28 :Bool = true;  # Whether a sequence's bits are free of the batch.
}

struct LoadProgress {
  epoch @0 :UInt64;
  stage @1 :UInt32;
  bytesDone @2 :UInt64;
  bytesTotal @3 :UInt64;
}

struct StageReady {
  epoch @0 :UInt64;
  stage @1 :UInt32;
  inputAddress @2 :Text;   # Where the previous stage connects.
  weightsBytes @3 :UInt64;
  kvCacheBytes @4 :UInt64;
  exchangeAddresses @5 :List(Text);  # By rank, where that rank connects; or empty.
}

struct StageFailed {
  epoch @0 :UInt64;
  stage @1 :UInt32;
  error @2 :Client.Error;
}

struct StageConnect {
  epoch @0 :UInt64;
  stage @1 :UInt32;
  outputAddresses @2 :List(Text);    # Of the next stage's ranks, or the batcher's; of rank 0 alone.
  exchangeAddresses @3 :List(Text);  # By rank, where it waits for this one's partial results; or empty.
}

struct StageRelease {
  stage @0 :UInt32;
}

struct StageStats {
  # Totals count since the stage's process began; times are microseconds.

  stage @0 :UInt32;
  snapshotsTotal @1 :UInt64;     # This one included.
  stepsTotal @2 :UInt64;
  tokensTotal @3 :UInt64;
  busyUsTotal @4 :UInt64;
  bubbleUsTotal @5 :UInt64;
  stepUsCounts @6 :List(UInt64); # By bucket of base/histogram.h.
  stepUsSum @7 :UInt64;
  weightsBytes @8 :UInt64;
  kvCacheBytes @9 :UInt64;
  input @10 :LinkReceiverStats;
  output @11 :LinkSenderStats;
  residentBytes @12 :UInt64;     # Of its process.
  openDescriptors @13 :UInt64;   # Of its process.
}

struct LinkSenderStats {
  messagesTotal @0 :UInt64;
  bytesTotal @1 :UInt64;
  resentTotal @2 :UInt64;
  stalledUsTotal @3 :UInt64;
  queuedMessages @4 :UInt64;
  unsentMessages @5 :UInt64;
  creditMessages @6 :UInt64;
  creditBytes @7 :UInt64;
}

struct LinkReceiverStats {
  messagesTotal @0 :UInt64;
  bytesTotal @1 :UInt64;
  heldMessages @2 :UInt64;
  heldBytes @3 :UInt64;
}
