@0xae383c729c23483a;
# The protocol between a client and the Sluice engine, version 1. docs/PROTOCOL.md says who sends what when.
#
# One ZeroMQ frame holds one message: the standard (unpacked) framing of Cap'n Proto, segment table and segments.
# The engine reads ClientMessage and answers with ServerMessage.
#
# Versions: fields and union members are only ever appended. A field that a peer does not know is ignored; a union
# member that it does not know is refused with `unsupportedVersion`. What would change the meaning of existing fields
# raises the version exchanged in Hello and Welcome. The messages between the engine's own parts are internal.capnp.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("sluice::wire");

const protocolVersion :UInt32 = 1;

struct ClientMessage {
  union {
    none @0 :Void;          # Says nothing: refused. Stands here so that an empty message is no Hello.
    hello @1 :Hello;        # First message of a connection.
    generate @2 :Generate;  # Asks for a continuation.
    attach @3 :Attach;      # Joins a running or recently finished request.
    cancel @4 :Cancel;      # Ends a request early.
    credit @5 :Credit;      # Takes more output.
  }
}

struct ServerMessage {
  union {
    none @0 :Void;          # Never sent.
    welcome @1 :Welcome;    # Answer to Hello.
    accepted @2 :Accepted;  # First answer to Generate and Attach.
    tokens @3 :Tokens;      # A piece of output.
    finished @4 :Finished;  # Terminal: the request ran to an end.
    failed @5 :Failed;      # Terminal: it did not. Also the refusal of any message.
  }
}

# ---- client to engine ------------------------------------------------------------------------------------------------

struct Hello {
  versionMin @0 :UInt32 = 1;  # Smallest protocol version the client speaks; 1 or more.
  versionMax @1 :UInt32 = 1;  # Largest; versionMin or more. The engine picks the largest that both speak.
  clientName @2 :Text;        # For the engine's logs; 0 to 64 bytes.
  session @3 :Data;           # 16 bytes of an earlier Welcome: resumes that session. Empty: a new one.
}

struct Generate {
  requestId @0 :Text;                   # Chosen by the client, unique in its session; 1 to 64 bytes.
  prompt @1 :Prompt;
  addSpecialTokens @2 :Bool = true;     # Text prompts: add what the tokenizer adds (begin-of-text).
  parseSpecialTokens @3 :Bool = false;  # Text and chat: "<|user|>" and the like inside the text are control tokens.
  sampling @4 :SamplingParams;          # Null: the engine's defaults (Welcome.samplingDefaults).
  seed :union {
    drawn @5 :Void;                     # The engine draws one and reports it in Accepted.
    fixed @6 :UInt64;                   # Any value. The same request and seed give the same tokens.
  }
  maxTokens @7 :UInt32 = 256;           # Tokens of output, 1 or more; cut to what the context has left.
  stop @8 :List(Text);                  # At most 16, of 1 to 256 bytes; a match ends the output, is not part of it.
  stopTokenIds @9 :List(Int32);         # At most 16; such a token ends the output and is not part of its text.
  ignoreEos @10 :Bool = false;          # Go on after the model's end-of-sequence tokens.
  logprobs @11 :LogprobOptions;         # Null: none.
  deadlineMs @12 :UInt32 = 0;           # Milliseconds left for the whole request; 0: no deadline.
  priority @13 :Int32 = 0;              # -100 to 100; larger goes first.
  tenant @14 :Text;                     # 0 to 64 bytes; carried, not yet enforced.
  resumeGraceMs @15 :UInt32 = 0;        # Milliseconds that the request outlives its last client.
  creditTokens @16 :UInt64 = 0;         # First credit: tokens with an index below. 0: Welcome.clientWindowTokens.
  trace @17 :Bool = false;              # Finished.trace says where the time went.
}

struct Prompt {
  union {
    text @0 :Text;                 # UTF-8, 1 byte or more.
    tokenIds @1 :List(Int32);      # 1 or more, each inside the model's vocabulary; taken as they are.
    chat @2 :List(ChatMessage);    # 1 or more; rendered with the model's chat template.
  }
  chatVariables @3 :Text;          # With chat: a JSON object of what else the template sees (tools, ...).
}

struct ChatMessage {
  role @0 :Text;     # "system", "user", "assistant", "tool", ...: 1 to 64 letters, digits, "-" and "_".
  content @1 :Text;  # UTF-8.
  fields @2 :Text;   # A JSON object of what else the template sees of the message (tool_calls, ...); empty: nothing.
}

struct SamplingParams {
  # Applied in the order bias, repetition penalty, presence and frequency penalty, (temperature 0: the largest logit,
  # lowest id on a tie), temperature, topK, topP, minP, draw. A field left alone has the value written here, whatever
  # the model's own defaults are: take Welcome.samplingDefaults to start from those.

  temperature @0 :Float32 = 1.0;        # 0 to 100; 0 is greedy.
  topK @1 :UInt32 = 0;                  # Keep the k largest; 0 keeps all.
  topP @2 :Float32 = 1.0;               # (0, 1]; keep the smallest set of at least this probability.
  minP @3 :Float32 = 0.0;               # [0, 1]; drop what is below minP times the largest probability.
  repetitionPenalty @4 :Float32 = 1.0;  # (0, 100]; divides positive, multiplies negative logits of tokens seen.
  presencePenalty @5 :Float32 = 0.0;    # -2 to 2; subtracted once from logits of tokens seen in the output.
  frequencyPenalty @6 :Float32 = 0.0;   # -2 to 2; subtracted once per occurrence in the output.
  choice @7 :UInt32 = 0;                # Which of several continuations of one seed.
  logitBias @8 :List(LogitBias);
}

struct LogitBias {
  token @0 :Int32;   # Inside the vocabulary.
  bias @1 :Float32;  # -100 to 100; added to the logit before anything else.
}

struct LogprobOptions {
  output @0 :Bool;  # The log-probability of each output token (of the unmodified logits).
  top @1 :UInt32;   # Besides, the most likely tokens at each output position; 0 to 20.
  prompt @2 :Bool;  # The log-probability of each prompt token after the first, in Finished.
  digest @3 :Bool;  # XXH3-64 of the f32 logits behind each output token.
}

struct Attach {
  session @0 :Data;           # 16 bytes, from the Welcome of the session that owns the request.
  requestId @1 :Text;         # As in its Generate; 1 to 64 bytes.
  fromIndex @2 :UInt64 = 0;   # First output token wanted.
  creditTokens @3 :UInt64 = 0;  # As in Generate: counted from the request's first output token, not from fromIndex.
}

struct Cancel {
  requestId @0 :Text;  # 1 to 64 bytes. An unknown one is ignored: the request may have just ended.
}

struct Credit {
  requestId @0 :Text;    # 1 to 64 bytes. An unknown one is ignored.
  upToIndex @1 :UInt64;  # Takes output tokens with an index below. Cumulative: a smaller one changes nothing.
}

# ---- engine to client ------------------------------------------------------------------------------------------------

struct Welcome {
  version @0 :UInt32;                    # In force from now on; versionMin to versionMax of the Hello.
  session @1 :Data;                      # 16 bytes. Whoever has them may attach to the session's requests.
  model @2 :Text;                        # Name of the model directory.
  maxRequests @3 :UInt32;                # Requests that the engine runs at a time, of all clients together.
  contextTokens @4 :UInt32;              # Prompt and output together, in tokens.
  clientWindowTokens @5 :UInt32;         # Tokens: default first credit, and how far the engine computes ahead.
  messageBytesMax @6 :UInt32;            # Larger messages of a client are refused, in bytes.
  samplingDefaults @7 :SamplingParams;   # What a null Generate.sampling means.
  vocabularyTokens @8 :UInt32;           # Token ids are below it. 0: an engine that does not say.
}

struct Accepted {
  requestId @0 :Text;  # 1 to 64 bytes.
  seed @1 :UInt64;     # In force. Repeat it for the same tokens.
}

struct Tokens {
  requestId @0 :Text;                   # 1 to 64 bytes.
  firstIndex @1 :UInt64;                # Of tokenIds[0], counted over the whole output from 0.
  tokenIds @2 :List(Int32);             # Consecutive output tokens; empty where only held-back text follows.
  text @3 :Text;                        # Whole UTF-8 characters, appended to all text before; may lag behind the ids.
  logprobs @4 :List(TokenLogprobs);     # Empty, or one per token.
}

struct TokenLogprobs {
  logprob @0 :Float32;          # Natural logarithm; 0 or less.
  top @1 :List(TopLogprob);     # Most likely first; as many as asked for.
  digest @2 :UInt64;            # 0 unless asked for.
}

struct TopLogprob {
  token @0 :Int32;
  logprob @1 :Float32;  # Natural logarithm; 0 or less.
}

enum FinishReason {
  stop @0;       # An end-of-sequence or stop token, or a stop string.
  length @1;     # maxTokens reached, or the context is full.
  cancelled @2;  # Cancel, or no client for longer than resumeGraceMs.
  deadline @3;   # deadlineMs passed after the first token.
}

struct Finished {
  requestId @0 :Text;                    # 1 to 64 bytes.
  reason @1 :FinishReason;
  usage @2 :Usage;
  times @3 :PhaseTimes;
  promptLogprobs @4 :List(Float32);      # Natural logarithms of prompt tokens 1, 2, ...; empty unless asked for.
  trace @5 :Trace;                       # Null unless asked for.
}

struct Trace {
  spans @0 :List(TraceSpan);  # At most 4096; those of one kind in the order of their starts.
  numDropped @1 :UInt32;      # Beyond the limits.
}

struct TraceSpan {
  kind @0 :TraceKind;
  stage @1 :UInt16;        # receive, compute: index of the stage.
  tokens @2 :UInt32;       # Of the request: in the micro-batch, or sent.
  batchTokens @3 :UInt32;  # Of all requests in the micro-batch.
  step @4 :UInt64;         # Number of the micro-batch; 0: none.
  startUs @5 :UInt64;      # Microseconds since admission.
  durationUs @6 :UInt64;   # Microseconds.
}

enum TraceKind {
  # docs/TRACES.md says on which track each lies.

  other @0;        # Never sent.
  admission @1;    # Waiting in front of the tokenizer.
  tokenize @2;
  queue @3;        # Waiting for the first place in a batch.
  prefill @4;      # To the first token.
  decode @5;       # To the last token.
  respond @6;      # To the terminal message.
  prefillStep @7;  # A micro-batch with prompt tokens of the request, from dispatch to result.
  decodeStep @8;   # One with its last token.
  receive @9;      # A stage reads the micro-batch.
  compute @10;     # A stage runs its layers.
  send @11;        # Tokens, from their arrival until all are on their way to a client.
}

struct Usage {
  promptTokens @0 :UInt32;
  outputTokens @1 :UInt32;  # Without tokens that overran a stop string or were dropped.
  cachedTokens @2 :UInt32;  # Prompt tokens taken from the prefix cache; 0 to promptTokens.
}

struct PhaseTimes {
  # Microseconds. The sum is at most the time from Generate to the terminal message.

  tokenizeUs @0 :UInt64;  # From admission to the end of tokenization.
  queueUs @1 :UInt64;     # Waiting for the first place in a batch.
  prefillUs @2 :UInt64;   # From then to the first output token.
  decodeUs @3 :UInt64;    # From then to the last output token.
}

enum ErrorCode {
  # docs/PROTOCOL.md has the table of what each means and when a retry helps.

  unknown @0;             # Never sent.
  invalidRequest @1;
  promptTooLong @2;
  overloaded @3;
  unavailable @4;
  deadlineExceeded @5;
  cancelled @6;
  outOfBlocks @7;
  modelLoadFailed @8;
  protocolViolation @9;
  transportLost @10;
  stageLost @11;
  idConflict @12;
  notFound @13;
  invalidConfig @14;
  addressInUse @15;
  unsupportedVersion @16;
  internal @17;
}

struct Error {
  code @0 :ErrorCode;        # A client that does not know the code goes by `retryable`.
  message @1 :Text;          # One sentence for people: what, value, limit.
  retryable @2 :Bool;        # Whether sending the same request again can succeed.
  retryAfterMs @3 :UInt32;   # Milliseconds to wait before; 0 unless retryable.
}

struct Failed {
  requestId @0 :Text;  # 0 to 64 bytes; empty where the message that failed had none.
  error @1 :Error;
}
